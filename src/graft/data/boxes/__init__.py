"""Boxes on pictures: as files have them, and checked and in pixels, as samples have them."""
