"""The texts that a network may read without their labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.kind import kind_named, normalize_text

HELD_OUT = 0.05
MOST_HELD_OUT = 500
"""The share of the texts that validate what is learned from the others, and its maximum."""


def unlabeled_texts(data: Data, seed: int) -> tuple[list[Sample], list[Sample]]:
    """The texts of `train` and `unlabeled` as passages: those to learn from and the held-out ones.

    Of equal ones the first; none that is empty, and none that is in `val` or `test` too. Raises
    DataError if there are not two.
    """
    hidden = _texts(data, ("val", "test"))
    texts = _texts(data, ("train", "unlabeled"))
    passages = [passage for key, passage in texts.items() if key and key not in hidden]
    if len(passages) < 2:
        raise DataError(
            f"{data.path or 'The data'} have {len(passages)} texts to learn from without labels, "
            "those of validation and test apart. At least two are needed: add a split named "
            "unlabeled, or name a file of texts: --unlabeled PATH."
        )
    count = min(max(round(HELD_OUT * len(passages)), 1), MOST_HELD_OUT)
    held = set(np.random.default_rng([seed, 5]).permutation(len(passages))[:count].tolist())
    rest = [passage for i, passage in enumerate(passages) if i not in held]
    return rest, [passages[i] for i in sorted(held)]


def without_labels(samples: Iterable[Sample], role: str) -> list[Sample]:
    """The samples, of which nobody knows the `role`."""
    return [Sample(sample.id, {**sample.roles, role: None}) for sample in samples]


def _texts(data: Data, splits: tuple[str, ...]) -> dict[str, Sample]:
    """Normalized text -> its first passage: of a question the context, which others share."""
    texts: dict[str, Sample] = {}
    for sample in (s for split in splits for s in data.splits.get(split, [])):
        text = kind_named(data.kind).passage(sample)
        texts.setdefault(normalize_text(text), Sample(sample.id, {"passage": text}))
    return texts
