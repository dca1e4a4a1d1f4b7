"""Sounds: open files of any rate and width as mono, listen to them for checks, play them."""
