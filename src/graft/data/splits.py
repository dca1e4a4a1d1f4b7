"""Which samples are for training, validation and test: cut in proportion, the same again for the same seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

import numpy as np

from graft.base.errors import BadValue, DataError
from graft.base.records import Sample
from graft.data.content import content_key
from graft.data.data import Data


def make_splits(data: Data, *, seed: int = 0, val: float = 0.15, test: float = 0.2) -> Data:
    """`data` with the splits `train`, `val` and `test`; notes say what was cut from what.

    Where nothing is held out, `test` (a share of all) and then `val` (a share of the rest) are cut. Where one split is
    held out, it is the test split whatever its name, and `val` is cut from `train`. A share of 0 cuts nothing. Equal
    samples, see `content_key`, stay in one split. Raises DataError where there is nothing to train on or one class only.
    """
    for name, share in (("val", val), ("test", test)):
        if not 0 <= share < 1:
            raise BadValue(f"The share {name!r} must be at least 0 and less than 1. Got {share!r} instead.")
    found = {split: samples for split, samples in data.splits.items() if samples}
    _check(found, data)
    splits = {"unlabeled": found["unlabeled"]} if "unlabeled" in found else {}
    whole, notes = found.get("all", found.get("train", [])), []
    held_out = [split for split in ("val", "test") if split in found]
    if len(held_out) == 2:
        return data.with_splits({"train": whole, "val": found["val"], "test": found["test"], **splits})
    if held_out:
        splits["test"] = found[held_out[0]]
        notes += ["The one held-out split, 'val', is the test split."] if held_out == ["val"] else []
    elif test:
        whole, splits["test"], said = _cut(whole, test, 2, np.random.default_rng([seed, 1]), "test")
        notes += said
    if val:
        whole, splits["val"], said = _cut(whole, val, 3, np.random.default_rng([seed, 2]), "val")
        notes += said
    order = ("train", "val", "test", "unlabeled")
    splits["train"] = whole
    return data.with_splits({name: splits[name] for name in order if splits.get(name)}, *notes)


def subsample(data: Data, *, fraction: float = 1.0, shots: int | None = None, seed: int = 0) -> Data:
    """`data` with a smaller `train`: a `fraction` of every class, at least one sample, or `shots` samples a class.

    For one seed a smaller choice is part of every larger one. `test` stays as it is, and so does `val` under `fraction`;
    under `shots`, `val` is cut to the size of `train`, since who has few samples has no large validation split.
    """
    if not 0 < fraction <= 1:
        raise BadValue(f"The fraction must be more than 0 and at most 1. Got {fraction!r} instead.")
    if shots is not None and (shots < 1 or fraction != 1):
        raise BadValue(
            f"shots must be a whole number from 1, without a fraction. Got shots={shots!r}, fraction={fraction!r} instead."
        )
    if shots is None and fraction == 1:
        return data
    train, val = data.splits["train"], data.splits.get("val", [])
    ask = (lambda n: min(n, shots)) if shots is not None else (lambda n: max(1, round(n * fraction)))
    kept = _first_of_each_class(train, ask, np.random.default_rng([seed, 3]))
    notes = [f"Of {len(train):,} training samples {len(kept):,} are used ({f'{shots} a class' if shots else f'{fraction:.0%}'})."]
    if shots is not None:
        short = [label for label, n in Counter(_strata(train)).items() if n < shots]
        notes += [f"Classes with fewer than {shots} training samples: {', '.join(sorted(short))}."] if short else []
    if shots is not None and len(val) > len(kept):
        share = len(kept) / len(val)
        smaller = _first_of_each_class(val, lambda n: max(1, int(n * share)), np.random.default_rng([seed, 4]))[: len(kept)]
        notes.append(f"Of {len(val):,} validation samples {len(smaller):,} are used, no more than training samples.")
        val = smaller
    return data.with_splits({**data.splits, "train": kept, **({"val": val} if val else {})}, *notes)


def _check(found: dict[str, list[Sample]], data: Data) -> None:
    if "train" not in found and "all" not in found:
        raise DataError(
            f"{data.path or 'The data'} hold no training split, only {', '.join(found) or 'nothing'}. Add one named train."
        )
    labeled = [s for split, samples in found.items() if split != "unlabeled" for s in samples]
    bare = [s.id for s in labeled if s.roles.get("label") is None]
    if bare:
        raise DataError(f"{len(bare):,} samples outside the split unlabeled have no label: {', '.join(bare[:10])}.")
    classes, several = data.classes, any(isinstance(s.roles["label"], tuple) for s in labeled)
    if len(classes) < (1 if several else 2):
        only = f"only one class, {classes[0]!r}" if classes else "no class"
        raise DataError(f"{data.path or 'The data'} have {only}. At least two are needed: add samples of another class.")


def _cut(
    samples: list[Sample], share: float, least: int, rng: np.random.Generator, name: str
) -> tuple[list[Sample], list[Sample], list[str]]:
    """What is left, what was cut off, both ordered by id, and notes. Classes of fewer than `least` samples stay whole."""
    ordered = sorted(samples, key=lambda s: s.id)
    groups = _groups(ordered)
    by_class: dict[str, list[list[int]]] = defaultdict(list)
    strata = _strata(ordered)
    for group in groups:
        by_class[strata[group[0]]].append(group)
    sizes = {label: sum(map(len, found)) for label, found in by_class.items()}
    few = {label for label, found in by_class.items() if len(found) < least}
    goals = _goals(sizes, few, share)
    taken: set[int] = set()
    for label in sorted(by_class):
        taken.update(_take(by_class[label], goals[label], rng))
    rest = [s for i, s in enumerate(ordered) if i not in taken]
    off = [s for i, s in enumerate(ordered) if i in taken]
    if not off:
        raise DataError(
            f"No {name} split can be cut from {len(ordered):,} samples of {len(by_class):,} classes: no class has {least} "
            f"different ones. Add samples, or a {name} split of your own."
        )
    what = "of all samples" if name == "test" else "of the training samples"
    notes = [
        f"No {name} split was given: {len(off):,} samples ({len(off) / len(ordered):.0%} {what}) were cut for it, stratified."
    ]
    notes += [f"Classes with too few samples for one in {name}, all left in train: {', '.join(sorted(few))}."] if few else []
    if len(groups) < len(ordered):
        notes.append(f"Samples that equal another one ({len(ordered) - len(groups):,}) were kept in one split.")
    return rest, off, notes


def _groups(samples: list[Sample]) -> list[list[int]]:
    """Indices of equal samples, together."""
    found: dict[str, list[int]] = defaultdict(list)
    for i, sample in enumerate(samples):
        found[content_key(sample)].append(i)
    return list(found.values())


def _strata(samples: Iterable[Sample]) -> list[str]:
    """What each sample is stratified by: its label, of several the rarest."""
    labels = [s.roles["label"] for s in samples]
    counts = Counter(c for label in labels for c in (label if isinstance(label, tuple) else (label,)))
    return [min(label, key=lambda c: (counts[c], c), default="") if isinstance(label, tuple) else label for label in labels]


def _goals(sizes: dict[str, int], few: set[str], share: float) -> dict[str, int]:
    """How many of each class to cut: in proportion, the whole rounded by largest remainders; at least 1, of `few` none."""
    exact = {label: n * share for label, n in sizes.items() if label not in few}
    goals = {label: int(x) for label, x in exact.items()}
    missing = round(sum(exact.values())) - sum(goals.values())
    for label in sorted(exact, key=lambda c: (goals[c] - exact[c], c))[:missing]:
        goals[label] += 1
    return dict.fromkeys(few, 0) | {label: min(max(goal, 1), sizes[label] - 1) for label, goal in goals.items()}


def _take(groups: list[list[int]], goal: int, rng: np.random.Generator) -> list[int]:
    """Whole groups at random that together make up `goal`, or as near below it as whole groups allow; the smallest at least."""
    taken: list[int] = []
    for i in rng.permutation(len(groups)):
        if len(taken) + len(groups[i]) <= goal:
            taken += groups[i]
    return taken if taken or not goal else min(groups, key=len)


def _first_of_each_class(samples: list[Sample], ask: Callable[[int], int], rng: np.random.Generator) -> list[Sample]:
    """`ask(n)` of the n samples of each class, the first ones of a random order; in the order that they came in."""
    ordered = sorted(range(len(samples)), key=lambda i: samples[i].id)
    strata = _strata(samples)
    by_class: dict[str, list[int]] = defaultdict(list)
    for i in ordered:
        by_class[strata[i]].append(i)
    kept: set[int] = set()
    for label in sorted(by_class):
        shuffled = rng.permutation(by_class[label])
        kept.update(shuffled[: ask(len(shuffled))].tolist())
    return [s for i, s in enumerate(samples) if i in kept]
