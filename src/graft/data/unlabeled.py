"""The samples that a network may learn from without their labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graft.base.counts import plural
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.kind import Kind, kind_named, normalize_text

_MEDIA = {"image": ("pictures", "folder of pictures"), "audio": ("sounds", "folder of sounds")}
"""Role of a medium -> its samples in the plural, and what usually holds them."""
_TEXTS = ("texts", ".txt file, or a table or folder of texts")
HELD_OUT = 0.05
MOST_HELD_OUT = 500
"""The share of the texts that validate what is learned from the others, and its maximum."""
LEAST_RATIO = 2
"""Fewer samples without labels for each one with a label seldom repay what learning from them
costs: few-label techniques were published with seven and more."""
_FEW = (
    "{unlabeled} without labels and {labeled} to train on: with fewer than {ratio} for "
    "each labeled one, learning from them seldom pays. Add samples without labels, or compare "
    "with techniques that leave them out."
)


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


def inputs_of(data: Data) -> list[str]:
    """The roles of the samples from which their labels are predicted."""
    return sorted(next(roles for roles in kind_named(data.kind).inputs if roles <= data.roles))


def strip_labels(data: Data, more: Data, path: Path | str) -> list[Sample]:
    """Return all samples of `more`, which were read from `path`, with the inputs of `data` alone.

    Raises DataError if they have no such inputs.
    """
    kind, theirs = kind_named(data.kind), kind_named(more.kind)
    inputs = inputs_of(data)
    nouns, holder = _media(inputs)
    samples = [sample for split in more.splits.values() for sample in split]
    bare = [
        Sample(f"unlabeled/{sample.id}", roles)
        for sample in samples
        if (roles := _inputs(sample, inputs, kind, theirs))
    ]
    if not bare:
        raise DataError(f"{path} holds no {nouns} to learn from. Give the path of a {holder}.")
    return bare


def add_unlabeled(data: Data, more: Data, path: Path | str) -> Data:
    """Add the samples of `more`, which were read from `path`, to the split `unlabeled`.

    They keep the inputs of the data, and no labels. Raises DataError if they have no such inputs.
    """
    bare, theirs, inputs = strip_labels(data, more, path), kind_named(more.kind), inputs_of(data)
    samples = [sample for split in more.splits.values() for sample in split]
    count = plural(len(bare), f"unlabeled {_media(inputs)[0].removesuffix('s')}")
    note = f"{count} {'was' if len(bare) == 1 else 'were'} read from {path}."
    is_label = not any(theirs.target in roles for roles in (inputs, *theirs.inputs))
    known = is_label and any(s.roles.get(theirs.target) for s in samples)
    note += " They have labels, which are not used." if known else ""
    return data.with_splits(
        {**data.splits, "unlabeled": [*data.splits.get("unlabeled", []), *bare]}, note
    )


def describe_few_unlabeled(data: Data) -> str | None:
    """Say that there are too few samples without labels to be worth it; None if that is not so.

    Those of another domain are worth it for another reason, whatever their number.
    """
    labeled = len(data.splits.get("train", data.splits.get("all", [])))
    unlabeled = len(data.splits.get("unlabeled", []))
    if data.target or not unlabeled or unlabeled >= LEAST_RATIO * labeled:
        return None
    counts = {"unlabeled": plural(unlabeled, "sample"), "labeled": plural(labeled, "sample")}
    return _FEW.format(**counts, ratio=LEAST_RATIO)


def _media(inputs: Iterable[str]) -> tuple[str, str]:
    """What the samples are, in the plural, and what usually holds them."""
    return next((_MEDIA[role] for role in inputs if role in _MEDIA), _TEXTS)


def _inputs(
    sample: Sample, inputs: Iterable[str], kind: Kind, theirs: Kind
) -> Mapping[str, Any] | None:
    """What a sample of another source has of the inputs, else its text if they are texts."""
    text = theirs.text(sample)
    if set(inputs) <= sample.roles.keys():
        kept = {role: sample.roles[role] for role in sorted(inputs)}
        # Pretraining reads all of a text, of which the inputs may be a part.
        if kind.passage(Sample(sample.id, kept)) == text and (text or _MEDIA.keys() & set(inputs)):
            return kept
    return {"text": text} if text and not _MEDIA.keys() & set(inputs) else None


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
