"""Specs of techniques: names, settings and combinations."""
