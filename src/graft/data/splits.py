"""Which samples are for training, validation and test: cut in proportion, the same again for the same seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from graft.base.counts import plural
from graft.base.errors import BadValue, DataError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.groups import joined
from graft.data.kinds.kind import Kind, kind_named
from graft.data.unlabeled import without_labels


def make_splits(
    data: Data, *, seed: int = 0, val: float | None = None, test: float | None = None
) -> Data:
    """`data` with the splits `train`, `val` and `test`; notes say what was cut from what.

    Where nothing is held out, `test` (a share of all) and then `val` (a share of the rest) are cut. Where one split is
    held out, it is the test split whatever its name, and `val` is cut from `train`. A share of 0 cuts nothing; None is the
    usual one. Cuts are stratified by the label where that is the target, else at random; of passages the last ones are cut,
    so that a split is running text. Equal samples, see `Kind.key`, stay in one split,
    and so do those of one `group`. Raises DataError where there is nothing to train on or one class only.
    """
    kind = kind_named(data.kind)
    val, test = (
        kind.shares["val"] if val is None else val,
        kind.shares["test"] if test is None else test,
    )
    for name, share in (("val", val), ("test", test)):
        if not 0 <= share < 1:
            raise BadValue(
                f"The share {name!r} must be at least 0 and less than 1. Got {share!r} instead."
            )
    found = {split: samples for split, samples in data.splits.items() if samples}
    _check(found, data, kind)
    splits = {"unlabeled": found["unlabeled"]} if "unlabeled" in found else {}
    whole, notes = found.get("all", found.get("train", [])), []
    held_out = [split for split in ("val", "test") if split in found]
    if len(held_out) == 2:
        return data.with_splits(
            {"train": whole, "val": found["val"], "test": found["test"], **splits}
        )
    if held_out:
        splits["test"] = found[held_out[0]]
        notes += (
            ["The one held-out split, 'val', is the test split."] if held_out == ["val"] else []
        )
    elif test:
        whole, splits["test"], said = _cut(
            whole, test, 2, np.random.default_rng([seed, 1]), "test", kind
        )
        notes += said
    if val:
        whole, splits["val"], said = _cut(
            whole, val, 3, np.random.default_rng([seed, 2]), "val", kind
        )
        notes += said
    order = ("train", "val", "test", "unlabeled")
    splits["train"] = whole
    return data.with_splits({name: splits[name] for name in order if splits.get(name)}, *notes)


def subsample(
    data: Data, *, fraction: float = 1.0, shots: int | None = None, seed: int = 0
) -> Data:
    """`data` with a smaller `train`: a `fraction` of every class, at least one sample, or `shots` samples a class.

    Where the target is not a label, a fraction is of all samples, and shots are a BadValue. For one
    seed a smaller choice is part of every larger one. `test` stays as it is, and so does `val`
    under `fraction`; under `shots`, `val` is cut to the size of `train`, since who has few samples
    has no large validation split, but keeps a sample of each class; the other samples of `train`
    are then in `unlabeled`, without their labels.
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
    kind = kind_named(data.kind)
    if shots is not None and kind.strata(train) is None:
        raise BadValue(
            f"--shots needs classes, and this data has {kind.target} instead. Ask for a fraction of the {len(train):,} "
            f"training samples: --fraction {min(max(shots / len(train), 0.001), 1):.2g}."
        )
    sizes = Counter(_strata(kind, train))
    counts = {
        label: max(1, round(n * fraction)) if shots is None else min(n, shots)
        for label, n in sizes.items()
    }
    kept = _first_of_each_class(train, kind, counts, np.random.default_rng([seed, 3]))
    notes = [
        f"Of {len(train):,} training samples {len(kept):,} are used ({f'{shots} a class' if shots else f'{fraction:.0%}'})."
    ]
    if shots is not None:
        short = [label for label, n in sizes.items() if n < shots]
        notes += (
            [f"Classes with fewer than {shots} training samples: {', '.join(sorted(short))}."]
            if short
            else []
        )
    if shots is not None and len(val) > len(kept):
        counts = _in_proportion(Counter(_strata(kind, val)), len(kept))
        smaller = _first_of_each_class(val, kind, counts, np.random.default_rng([seed, 4]))
        notes.append(
            f"Of {len(val):,} validation samples {len(smaller):,} are used, as there are only {len(kept):,} for training; "
            "each class keeps at least one."
        )
        val = smaller
    splits = {**data.splits, "train": kept, **({"val": val} if val else {})}
    chosen = {sample.id for sample in kept}
    if shots is not None and (rest := [sample for sample in train if sample.id not in chosen]):
        splits["unlabeled"] = [
            *without_labels(rest, kind.target),
            *data.splits.get("unlabeled", []),
        ]
    return data.with_splits(splits, *notes)


