"""Writing that puts no blanks between words."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
"""How the Unicode names of the characters of such scripts begin."""


def is_unspaced(texts: Iterable[str]) -> bool:
    """Whether most letters of texts are of scripts without blanks between words, as Chinese."""
    counts: Counter[str] = Counter()
    for text in texts:
        # Without the compatibility forms: half-width katakana have other names.
        counts.update(unicodedata.normalize("NFKC", text))
    # Many vowels of these scripts are marks.
    letters = {c: count for c, count in counts.items() if unicodedata.category(c)[0] in "LM"}
    unspaced = sum(n for c, n in letters.items() if unicodedata.name(c, "").startswith(_SCRIPTS))
    return 2 * unspaced > sum(letters.values())
