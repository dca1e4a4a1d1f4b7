"""Heads that are solved instead of stepped."""
