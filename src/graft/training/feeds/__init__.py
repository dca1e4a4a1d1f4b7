"""Batches, in the order in which steps draw them."""
