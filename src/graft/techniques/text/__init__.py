"""What techniques for texts share."""
