"""What validators share that compare the domains."""