def _check(found: dict[str, list[Sample]], data: Data, kind: Kind) -> None:
    if "train" not in found and "all" not in found:
        raise DataError(
            f"{data.path or 'The data'} hold no training split, only {', '.join(found) or 'nothing'}. Add one named train."
        )
    labeled = [s for split, samples in found.items() if split != "unlabeled" for s in samples]
    bare = [s.id for s in labeled if s.roles.get(kind.target) is None]
    if bare:
        have = "has" if len(bare) == 1 else "have"
        outside = f"{plural(len(bare), 'sample')} outside the split unlabeled"
        raise DataError(f"{outside} {have} no {kind.target}: {listed(bare)}.")
    if problem := kind.problem(labeled) or _unseen(found, kind):
        advice = " Is it the right column? Choose: --columns." if data.columns else ""
        raise DataError(f"{data.path or 'The data'} cannot be learnt from: {problem}.{advice}")


def _unseen(found: dict[str, list[Sample]], kind: Kind) -> str | None:
    """Classes of a held-out split that do not occur in training, where a sample has one class."""
    training = found.get("train", found.get("all", []))
    several = any(isinstance(sample.roles[kind.target], tuple) for sample in training[:1])
    if kind.strata(training[:1]) is None or several:
        return None
    known = kind.classes(training)
    for split in ("val", "test"):
        if unseen := sorted(kind.classes(found.get(split, [])) - known):
            words = f"{split} has classes that do not occur in training: {listed(unseen)}"
            return f"{words}. Add samples of them to training, or remove them"
    return None


def _cut(
    samples: list[Sample], share: float, least: int, rng: np.random.Generator, name: str, kind: Kind
) -> tuple[list[Sample], list[Sample], list[str]]:
    """What is left, what was cut off, both ordered by id, and notes. Classes of fewer than `least` samples stay whole."""
    if kind.in_order:
        return _cut_end(samples, share, name)
    ordered = sorted(samples, key=lambda s: s.id)
    groups, said = _groups(ordered, kind, share, least)
    by_class: dict[str, list[list[int]]] = defaultdict(list)
    strata = _strata(kind, ordered)
    is_stratified = kind.strata(ordered[:1]) is not None
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
        of, which = (
            (f" of {len(by_class):,} classes", "no class has")
            if is_stratified
            else ("", "there are not")
        )
        raise DataError(
            f"No {name} split can be cut from {plural(len(ordered), 'sample')}{of}: {which} {least} "
            f"different ones. Add samples, or a {name} split of your own."
        )
    what = "of all samples" if name == "test" else "of the training samples"
    how = ", stratified" if is_stratified else " at random"
    notes = [_cut_note(name, plural(len(off), "sample"), len(off), len(ordered), what, how)]
    notes += (
        [
            f"Classes with too few samples for one in {name}, all left in train: {', '.join(sorted(few))}."
        ]
        if few
        else []
    )
    return rest, off, notes + said


def _cut_end(
    samples: list[Sample], share: float, name: str
) -> tuple[list[Sample], list[Sample], list[str]]:
    """The passages before the last ones, the last ones, and a note."""
    if len(samples) < 3:
        passages = plural(len(samples), "passage")
        raise DataError(
            f"No {name} split can be cut from {passages}. Add text, or a {name} split of your own."
        )
    count = min(max(round(len(samples) * share), 1), len(samples) - 2)
    what = "of all" if name == "test" else "of those for training"
    note = _cut_note(name, f"the last {plural(count, 'passage')}", count, len(samples), what)
    return samples[:-count], samples[-count:], [note]


