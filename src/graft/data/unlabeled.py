"""The texts that a network may read without their labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.kind import kind_named, normalized

HELD_OUT = 0.05
MOST_HELD_OUT = 500
"""The share of the texts that validate what is learnt from the others, and their greatest number."""


def unlabeled_texts(data: Data, seed: int) -> tuple[list[Sample], list[Sample]]:
    """The texts of `train` and `unlabeled` as passages: those to learn from, and some that are held out.

    Of equal ones the first; none that is empty, and none that is in `val` or `test` too. Raises DataError where there are not
    two.
    """
    hidden = _texts(data, ("val", "test"))
    found = [
        passage
        for key, passage in _texts(data, ("train", "unlabeled")).items()
        if key and key not in hidden
    ]
    if len(found) < 2:
        raise DataError(
            f"{data.path or 'The data'} have {len(found)} texts to learn from without labels, those of validation and test "
            "apart. At least two are needed: add a split named unlabeled, or name a file of texts: --unlabeled PATH."
        )
    count = min(max(round(HELD_OUT * len(found)), 1), MOST_HELD_OUT)
    held = set(np.random.default_rng([seed, 5]).permutation(len(found))[:count].tolist())
    return [s for i, s in enumerate(found) if i not in held], [found[i] for i in sorted(held)]


def without_labels(samples: Iterable[Sample], role: str) -> list[Sample]:
    """The samples, of which nobody knows the `role`."""
    return [Sample(sample.id, {**sample.roles, role: None}) for sample in samples]


def _texts(data: Data, splits: tuple[str, ...]) -> dict[str, Sample]:
    """Text but for case and blanks -> its first passage. Of a question it is the context, which several may share."""
    found: dict[str, Sample] = {}
    for sample in (s for split in splits for s in data.splits.get(split, [])):
        text = kind_named(data.kind).passage(sample)
        found.setdefault(normalized(text), Sample(sample.id, {"passage": text}))
    return found
