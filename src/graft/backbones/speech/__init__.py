"""What only networks that hear speech need: encoders that read sounds of their true length."""
