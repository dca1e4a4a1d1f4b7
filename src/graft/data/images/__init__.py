"""From files and arrays to pictures."""
