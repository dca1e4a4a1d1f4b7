"""Measure how many tokens of texts a network does not know.

Unknown are characters or words for which its tokenizer has nothing but one common token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.backbones.preprocess.preprocess import TextPreprocess

LOOKED_AT, CHARACTERS = 1000, 2000
"""Texts that are looked at, evenly spread over all, and characters of each: enough for a share, and
done in a second or two."""
SHOWN, SHOWN_CHARACTERS = 3, 20


@dataclass(frozen=True)
class Unknown:
    """The number of the inspected `texts` that have unknown tokens.

    With their `share` of all tokens, and the commonest as written.
    """

    texts: int
    with_unknown: int
    share: float
    examples: tuple[str, ...]


def unknown_tokens(texts: Sequence[str], preprocess: TextPreprocess) -> Unknown:
    """Count the unknown tokens of the texts; tokenizers of bytes know everything."""
    tokenizer = preprocess.tokenizer
    chosen = np.unique(
        np.linspace(0, len(texts) - 1, min(LOOKED_AT, len(texts))).round().astype(int)
    )
    beginnings = [texts[i][:CHARACTERS] for i in chosen]
    asked = {
        "add_special_tokens": False,
        "return_offsets_mapping": tokenizer.is_fast,
        "verbose": False,
    }
    encoded = tokenizer(beginnings, **asked) if beginnings else {"input_ids": []}
    unknown = [
        [i for i, token in enumerate(ids) if token == tokenizer.unk_token_id]
        for ids in encoded["input_ids"]
    ]
    written: Counter[str] = Counter()
    if tokenizer.is_fast:
        for text, places, offsets in zip(
            beginnings, unknown, encoded.get("offset_mapping", []), strict=True
        ):
            written.update(text[offsets[i][0] : offsets[i][1]][:SHOWN_CHARACTERS] for i in places)
    total = sum(map(len, encoded["input_ids"]))
    share = sum(map(len, unknown)) / max(total, 1)
    return Unknown(
        len(beginnings),
        sum(map(bool, unknown)),
        share,
        tuple(text for text, _ in written.most_common(SHOWN)),
    )
