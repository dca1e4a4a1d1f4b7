"""How tasks are named with their options."""
