"""What tasks on speech share."""
