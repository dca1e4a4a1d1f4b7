"""Inspect data before training: counts, unreadable, duplicate and conflicting samples, leaks."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from graft.base.counts import plural
from graft.base.env import cores
from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.checks.copies import Fingerprint, find_near_images, find_near_texts, fingerprint
from graft.data.checks.file_names import speaker_findings
from graft.data.checks.finding import Finding, verb
from graft.data.checks.sound_copies import find_near_sounds
from graft.data.checks.sounds import Heard, listen, sound_findings
from graft.data.checks.transcripts import pace_findings
from graft.data.data import Data
from graft.data.groups import describe_few_groups
from graft.data.kinds.kind import Kind, kind_named
from graft.data.unlabeled import describe_few_unlabeled

T = TypeVar("T")

SMALL_SIDE = 112
"""Pictures with a shorter side are small: half of what most networks for photographs take."""


@dataclass(frozen=True)
class _Seen:
    """A sample with what opening it revealed."""

    sample: Sample
    split: str
    key: str
    size: tuple[int, int] | None = None
    print: Fingerprint | None = None
    heard: Heard | None = None
    problem: str | None = None


def inspect(data: Data) -> list[Finding]:
    """All findings: errors first, then warnings, then infos.

    Opens every image and sound once, in threads; never raises for a sample.
    """
    kind = kind_named(data.kind)
    seen = _look(data, kind)
    findings = [
        *([Finding("not-learnable", "error", data.problem)] if data.problem else []),
        *_unreadable(seen),
        *kind.findings(data),
        *_sizes(seen),
        *sound_findings({s.sample.id: s.heard for s in seen if s.heard}),
        *pace_findings(_paces(seen)),
        *_duplicates(seen, kind),
        *_leaks(seen, kind, data),
        *_shared(data, kind),
        *speaker_findings(data),
        *_conflicts(seen, kind),
        *_few("few-unlabeled", describe_few_unlabeled(data)),
        *_few("few-groups", describe_few_groups(data)),
        *(Finding("note", "info", note) for note in data.notes),
    ]
    order = ("error", "warning", "info")
    return sorted(findings, key=lambda f: order.index(f.severity))


@dataclass(frozen=True)
class Split:
    """The number of samples of a split."""

    samples: int
    """All of them, whatever they hold."""
    classes: dict[str, int]
    """Class -> how often it occurs: in samples, as entities or tags where tokens are tagged, or in
    pixels of up to 200 masks of the split."""


@dataclass(frozen=True)
class Checked:
    """The output of `graft check --json`; docs/schemas/check.schema.json is made from it."""

    path: str
    """The path of the data as it was given."""
    format: str
    """A name that `graft list formats` shows."""
    kind: str
    """A name that `graft list kinds` shows."""
    task: str | None
    """The task that learns from the data; null if none does, or several."""
    columns: dict[str, list[str]]
    """Role -> its columns, as in `--columns ROLE=NAME`; empty for files in folders."""
    splits: dict[str, Split]
    """`train`, `val`, `test` and `unlabeled`, as a training takes them; else `all`."""
    classes: list[str]
    """All classes, types of entities or tags, 2 before 10; none where no classes are predicted."""
    findings: list[Finding]
    """Errors first, then warnings, then infos."""


def summarize(data: Data, task: str | None, findings: list[Finding]) -> Checked:
    """The data in numbers, with their findings."""
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
    try:
        if "audio" in sample.roles:
            return _Seen(sample, split, key, heard=listen(sample.roles["audio"], sample.id))
        if "image" not in sample.roles:
            return _Seen(sample, split, key)
        return _Seen(sample, split, key, *fingerprint(sample.roles["image"], sample.id))
    except DataError as error:
        return _Seen(sample, split, key, problem=str(error))


def _unreadable(seen: list[_Seen]) -> list[Finding]:
    problems = {s.sample.id: s.problem for s in seen if s.problem}
    if not problems:
        return []
    first = " ".join(list(problems.values())[:3])
    more = f" And {len(problems) - 3:,} more." if len(problems) > 3 else ""
    noun = "sound" if any("audio" in s.sample.roles for s in seen) else "image"
    words = f"{plural(len(problems), noun)} cannot be read. {first}{more}"
    return [Finding("unreadable", "error", words, tuple(problems))]


def _paces(seen: list[_Seen]) -> dict[str, tuple[str, float]]:
    """The transcripts of the sounds that could be read, with their seconds, by sample id."""
    texts = ((s.sample.id, s.sample.roles.get("transcript"), s.heard) for s in seen)
    return {name: (text, heard.seconds) for name, text, heard in texts if text and heard}


def _sizes(seen: list[_Seen]) -> list[Finding]:
    sizes = [s.size for s in seen if s.size]
    if not sizes:
        return []
    short = sorted(map(min, sizes))
    by_area = sorted(sizes, key=lambda size: size[0] * size[1])
    least, most = (f"{width} x {height}" for width, height in (by_area[0], by_area[-1]))
    words = (
        f"Images: short side {short[0]} to {short[-1]} px, median {statistics.median(short):g}; "
        f"smallest {least}, largest {most}."
    )
    findings = [Finding("sizes", "info", words)]
    small = sum(side < SMALL_SIDE for side in short)
    if small > len(short) / 2:
        words = (
            f"{small:,} of {len(short):,} images are smaller than {SMALL_SIDE} px: pretrained "
            "networks learned from larger ones, and there is little detail in these."
        )
        findings.append(Finding("small-images", "info", words))
    return findings


def _duplicates(seen: list[_Seen], kind: Kind) -> list[Finding]:
    findings = []
    for split, members in _comparable(seen, kind).items():
        repeats = [s for same in _group_by(members, lambda s: s.key).values() for s in same[1:]]
        if repeats:
            words = (
                f"{len(repeats):,} of {len(members):,} samples in "
                f"{split} ({len(repeats) / len(members):.1%}) repeat "
                f"another one there: {listed(_ids(repeats), 5)}."
            )
            findings.append(Finding("duplicates", "warning", words, _ids(repeats)))
    return findings


_REMOVE = "Scores on {other} may be too good for it; remove them from {one}."
_OF_A_CUT = (
    "Scores on {other} may be too good for it. Graft cut "
    "the splits itself: remove one of each pair{or_group}."
)
_OR_GROUP = ", or give both one value in a column of groups (--columns group=NAME)"


def _leaks(seen: list[_Seen], kind: Kind, data: Data) -> list[Finding]:
    findings = []
    members = _comparable(seen, kind)
    for one, other in (*_pairs_of_splits(members), *_unlabeled_with_others(members)):
        known = {s.key: s for s in reversed(members[one])}
        same = [(known[s.key], s) for s in members[other] if s.key in known]
        exact = {s.sample.id for _, s in same}
        near, num_untried = _find_near(
            members[one], [s for s in members[other] if s.sample.id not in exact], kind
        )
        copies = f"{verb(same)} in {one} too"
        alike = f"{verb(near)} nearly the same as one of {one}"
        sentence = _OF_A_CUT if {one, other} & set(data.cut) else _REMOVE
        or_group = _OR_GROUP if data.columns else ""
        advice = sentence.format(one=one, other=other, or_group=or_group)
        if same:
            findings.append(_leak("leak", f"of {other} {copies}", same, advice))
        if near:
            findings.append(_leak("near-leak", f"of {other} {alike}", near, advice))
        if num_untried:
            words = (
                f"{plural(num_untried, 'pair')} of sounds of {one} and {other} have about the same "
                "loudness over time, and were not compared further: some may be copies."
            )
            findings.append(Finding("not-compared", "info", words))
    return findings


def _leak(code: str, words: str, pairs: list[tuple[_Seen, _Seen]], advice: str) -> Finding:
    """Samples of one split that another holds as well, `words` saying how alike they are."""
    shown = listed((f"{b.sample.id} = {a.sample.id}" for a, b in pairs), 5)
    message = f"{plural(len(pairs), 'sample')} {words}: {shown}. {advice}"
    return Finding(code, "warning", message, _ids(s for pair in pairs for s in pair))


def _find_near(
    ones: list[_Seen], others: list[_Seen], kind: Kind
) -> tuple[list[tuple[_Seen, _Seen]], int]:
    """Pairs that are nearly the same, by their pictures, their sounds, or else by their texts.

    Also returns the number of alike pairs that were not compared, since there were too many.
    """
    num_untried = 0
    if any("image" in s.sample.roles for s in ones):
        ones, others = ([s for s in side if s.print] for side in (ones, others))
        prints = ([s.print for s in side if s.print] for side in (ones, others))
        pairs = find_near_images(*prints)
    elif any("audio" in s.sample.roles for s in ones):
        ones, others = ([s for s in side if s.heard and s.heard.print] for side in (ones, others))
        sounds = (
            [(s.sample.roles["audio"], s.heard.print) for s in side] for side in (ones, others)
        )
        pairs, num_untried = find_near_sounds(*sounds)
    else:
        if any(kind.passage(s.sample) != kind.text(s.sample) for s in ones[:1]):
            known = {kind.passage(s.sample) for s in ones}
            ones, others = _new_passages(ones, set(), kind), _new_passages(others, known, kind)
        pairs = find_near_texts(
            *([kind.passage(s.sample) for s in side] for side in (ones, others))
        )
    return [(ones[a], others[b]) for a, b in pairs], num_untried


def _new_passages(seen: list[_Seen], known: set[str], kind: Kind) -> list[_Seen]:
    """One sample of each unknown passage: a context comes back with every question on it."""
    first = {kind.passage(s.sample): s for s in reversed(seen)}
    return [s for passage, s in first.items() if passage not in known]


_KEEP_TOGETHER = "keep each {role} in one split."
_TOO_FEW_GROUPS = (
    "Graft could not keep each {role} in one split, as there are too few or one is too large: add "
    "samples of others, or give splits of your own."
)


def _shared(data: Data, kind: Kind) -> list[Finding]:
    """Groups, or else contexts of questions and their like, of which two splits have samples."""
    samples = [sample for part in data.splits.values() for sample in part]
    roles = {role for s in samples for role in s.roles if s.roles[role] is not None}
    role = next((role for role in ("group", *kind.shared) if role in roles), None)
    if role is None:
        return []
    findings = []
    members = {
        split: _group_by(
            (s for s in part if s.roles.get(role) is not None), lambda s: str(s.roles[role])
        )
        for split, part in data.splits.items()
    }
    for one, other in _pairs_of_splits(members):
        same = [value for value in members[other] if value in members[one]]
        if same:
            ids = [s.id for v in same for s in (*members[one][v], *members[other][v])]
            count = sum(len(members[other][value]) for value in same)
            shown = f": {listed(map(repr, same), 5)}" if role == "group" else ""
            advice = _TOO_FEW_GROUPS if {one, other} & set(data.cut) else _KEEP_TOGETHER
            words = (
                f"{plural(len(same), role)} of {other} {verb(same)} in {one} too, with "
                f"{plural(count, 'sample')} there{shown}. Scores on {other} may be too good for "
                f"it; {advice.format(role=role)}"
            )
            findings.append(Finding(f"shared-{role}", "warning", words, tuple(ids)))
    return findings


def _conflicts(seen: list[_Seen], kind: Kind) -> list[Finding]:
    """Equal samples with different targets, of a kind where one of them must be wrong."""
    known = (s for s in seen if s.split != "unlabeled")
    same = [group for group in _group_by(known, lambda s: s.key).values() if len(group) > 1]
    differences = [kind.conflict([s.sample for s in group]) for group in same]
    cases = [(words, group) for words, group in zip(differences, same, strict=True) if words]
    if not cases:
        return []
    what = "labels" if kind.target == "label" else kind.target
    words = (
        f"Equal samples have different {what}, in {plural(len(cases), 'case')}: "
        f"{listed((words for words, _ in cases), 5)}."
    )
    ids = _ids(s for _, group in cases for s in group)
    return [Finding("conflicting-labels", "warning", words, ids)]


def _few(code: str, words: str | None) -> list[Finding]:
    return [Finding(code, "info", words)] if words else []


def _comparable(seen: list[_Seen], kind: Kind) -> dict[str, list[_Seen]]:
    """Split -> its samples that are copies if they are equal."""
    return _group_by((s for s in seen if not kind.may_recur(s.sample)), lambda s: s.split)


def _pairs_of_splits(splits: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pair each of training, validation and test with each later one."""
    return combinations([split for split in ("train", "val", "test") if split in splits], 2)


def _unlabeled_with_others(splits: Collection[str]) -> list[tuple[str, str]]:
    """Pair the samples without labels with validation and test: what learns from them sees both."""
    others = [split for split in ("val", "test") if split in splits]
    return [("unlabeled", other) for other in others if "unlabeled" in splits]


def _group_by(items: Iterable[T], key: Callable[[T], Hashable]) -> dict[Hashable, list[T]]:
    groups: dict[Hashable, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _ids(seen: Iterable[_Seen]) -> tuple[str, ...]:
    return tuple(s.sample.id for s in seen)
