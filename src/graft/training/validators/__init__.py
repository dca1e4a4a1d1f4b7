"""Validators: what a technique is chosen by where no labels of the target may be looked at."""
