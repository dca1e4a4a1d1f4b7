"""Functions of torch that are replaced while a network trains."""
