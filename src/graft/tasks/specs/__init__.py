"""Specs of tasks: names with options."""