def _cut_note(name: str, samples: str, count: int, of: int, what: str, how: str = "") -> str:
    were = "was" if count == 1 else "were"
    return f"No {name} split was given: {samples} ({count / of:.0%} {what}) {were} cut for it{how}."


def _groups(
    samples: list[Sample], kind: Kind, share: float, least: int
) -> tuple[list[list[int]], list[str]]:
    """Indices of the samples that must stay in one split, together, and notes.

    Those of one group, those that are equal, and questions of one context; where too few groups or one that holds nearly all
    leave nothing to cut, equal samples alone.
    """
    equal = [[kind.key(s)] for s in samples]
    related = [kind.relations(s) for s in samples]
    if any(related):
        telling = [[] if kind.may_recur(s) else own for s, own in zip(samples, equal, strict=True)]
        together = joined([own + more for own, more in zip(telling, related, strict=True)])
        strata = _strata(kind, samples)
        most = max(
            Counter(strata[group[0]] for group in together).values()
        )  # groups of the class that has most of them
        if most >= least and max(map(len, together)) <= (1 - share) * len(samples):
            named = len({s.roles["group"] for s in samples if s.roles.get("group") is not None})
            by = f"{named:,} groups" if named else f"{len(together):,} {kind.shared[0]}s"
            return together, [f"Samples of one of the {by} were kept in one split."] if len(
                together
            ) < len(samples) else []
    found = joined(equal)
    copies = len(samples) - len(found)
    notes = (
        [f"Samples that equal another one ({copies:,}) were kept in one split."] if copies else []
    )
    if any(related):
        notes.append(
            "Samples of one group may be in several splits: the groups are too few or too large to stay whole."
        )
    return found, notes


def _strata(kind: Kind, samples: Sequence[Sample]) -> list[str]:
    """What each sample is stratified by; nothing where samples are drawn at random."""
    return kind.strata(samples) or [""] * len(samples)


def _goals(sizes: dict[str, int], few: set[str], share: float) -> dict[str, int]:
    """How many of each class to cut: in proportion, the whole rounded by largest remainders; at least 1, of `few` none."""
    exact = {label: n * share for label, n in sizes.items() if label not in few}
    goals = {label: int(x) for label, x in exact.items()}
    missing = round(sum(exact.values())) - sum(goals.values())
    for label in sorted(exact, key=lambda c: (goals[c] - exact[c], c))[:missing]:
        goals[label] += 1
    return dict.fromkeys(few, 0) | {
        label: min(max(goal, 1), sizes[label] - 1) for label, goal in goals.items()
    }


def _take(groups: list[list[int]], goal: int, rng: np.random.Generator) -> list[int]:
    """Whole groups at random that together make up `goal`, or as near below it as whole groups allow; the smallest at least."""
    taken: list[int] = []
    for i in rng.permutation(len(groups)):
        if len(taken) + len(groups[i]) <= goal:
            taken += groups[i]
    return taken if taken or not goal else min(groups, key=len)


def _in_proportion(sizes: Counter[str], room: int) -> dict[str, int]:
    """Return how many of each class fit into `room`: in proportion, but at least one of each.

    What the rare classes exceed their share by is taken from the largest.
    """
    share = room / sum(sizes.values())
    counts = {label: max(1, int(sizes[label] * share)) for label in sorted(sizes)}
    for _ in range(sum(counts.values()) - room):
        largest = max(counts, key=lambda label: counts[label])
        counts[largest] = max(1, counts[largest] - 1)
    return counts


def _first_of_each_class(
    samples: list[Sample], kind: Kind, counts: dict[str, int], rng: np.random.Generator
) -> list[Sample]:
    """Return the first samples of each class in a random order, in the order of `samples`."""
    ordered = sorted(range(len(samples)), key=lambda i: samples[i].id)
    strata = _strata(kind, samples)
    by_class: dict[str, list[int]] = defaultdict(list)
    for i in ordered:
        by_class[strata[i]].append(i)
    kept: set[int] = set()
    for label in sorted(by_class):
        shuffled = rng.permutation(by_class[label])
        kept.update(shuffled[: counts[label]].tolist())
    return [s for i, s in enumerate(samples) if i in kept]
