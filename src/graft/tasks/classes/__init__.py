"""What tasks share that predict classes."""
