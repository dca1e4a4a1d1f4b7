"""What techniques share that learn from samples without labels, before another technique."""
