"""What frozen layers give is recorded once, and read from disk."""
