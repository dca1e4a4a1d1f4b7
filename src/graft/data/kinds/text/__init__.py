"""What kinds of data with texts share."""
