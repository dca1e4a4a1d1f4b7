"""What a person should know of their data before training on them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from graft.base.counts import plural
from graft.base.env import cores
from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.checks.copies import Fingerprint, fingerprint, near_images, near_texts
from graft.data.checks.finding import Finding, verb
from graft.data.data import Data
from graft.data.kinds.kind import Kind, kind_named

SMALL_SIDE = 112
"""Pictures whose short side has fewer pixels are called small: half of what most networks for photographs take."""


@dataclass(frozen=True)
class _Seen:
    """What was learnt of one sample by opening it."""

    sample: Sample
    split: str
    key: str
    size: tuple[int, int] | None = None
    print: Fingerprint | None = None
    problem: str | None = None


def inspect(data: Data) -> list[Finding]:
    """All findings: errors first, then warnings, then infos. Opens every image once, in threads; never raises for a sample."""
    kind = kind_named(data.kind)
    seen = _look(data, kind)
    findings = [
        *([Finding("not-learnable", "error", data.problem)] if data.problem else []),
        *_unreadable(seen),
        *kind.findings(data),
        *_sizes(seen),
        *_duplicates(seen, kind),
        *_leaks(seen, kind),
        *_shared(data, kind),
        *_conflicts(seen, kind),
        *(Finding("note", "info", note) for note in data.notes),
    ]
    order = ("error", "warning", "info")
    return sorted(findings, key=lambda f: order.index(f.severity))


@dataclass(frozen=True)
class Split:
    """How many samples a split has."""

    samples: int
    """All of them, whatever they hold."""
    classes: dict[str, int]
    """Class -> how often it occurs: in samples, or as entities or tags where tokens are tagged."""


@dataclass(frozen=True)
class Checked:
    """What `graft check --json` prints; docs/check.schema.json is written from this."""

    path: str
    """The data, as they were asked for."""
    format: str
    """A name that `graft list formats` shows."""
    kind: str
    """A name that `graft list kinds` shows."""
    task: str | None
    """The task that learns from the data; null where none does."""
    columns: dict[str, list[str]]
    """Role -> the columns that hold it, named as `--columns ROLE=NAME` takes them; none of files in folders."""
    splits: dict[str, Split]
    """`train`, `val`, `test` and `unlabeled`, as a training takes them; `all` where they cannot be split."""
    classes: list[str]
    """All classes, types of entities or tags, 2 before 10; none where no classes are predicted."""
    findings: list[Finding]
    """Errors first, then warnings, then infos."""


def summarize(data: Data, task: str | None, findings: list[Finding]) -> Checked:
    """The data in numbers, with what was found of them."""
    counts, classes = data.counts(), data.classes
    splits = {
        split: Split(len(samples), {c: n for c in classes if (n := counts[split][c])})
        for split, samples in data.splits.items()
    }
    return Checked(data.path, data.format, data.kind, task, data.columns, splits, classes, findings)


def _look(data: Data, kind: Kind) -> list[_Seen]:
    pairs = [(split, sample) for split, samples in data.splits.items() for sample in samples]
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        return list(pool.map(lambda pair: _open(*pair, kind), pairs, chunksize=64))


def _open(split: str, sample: Sample, kind: Kind) -> _Seen:
    key = kind.key(sample)
    if "image" not in sample.roles:
        return _Seen(sample, split, key)
    try:
        size, found = fingerprint(sample.roles["image"], sample.id)
    except DataError as error:
        return _Seen(sample, split, key, problem=str(error))
    return _Seen(sample, split, key, size, found)


def _unreadable(seen: list[_Seen]) -> list[Finding]:
    bad = [s for s in seen if s.problem]
    if not bad:
        return []
    first = " ".join(s.problem or "" for s in bad[:3]) + (
        f" And {len(bad) - 3:,} more." if len(bad) > 3 else ""
    )
    return [
        Finding(
            "unreadable", "error", f"{plural(len(bad), 'image')} cannot be read. {first}", _ids(bad)
        )
    ]


def _sizes(seen: list[_Seen]) -> list[Finding]:
    sized = [s for s in seen if s.size]
    if not sized:
        return []
    short = sorted(min(s.size) for s in sized if s.size)
    least, most = (
        choose((s.size for s in sized if s.size), key=lambda size: size[0] * size[1])
        for choose in (min, max)
    )
    words = (
        f"Images: short side {short[0]} to {short[-1]} px, median {statistics.median(short):g}; "
    )
    found = [
        Finding(
            "sizes",
            "info",
            f"{words}smallest {least[0]} x {least[1]}, largest {most[0]} x {most[1]}.",
        )
    ]
    small = sum(side < SMALL_SIDE for side in short)
    if small > len(short) / 2:
        words = f"{small:,} of {len(short):,} images are smaller than {SMALL_SIDE} px: a pretrained network sees them enlarged"
        found.append(
            Finding(
                "small-images",
                "info",
                f"{words} to its own input size, with little detail in them.",
            )
        )
    return found


def _duplicates(seen: list[_Seen], kind: Kind) -> list[Finding]:
    found = []
    for split, members in _by(
        (s for s in seen if not kind.may_recur(s.sample)), lambda s: s.split
    ).items():
        repeats = [s for same in _by(members, lambda s: s.key).values() for s in same[1:]]
        if repeats:
            share = len(repeats) / len(members)
            of = f"{len(repeats):,} of {len(members):,} samples in {split} ({share:.1%})"
            words = f"{of} repeat another one there: {listed(_ids(repeats), 5)}."
            found.append(Finding("duplicates", "warning", words, _ids(repeats)))
    return found


def _leaks(seen: list[_Seen], kind: Kind) -> list[Finding]:
    found = []
    members = _by((s for s in seen if not kind.may_recur(s.sample)), lambda s: s.split)
    for one, other in combinations(
        [split for split in ("train", "val", "test") if split in members], 2
    ):
        known = {s.key: s for s in reversed(members[one])}
        same = [(known[s.key], s) for s in members[other] if s.key in known]
        found += _leak("leak", f"of {other} {verb(same)} in {one} too", same, one, other)
        exact = {s.sample.id for _, s in same}
        near = _near(members[one], [s for s in members[other] if s.sample.id not in exact], kind)
        found += _leak(
            "near-leak",
            f"of {other} {verb(near)} nearly the same as one of {one}",
            near,
            one,
            other,
        )
    return found


def _near(ones: list[_Seen], others: list[_Seen], kind: Kind) -> list[tuple[_Seen, _Seen]]:
    """Pairs that are nearly the same, by their pictures or else by their texts."""
    if any("image" in s.sample.roles for s in ones):
        ones, others = ([s for s in side if s.print] for side in (ones, others))
        pairs = near_images(
            [s.print for s in ones if s.print], [s.print for s in others if s.print]
        )
    else:
        if any(kind.passage(s.sample) != kind.text(s.sample) for s in ones[:1]):
            known = {kind.passage(s.sample) for s in ones}
            ones, others = _new_passages(ones, set(), kind), _new_passages(others, known, kind)
        pairs = near_texts(*([kind.passage(s.sample) for s in side] for side in (ones, others)))
    return [(ones[a], others[b]) for a, b in pairs]


def _new_passages(seen: list[_Seen], known: set[str], kind: Kind) -> list[_Seen]:
    """One sample of each passage that is not known: a context comes back with every question that is asked of it."""
    first = {kind.passage(s.sample): s for s in reversed(seen)}
    return [s for passage, s in first.items() if passage not in known]


def _shared(data: Data, kind: Kind) -> list[Finding]:
    """Groups, or else contexts of questions and their like, of which two splits have samples."""
    found = []
    samples = [sample for part in data.splits.values() for sample in part]
    role = next(
        (r for r in ("group", *kind.shared) if any(s.roles.get(r) is not None for s in samples)),
        None,
    )
    if role is None:
        return []
    members = {
        split: _by((s for s in part if s.roles.get(role) is not None), lambda s: str(s.roles[role]))
        for split, part in data.splits.items()
    }
    for one, other in combinations(
        [split for split in ("train", "val", "test") if split in members], 2
    ):
        same = [value for value in members[other] if value in members[one]]
        if same:
            ids = tuple(
                s.id for value in same for s in (*members[one][value], *members[other][value])
            )
            count = sum(len(members[other][value]) for value in same)
            shown = f": {listed(map(repr, same), 5)}" if role == "group" else ""
            words = (
                f"{plural(len(same), role)} of {other} {verb(same)} in {one} too, "
                f"with {plural(count, 'sample')} there{shown}."
            )
            advice = f"Scores on {other} may be too good for it; keep each {role} in one split."
            found.append(Finding(f"shared-{role}", "warning", f"{words} {advice}", ids))
    return found


def _leak(
    code: str, words: str, pairs: list[tuple[_Seen, _Seen]], one: str, other: str
) -> list[Finding]:
    if not pairs:
        return []
    shown = listed((f"{b.sample.id} = {a.sample.id}" for a, b in pairs), 5)
    advice = f"Scores on {other} may be too good for it; remove them from {one}."
    ids = tuple(s.sample.id for pair in pairs for s in pair)
    return [
        Finding(code, "warning", f"{plural(len(pairs), 'sample')} {words}: {shown}. {advice}", ids)
    ]


def _conflicts(seen: list[_Seen], kind: Kind) -> list[Finding]:
    """Equal samples with different targets, of a kind where one of them must be wrong."""
    known = (s for s in seen if s.split != "unlabeled")
    same = [group for group in _by(known, lambda s: s.key).values() if len(group) > 1]
    differences = [kind.conflict([s.sample for s in group]) for group in same]
    cases = [(words, group) for words, group in zip(differences, same, strict=True) if words]
    if not cases:
        return []
    what = "labels" if kind.target == "label" else kind.target
    words = f"Equal samples have different {what}, in {plural(len(cases), 'case')}: {listed((words for words, _ in cases), 5)}."
    return [
        Finding(
            "conflicting-labels",
            "warning",
            words,
            tuple(s.sample.id for _, group in cases for s in group),
        )
    ]


def _by(items: Iterable[Any], key: Any) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _ids(seen: Iterable[_Seen]) -> tuple[str, ...]:
    return tuple(s.sample.id for s in seen)
