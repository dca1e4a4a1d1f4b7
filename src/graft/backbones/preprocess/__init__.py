"""From samples to what a network reads."""
