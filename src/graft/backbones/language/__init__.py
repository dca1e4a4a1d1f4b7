"""What only networks that read text need."""
