"""One file a data format."""
