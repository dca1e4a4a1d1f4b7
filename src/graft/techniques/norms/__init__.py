"""What techniques that adapt normalizations share."""
