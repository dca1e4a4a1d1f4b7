"""What tasks that predict a number share."""
