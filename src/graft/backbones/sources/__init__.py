"""One file a source of pretrained networks."""
