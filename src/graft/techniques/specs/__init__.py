"""How techniques are named, joined and read."""
