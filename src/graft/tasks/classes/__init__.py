"""What tasks that predict classes share."""
