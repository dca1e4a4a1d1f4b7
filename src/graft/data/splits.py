"""Cut samples into training, validation and test: in proportion, the same for the same seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from graft.base.counts import plural
from graft.base.errors import BadValue, DataError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.groups import join_related
from graft.data.kinds.kind import Kind, kind_named
from graft.data.unlabeled import without_labels

LEAST = {"test": 2, "val": 3}
"""Different samples of a stratum that are needed to cut one of them for the split.

Each stratum keeps one sample for training; validation, cut second, leaves it two."""


@dataclass(frozen=True)
class _Cut:
    """The remaining samples, those cut off, both in order, and notes for the user."""

    rest: list[Sample]
    off: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_splits(
    data: Data, *, seed: int = 0, val: float | None = None, test: float | None = None
) -> Data:
    """Return `data` with the splits `train`, `val` and `test`; notes say what was cut from what.

    If nothing is held out, `test` (a share of all) and then `val` (a share of the rest) are cut.
    If one split is held out, it is the test split whatever its name, and `val` is cut from `train`.
    A share of 0 cuts nothing; None is the usual one. Cuts are stratified if the kind has strata,
    else at random; of passages the last ones are cut, so that a split is running text. Equal
    samples, see `Kind.key`, stay in one split, and so do those of one `group`. Raises DataError if
    there is nothing to train on, or one class only.
    """
    kind = kind_named(data.kind)
    val = kind.shares["val"] if val is None else val
    test = kind.shares["test"] if test is None else test
    for name, share in (("val", val), ("test", test)):
        if not 0 <= share < 1:
            raise BadValue(
                f"The share {name!r} must be at least 0 and less than 1. Got {share!r} instead."
            )
    given = {split: samples for split, samples in data.splits.items() if samples}
    _check(given, data, kind)
    splits = {"unlabeled": given["unlabeled"]} if "unlabeled" in given else {}
    whole = given.get("all", given.get("train", []))
    held_out = [split for split in ("val", "test") if split in given]
    if len(held_out) == 2:
        return data.with_splits(
            {"train": whole, "val": given["val"], "test": given["test"], **splits}
        )
    cut = _Cut(whole)
    notes: list[str] = []
    if held_out:
        splits["test"] = given[held_out[0]]
        if held_out == ["val"]:
            notes.append("The one held-out split, 'val', is the test split.")
    elif test:
        cut = _cut(whole, test, np.random.default_rng([seed, 1]), "test", data)
        splits["test"] = cut.off
        notes += cut.notes
    if val:
        cut = _cut(cut.rest, val, np.random.default_rng([seed, 2]), "val", data)
        splits["val"] = cut.off
        notes += cut.notes
    splits["train"] = cut.rest
    order = ("train", "val", "test", "unlabeled")
    ready = {name: splits[name] for name in order if splits.get(name)}
    of_graft = ("val",) if held_out else ("val", "test")
    cut_here = tuple(name for name in of_graft if name in ready)
    return replace(data.with_splits(ready, *notes), cut=cut_here)


def subsample(
    data: Data, *, fraction: float = 1.0, shots: int | None = None, seed: int = 0
) -> Data:
    """Return `data` with a smaller `train`: a `fraction` of every class, or `shots` samples of it.

    A fraction keeps at least one sample of each class. If the kind has no classes, a fraction is of
    all samples, and shots are a BadValue. For one seed a smaller choice is part of every larger
    one. `test` stays as it is, and so does `val` under `fraction`; under `shots`, `val` is cut to
    the size of `train`, since who has few samples has no large validation split, but keeps a sample
    of each class; the other samples of `train` are then in `unlabeled`, without their labels.
    """
    if not 0 < fraction <= 1:
        raise BadValue(f"The fraction must be more than 0 and at most 1. Got {fraction!r} instead.")
    if shots is not None and (shots < 1 or fraction != 1):
        raise BadValue(
            "shots must be a whole number from 1, without a fraction. "
            f"Got shots={shots!r}, fraction={fraction!r} instead."
        )
    if shots is None and fraction == 1:
        return data
    train, val = data.splits["train"], data.splits.get("val", [])
    kind = kind_named(data.kind)
    if shots is not None and not kind.is_stratified:
        raise BadValue(
            "--shots needs a class for each sample, which these data do not have. "
            f"Ask for a fraction of the {len(train):,} training samples: "
            f"--fraction {min(max(shots / len(train), 0.001), 1):.2g}."
        )
    sizes = Counter(kind.strata(train))
    if shots is None:
        counts = {label: max(1, round(n * fraction)) for label, n in sizes.items()}
        how = f"{fraction:.0%}"
    else:
        counts = {label: min(n, shots) for label, n in sizes.items()}
        how = f"{shots} a class"
    kept = _first_of_each_class(train, kind, counts, np.random.default_rng([seed, 3]))
    notes = [f"Of {len(train):,} training samples {len(kept):,} are used ({how})."]
    if shots is None:
        return data.with_splits({**data.splits, "train": kept}, *notes)
    if short := [label for label, n in sizes.items() if n < shots]:
        few = f"fewer than {shots} training samples"
        notes.append(_few_note(short, kind.has_several(train), few))
    if len(val) > len(kept):
        counts = _share_room(Counter(kind.strata(val)), len(kept))
        smaller = _first_of_each_class(val, kind, counts, np.random.default_rng([seed, 4]))
        notes.append(
            f"Of {len(val):,} validation samples {len(smaller):,} are used, as there are only "
            f"{len(kept):,} for training; each class keeps at least one."
        )
        val = smaller
    splits = {**data.splits, "train": kept, **({"val": val} if val else {})}
    chosen = {sample.id for sample in kept}
    rest = [sample for sample in train if sample.id not in chosen]
    if rest and not data.target:  # what is adapted to holds nothing of the source
        bare = without_labels(rest, kind.target)
        splits["unlabeled"] = [*bare, *data.splits.get("unlabeled", [])]
    return data.with_splits(splits, *notes)


def _check(given: dict[str, list[Sample]], data: Data, kind: Kind) -> None:
    """Raise DataError if nothing can be learned from these splits."""
    name = data.path or "The data"
    if "train" not in given and "all" not in given:
        there = ", ".join(given) or "nothing"
        raise DataError(f"{name} hold no training split, only {there}. Add one named train.")
    labeled = [s for split, samples in given.items() if split != "unlabeled" for s in samples]
    bare = [s.id for s in labeled if s.roles.get(kind.target) is None]
    if bare:
        have = "has" if len(bare) == 1 else "have"
        outside = f"{plural(len(bare), 'sample')} outside the split unlabeled"
        raise DataError(f"{outside} {have} no {kind.target}: {listed(bare)}.")
    training = given.get("train", given.get("all", []))
    held_out = {split: given[split] for split in ("val", "test") if split in given}
    if problem := kind.problem(labeled) or kind.mismatch(training, held_out):
        raise DataError(f"{name} cannot be learned from: {problem}.{_doubt_column(data, kind)}")


def _doubt_column(data: Data, kind: Kind) -> str:
    """Name, for errors, the column that was guessed to be the target, and how to choose another."""
    names = data.columns.get(kind.target, [])
    if not names or kind.target in data.asked:
        return ""
    shown, target = " and ".join(map(repr, names)), kind.target
    return f" The column {shown} is taken as the {target}; choose another: --columns {target}=NAME."


def _cut(
    samples: list[Sample], share: float, rng: np.random.Generator, name: str, data: Data
) -> _Cut:
    """Cut a share of samples of `data` for the split `name`.

    Strata with too few samples stay whole.
    """
    kind = kind_named(data.kind)
    if kind.in_order:
        return _cut_end(samples, share, name)
    ordered = sorted(samples, key=lambda s: s.id)
    groups, group_notes = _groups(ordered, data, share, LEAST[name])
    strata = kind.strata(ordered)
    by_stratum: dict[str, list[list[int]]] = defaultdict(list)
    for group in groups:
        by_stratum[strata[group[0]]].append(group)
    sizes = {label: sum(map(len, parts)) for label, parts in by_stratum.items()}
    few = {label for label, parts in by_stratum.items() if len(parts) < LEAST[name]}
    goals = _goals(sizes, few, share)
    several = kind.has_several(ordered)
    if several:
        counts = kind.counts({name: ordered})[name]
        goals = _fit_goals(goals, max(1, round(share * len(ordered))), counts)
    taken: set[int] = set()
    for label in sorted(by_stratum):
        taken.update(_take(by_stratum[label], goals[label], rng))
    rest = [s for i, s in enumerate(ordered) if i not in taken]
    off = [s for i, s in enumerate(ordered) if i in taken]
    if not off:
        size = plural(len(ordered), "sample")
        which = "there are not"
        if kind.is_stratified:
            size, which = f"{size} of {plural(len(by_stratum), 'class')}", "no class has"
        raise DataError(
            f"No {name} split can be cut from {size}: {which} {LEAST[name]} different ones. "
            f"Add samples, or a {name} split of your own.{_doubt_column(data, kind)}"
        )
    what = "of all samples" if name == "test" else "of the training samples"
    how = ", stratified" if kind.is_stratified else " at random"
    notes = [_cut_note(name, plural(len(off), "sample"), len(off), len(ordered), what, how)]
    # A class that never leads a group has no stratum; one of `few` may come with a group.
    absent = (few | set(strata) - by_stratum.keys()) - {strata[i] for i in taken}
    if absent:
        too_few = f"too few samples for one in {name}, all left in train"
        notes.append(_few_note(absent, several, too_few))
    return _Cut(rest, off, notes + group_notes)


def _cut_end(samples: list[Sample], share: float, name: str) -> _Cut:
    """Cut the last passages for the split `name`."""
    if len(samples) < 3:
        passages = plural(len(samples), "passage")
        raise DataError(
            f"No {name} split can be cut from {passages}. Add text, or a {name} split of your own."
        )
    count = min(max(round(len(samples) * share), 1), len(samples) - 2)
    what = "of all" if name == "test" else "of those for training"
    note = _cut_note(name, f"the last {plural(count, 'passage')}", count, len(samples), what)
    return _Cut(samples[:-count], samples[-count:], [note])


def _cut_note(name: str, samples: str, count: int, of: int, what: str, how: str = "") -> str:
    were = "was" if count == 1 else "were"
    return f"No {name} split was given: {samples} ({count / of:.0%} {what}) {were} cut for it{how}."


def _few_note(strata: Collection[str], several: bool, what: str) -> str:
    """Name strata with too few samples: classes, or the rarest label of samples with several."""
    names = listed(sorted(filter(None, strata)))
    if not several:
        return f"Classes with {what}: {names}."
    parts = [f"whose rarest label is {names}"] if names else []
    parts += ["without a label"] if "" in strata else []
    return f"Samples {' or '.join(parts)}: {what}."


def _groups(
    samples: list[Sample], data: Data, share: float, least: int
) -> tuple[list[list[int]], list[str]]:
    """Indices of the samples that must stay in one split, together, and notes.

    Those of one group, equal ones, and questions of one context; equal samples alone if too few
    groups, or one that holds nearly all, would leave nothing to cut.
    """
    kind = kind_named(data.kind)
    equal = [[kind.key(s)] for s in samples]
    related = [kind.relations(s) for s in samples]
    if any(related):
        # Short sentences come back by chance: they must not join the documents that hold them.
        keys = [[] if kind.may_recur(s) else key for s, key in zip(samples, equal, strict=True)]
        together = join_related([key + more for key, more in zip(keys, related, strict=True)])
        strata = kind.strata(samples)
        most_groups = max(Counter(strata[group[0]] for group in together).values())
        if most_groups >= least and max(map(len, together)) <= (1 - share) * len(samples):
            named = len({s.roles["group"] for s in samples if s.roles.get("group") is not None})
            noun = "group" if named else kind.shared[0]
            by = plural(named or len(together), noun)
            by += f" by {_namer(data)}" if named and _namer(data) else ""
            note = f"Samples of the same {noun} were kept in one split ({by})."
            return together, [note] if len(together) < len(samples) else []
    together = join_related(equal)
    notes = []
    if copies := len(samples) - len(together):
        notes.append(f"Samples that equal another one ({copies:,}) were kept in one split.")
    if any(related):
        notes.append(
            "Samples of one group may be in several splits: "
            "the groups are too few or too large to stay whole."
        )
    return together, notes


def _namer(data: Data) -> str:
    """What names the groups, for notes; empty if they are not named by one thing."""
    columns = " and ".join(map(repr, data.columns.get("group", [])))
    return data.grouped_by or (f"the column {columns}" if columns else "")


def _goals(sizes: dict[str, int], few: set[str], share: float) -> dict[str, int]:
    """Return the number of samples to cut per stratum: in proportion, at least 1, none of `few`.

    The whole is rounded by largest remainders.
    """
    exact = {label: n * share for label, n in sizes.items() if label not in few}
    goals = {label: int(x) for label, x in exact.items()}
    missing = round(sum(exact.values())) - sum(goals.values())
    for label in sorted(exact, key=lambda c: (goals[c] - exact[c], c))[:missing]:
        goals[label] += 1
    least_one = {label: min(max(n, 1), sizes[label] - 1) for label, n in goals.items()}
    return dict.fromkeys(few, 0) | least_one


def _shrunk(counts: dict[str, int], room: int) -> dict[str, int]:
    """The counts made to fit into `room`: the largest give way, but keep at least one."""
    counts = dict(sorted(counts.items()))
    for _ in range(sum(counts.values()) - room):
        largest = max(counts, key=lambda label: counts[label])
        counts[largest] = max(1, counts[largest] - 1)
    return counts


def _fit_goals(goals: dict[str, int], room: int, counts: Counter[str]) -> dict[str, int]:
    """Goals for samples with several labels that fit into `room`, without some strata if need be.

    First without samples that have no label, then without those of the most frequent labels, which
    samples of rarer labels have as well.
    """
    goals = _shrunk(goals, room)
    spare = [label for label, goal in goals.items() if goal == 1]
    spare.sort(key=lambda label: (label != "", -counts[label], label))
    for label in spare[: max(0, sum(goals.values()) - room)]:
        goals[label] = 0
    return goals


def _take(groups: list[list[int]], goal: int, rng: np.random.Generator) -> list[int]:
    """Whole groups at random that make up about `goal`; the smallest at least.

    Groups that fit are taken first, then one beyond the goal if that is nearer to it than none, and
    enough groups stay for another cut.
    """
    taken: list[int] = []
    left: list[list[int]] = []
    for i in rng.permutation(len(groups)):
        if len(taken) + len(groups[i]) <= goal:
            taken += groups[i]
        else:
            left.append(groups[i])
    if not taken and goal:
        return min(groups, key=len)
    missing = goal - len(taken)
    smallest = min(left, key=len, default=[])
    if len(left) > LEAST["val"] and len(smallest) - missing < missing:
        taken += smallest
    return taken


def _share_room(sizes: Counter[str], room: int) -> dict[str, int]:
    """Share `room` among the strata: in proportion, but at least one sample of each."""
    share = room / sum(sizes.values())
    return _shrunk({label: max(1, int(n * share)) for label, n in sizes.items()}, room)


def _first_of_each_class(
    samples: list[Sample], kind: Kind, counts: dict[str, int], rng: np.random.Generator
) -> list[Sample]:
    """The first samples of each stratum in a random order, in the order of `samples`."""
    strata = kind.strata(samples)
    by_stratum: dict[str, list[int]] = defaultdict(list)
    for i in sorted(range(len(samples)), key=lambda i: samples[i].id):
        by_stratum[strata[i]].append(i)
    kept: set[int] = set()
    for label in sorted(by_stratum):
        kept.update(rng.permutation(by_stratum[label])[: counts[label]].tolist())
    return [s for i, s in enumerate(samples) if i in kept]
