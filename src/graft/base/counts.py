"""Numbers of things in words."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`, `2 classes`, `4 boxes`."""
    ending = "" if number == 1 else "es" if noun.endswith(("s", "x")) else "s"
    return f"{number:,} {noun}{ending}"
