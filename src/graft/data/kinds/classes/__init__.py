"""What kinds share whose targets are classes."""
