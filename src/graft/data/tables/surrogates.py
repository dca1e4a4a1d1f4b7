"""Refuse lone surrogates: halves of characters, which no encoding and no tokenizer can handle."""

from __future__ import annotations

import re
from collections.abc import Iterable

from graft.base.errors import DataError, listed

_HALF = re.compile("[\ud800-\udfff]")


def check_whole(texts: Iterable[tuple[str, str]], where: str) -> None:
    """Raise DataError for texts with lone surrogates, naming their places in `where`."""
    halves = [(place, match) for place, text in texts if (match := _HALF.search(text))]
    if halves:
        shown = listed((f"{place} (\\u{ord(match[0]):x})" for place, match in halves), 5)
        raise DataError(
            f"{len(halves):,} texts of {where} hold half a sign, a lone surrogate: {shown}. The "
            "program that wrote them cut a sign in two; write them again, or replace it."
        )
