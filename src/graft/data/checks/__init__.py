"""What a person should know of data before training on them."""
