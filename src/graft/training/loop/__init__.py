"""The training loop: read trainer.py first."""
