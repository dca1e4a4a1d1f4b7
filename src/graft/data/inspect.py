"""What a person should know of their data before training on them."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from graft.base.env import cores
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.content import content_key, may_recur
from graft.data.data import Data
from graft.data.finding import Finding, listed, number, verb
from graft.data.fingerprints import Fingerprint, fingerprint, near_images, near_texts
from graft.data.inspect_language import answer_findings, difference, generation_findings, lengths, tag_counts, tag_findings
from graft.data.roles import said, target, target_role, text_of

WRITTEN = ("passage", "completion", "target")
"""Targets that are text of any kind, of which two are seldom equal and neither is wrong."""
_OF_TEXT = {
    "context": "Contexts",
    "question": "Questions",
    "text": "Texts",
    "passage": "Passages",
    "prompt": "Prompts",
    "completion": "Completions",
    "source": "Sources",
    "target": "Targets",
}
IMBALANCE = 10
"""The ratio of the largest to the smallest class above which it is reported."""
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
    seen = _look(data)
    findings = [
        *_unreadable(seen),
        *_targets(data),
        *_sizes(seen),
        *_texts(data),
        *_duplicates(seen),
        *_leaks(seen),
        *_shared(data),
        *_conflicts(seen),
        *(Finding("note", "info", note) for note in data.notes),
    ]
    order = ("error", "warning", "info")
    return sorted(findings, key=lambda f: order.index(f.severity))


def summary(data: Data) -> dict[str, Any]:
    """Path, format, classes, notes, and the samples of each split, in all and by class, as JSON."""
    tagged = _role(data) == "tags"
    counts = tag_counts(data) if tagged else {split: _per_class(samples) for split, samples in data.splits.items()}
    splits = {
        split: {"samples": len(samples), "classes": {c: n for c in data.classes if (n := counts[split][c])}}
        for split, samples in data.splits.items()
    }
    return {
        "path": data.path,
        "format": data.format,
        "roles": sorted(data.roles),
        "classes": data.classes,
        "splits": splits,
        "notes": data.notes,
    }


def _look(data: Data) -> list[_Seen]:
    pairs = [(split, sample) for split, samples in data.splits.items() for sample in samples]
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        return list(pool.map(lambda pair: _open(*pair), pairs, chunksize=64))


def _open(split: str, sample: Sample) -> _Seen:
    key = content_key(sample)
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
    first = " ".join(s.problem or "" for s in bad[:3]) + (f" And {len(bad) - 3:,} more." if len(bad) > 3 else "")
    return [Finding("unreadable", "error", f"{number(bad, 'image')} cannot be read. {first}", _ids(bad))]


def _role(data: Data) -> str:
    return target_role(s for samples in data.splits.values() for s in samples)


def _targets(data: Data) -> list[Finding]:
    """How many samples there are of what, and what is rare or missing."""
    role = _role(data)
    if role == "tags":
        return tag_findings(data)
    if role in WRITTEN:
        return generation_findings(data, role)
    return answer_findings(data) if role == "answers" else [*_counts(data), *_classes(data)]


def _counts(data: Data) -> list[Finding]:
    sizes = ", ".join(f"{split} {len(samples):,}" for split, samples in data.splits.items())
    found = [
        Finding("counts", "info", f"{sum(map(len, data.splits.values())):,} samples of {len(data.classes)} classes: {sizes}.")
    ]
    for split, samples in data.splits.items():
        counts = _per_class(samples)
        if counts and split != "unlabeled":
            shown = ", ".join(f"{c} {n:,}" for c, n in counts.most_common(12)) + (", ..." if len(counts) > 12 else "")
            found.append(Finding("classes", "info", f"{split}: {shown}."))
    return found


def _classes(data: Data) -> list[Finding]:
    found = []
    training = data.splits.get("train", data.splits.get("all", []))
    counts = _per_class(training)
    if len(counts) > 1 and max(counts.values()) > IMBALANCE * min(counts.values()):
        (most, n), (least, m) = counts.most_common()[0], counts.most_common()[-1]
        words = f"The classes are imbalanced: {n:,} training samples of {most!r}, {m:,} of {least!r} ({n / m:.0f} to 1)."
        found.append(Finding("imbalance", "warning", f"{words} Look at macro F1 beside accuracy, or weight the classes."))
    single = sorted(c for c, n in counts.items() if n == 1)
    if single:
        rare = set(single)
        ids = tuple(s.id for s in training if rare.intersection(_labels(s)))
        found.append(
            Finding("single-example", "warning", f"{number(single, 'class')} with one training sample: {listed(single)}.", ids)
        )
    classes = data.classes
    for split in ("train", "val", "test"):
        present = _per_class(data.splits.get(split, []))
        missing = [c for c in classes if split in data.splits and not present[c]]
        if missing:
            found.append(
                Finding("missing-class", "warning", f"{number(missing, 'class')} without a sample in {split}: {listed(missing)}.")
            )
    spellings: dict[str, list[str]] = defaultdict(list)
    for c in classes:
        spellings[c.casefold()].append(c)
    for alike in (names for names in spellings.values() if len(names) > 1):
        found.append(
            Finding("alike-classes", "warning", f"Class names that differ in case only: {listed(alike)}. Are they one class?")
        )
    return found


def _sizes(seen: list[_Seen]) -> list[Finding]:
    sized = [s for s in seen if s.size]
    if not sized:
        return []
    short = sorted(min(s.size) for s in sized if s.size)
    least, most = (choose((s.size for s in sized if s.size), key=lambda size: size[0] * size[1]) for choose in (min, max))
    words = f"Images: short side {short[0]} to {short[-1]} px, median {statistics.median(short):g}; "
    found = [Finding("sizes", "info", f"{words}smallest {least[0]} x {least[1]}, largest {most[0]} x {most[1]}.")]
    small = sum(side < SMALL_SIDE for side in short)
    if small > len(short) / 2:
        words = f"{small:,} of {len(short):,} images are smaller than {SMALL_SIDE} px: a pretrained network sees them enlarged"
        found.append(Finding("small-images", "info", f"{words} to its own input size, with little detail in them."))
    return found


def _texts(data: Data) -> list[Finding]:
    samples = [s for part in data.splits.values() for s in part]
    found = []
    for role, what in _OF_TEXT.items():
        told = [s for s in samples if s.roles.get(role) is not None and "tokens" not in s.roles]
        texts = [(s.id, said(s.roles[role])) for s in told]
        if texts:
            found.append(lengths(what, "words", [len(text.split()) for _, text in texts]))
            found += _empty(role, [name for name, text in texts if not text.strip()])
    tokens = [(s.id, s.roles["tokens"]) for s in samples if "tokens" in s.roles]
    if tokens:
        found.append(lengths("Samples", "tokens", [len(of) for _, of in tokens]))
        found += _empty("sample", [name for name, of in tokens if not of])
    return found


def _empty(noun: str, ids: list[str]) -> list[Finding]:
    return [Finding("empty", "warning", f"{number(ids, noun)} without a word: {listed(ids)}.", tuple(ids))] if ids else []


def _duplicates(seen: list[_Seen]) -> list[Finding]:
    found = []
    for split, members in _by((s for s in seen if not may_recur(s.sample)), lambda s: s.split).items():
        repeats = [s for same in _by(members, lambda s: s.key).values() for s in same[1:]]
        if repeats:
            share = len(repeats) / len(members)
            of = f"{len(repeats):,} of {len(members):,} samples in {split} ({share:.1%})"
            words = f"{of} repeat another one there: {listed(_ids(repeats))}."
            found.append(Finding("duplicates", "warning", words, _ids(repeats)))
    return found


def _leaks(seen: list[_Seen]) -> list[Finding]:
    found = []
    members = _by((s for s in seen if not may_recur(s.sample)), lambda s: s.split)
    for one, other in combinations([split for split in ("train", "val", "test") if split in members], 2):
        known = {s.key: s for s in reversed(members[one])}
        same = [(known[s.key], s) for s in members[other] if s.key in known]
        found += _leak("leak", f"of {other} {verb(same)} in {one} too", same, one, other)
        exact = {s.sample.id for _, s in same}
        near = _near(members[one], [s for s in members[other] if s.sample.id not in exact])
        found += _leak("near-leak", f"of {other} {verb(near)} nearly the same as one of {one}", near, one, other)
    return found


def _near(ones: list[_Seen], others: list[_Seen]) -> list[tuple[_Seen, _Seen]]:
    """Pairs that are nearly the same, by their pictures or else by their texts."""
    if any("image" in s.sample.roles for s in ones):
        ones, others = ([s for s in side if s.print] for side in (ones, others))
        pairs = near_images([s.print for s in ones if s.print], [s.print for s in others if s.print])
    else:
        if any("context" in s.sample.roles for s in ones):
            ones, others = _new_contexts(ones, set()), _new_contexts(others, {s.sample.roles["context"] for s in ones})
        pairs = near_texts(*([s.sample.roles.get("context", text_of(s.sample)) for s in side] for side in (ones, others)))
    return [(ones[a], others[b]) for a, b in pairs]


def _new_contexts(seen: list[_Seen], known: set[str]) -> list[_Seen]:
    """One sample of each context that is not known: a context comes back with every question that is asked of it."""
    first = {s.sample.roles["context"]: s for s in reversed(seen)}
    return [s for context, s in first.items() if context not in known]


def _shared(data: Data) -> list[Finding]:
    """Groups, or contexts of questions, of which two splits have samples."""
    found = []
    role = next((r for r in ("group", "context") if any(r in s.roles for part in data.splits.values() for s in part)), None)
    members = {split: _by(part, lambda s: s.roles.get(role)) for split, part in data.splits.items()}
    for one, other in combinations([split for split in ("train", "val", "test") if split in members and role], 2):
        same = [value for value in members[other] if value is not None and value in members[one]]
        if same:
            ids = tuple(s.id for value in same for s in (*members[one][value], *members[other][value]))
            count = sum(len(members[other][value]) for value in same)
            shown = f": {listed(map(repr, same))}" if role == "group" else ""
            words = f"{number(same, role or '')} of {other} {verb(same)} in {one} too, with {count:,} samples there{shown}."
            advice = f"Scores on {other} may be too good for it; keep each {role} in one split."
            found.append(Finding(f"shared-{role}", "warning", f"{words} {advice}", ids))
    return found


def _leak(kind: str, words: str, pairs: list[tuple[_Seen, _Seen]], one: str, other: str) -> list[Finding]:
    if not pairs:
        return []
    shown = listed(f"{b.sample.id} = {a.sample.id}" for a, b in pairs)
    advice = f"Scores on {other} may be too good for it; remove them from {one}."
    ids = tuple(s.sample.id for pair in pairs for s in pair)
    return [Finding(kind, "warning", f"{number(pairs, 'sample')} {words}: {shown}. {advice}", ids)]


def _conflicts(seen: list[_Seen]) -> list[Finding]:
    told = (s for s in seen if s.split != "unlabeled")
    same = [group for group in _by(told, lambda s: s.key).values() if len(group) > 1]
    torn = [group for group in same if len({str(target(s.sample)) for s in group}) > 1]
    role = target_role(s.sample for s in torn[0]) if torn else ""
    if not torn or role in WRITTEN:
        return []
    shown = listed(_conflict(group, role) for group in torn)
    words = f"Equal samples have different {'labels' if role == 'label' else role}, in {number(torn, 'case')}: {shown}."
    return [Finding("conflicting-labels", "warning", words, tuple(s.sample.id for group in torn for s in group))]


def _conflict(group: list[_Seen], role: str) -> str:
    if role == "label":
        return " / ".join(f"{s.sample.id} is {'|'.join(_labels(s.sample))!r}" for s in group)
    first = group[0].sample
    other = next(s.sample for s in group if target(s.sample) != target(first))
    one, another = difference(first, other, role)
    return f"{first.id} is {one} / {other.id} is {another}"


def _labels(sample: Sample) -> tuple[str, ...]:
    label = sample.roles.get("label")
    return label if isinstance(label, tuple) else () if label is None else (label,)


def _per_class(samples: Iterable[Sample]) -> Counter[str]:
    return Counter(c for s in samples for c in _labels(s))


def _by(items: Iterable[Any], key: Any) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _ids(seen: Iterable[_Seen]) -> tuple[str, ...]:
    return tuple(s.sample.id for s in seen)
