"""The syntax trees of files, which many tests look at."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path


# The tests of one file run one after another. Trees of all files would be a million objects, which
# the garbage collector would look at again and again.
@lru_cache(maxsize=1)
def parse(path: Path) -> ast.Module:
    """Return the tree of a file; do not change it."""
    return ast.parse(path.read_text(encoding="utf-8"))
