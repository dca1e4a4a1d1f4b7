"""What formats of running text share."""
