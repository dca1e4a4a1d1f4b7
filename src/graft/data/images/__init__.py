"""Read pictures from files and arrays."""
