"""What techniques of adaptation to another domain share."""
