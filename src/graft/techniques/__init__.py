"""Techniques: ways to transfer.

One file a technique; `technique.py` is the contract, `formulas/` holds pure functions.
"""
