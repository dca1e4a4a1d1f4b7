"""Preprocessing: from samples to the inputs of a network."""
