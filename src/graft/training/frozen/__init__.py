"""Recordings of frozen layers: computed once, and read from disk."""
