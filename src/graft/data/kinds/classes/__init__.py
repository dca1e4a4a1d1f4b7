"""What kinds with classes as targets share."""
