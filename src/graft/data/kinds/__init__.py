"""Kinds of examples: what one can ask of each. One file a kind; `kind.py` is the contract."""
