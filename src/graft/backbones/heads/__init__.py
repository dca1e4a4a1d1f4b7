"""Heads: the last layers, from features to the output of a task. One file a head."""
