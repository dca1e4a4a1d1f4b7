"""Findings about classes: their counts, and which are rare, missing or spelled in two ways."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from graft.base.counts import plural
from graft.base.errors import listed
from graft.base.records import Sample
from graft.data.checks.finding import Finding, counts
from graft.data.data import Data

IMBALANCE = 10
"""The ratio of the largest to the smallest class above which it is reported."""
SHOWN = 12
"""The most classes whose counts are listed."""


def class_findings(data: Data, labels_of: Callable[[Sample], tuple[str, ...]]) -> list[Finding]:
    """How many samples there are of what, and what is rare or missing."""
    total = counts(data.splits, f"samples of {plural(len(data.classes), 'class')}")
    return [total, *balance_findings(data, labels_of, "a sample")]


def balance_findings(
    data: Data,
    labels_of: Callable[[Sample], tuple[str, ...]],
    example: str,
    advice: str = "Look at macro F1 beside accuracy, or weight the classes.",
) -> list[Finding]:
    """How much there is of each class, and what is rare, missing or spelled in two ways.

    `example` is what there is one of, with its article: `an object`; `advice` is what to do about
    classes of very unequal size.
    """
    by_split, classes = data.counts(), data.classes
    training = "train" if "train" in by_split else "all"
    of_training = by_split.get(training, Counter())
    rare = {name for name, count in of_training.items() if count == 1}
    ids = tuple(
        sample.id
        for sample in data.splits.get(training, ())
        if rare.intersection(labels_of(sample))
    )
    return [
        *summarize_counts({split: of for split, of in by_split.items() if split != "unlabeled"}),
        *_imbalance(of_training, example.split()[-1], advice),
        *rare_classes(by_split, classes, "class", example, ids),
        *_spellings(classes),
    ]


def rare_classes(
    by_split: dict[str, Counter[str]],
    classes: list[str],
    noun: str,
    example: str,
    ids: tuple[str, ...] = (),
) -> list[Finding]:
    """Classes, or what the noun calls them, that occur once in training, or not at all in a split.

    `example` is what there is one of, with its article: `an entity`; `ids` are the samples in which
    one occurs alone.
    """
    findings = []
    training = by_split.get("train", by_split.get("all", Counter()))
    if single := sorted(name for name, count in training.items() if count == 1):
        words = (
            f"{plural(len(single), noun)} with one "
            f"{example.split()[-1]} in training: {listed(single, 5)}."
        )
        findings.append(Finding("single-example", "warning", words, ids))
    for split in ("train", "val", "test"):
        if split in by_split and (
            missing := [name for name in classes if not by_split[split][name]]
        ):
            words = (
                f"{plural(len(missing), noun)} without {example} in {split}: {listed(missing, 5)}."
            )
            findings.append(Finding("missing-class", "warning", words))
    return findings


def summarize_counts(by_split: dict[str, Counter[str]]) -> list[Finding]:
    """The most frequent classes of each split."""
    findings = []
    for split, of in by_split.items():
        if of:
            shown = ", ".join(f"{name} {count:,}" for name, count in of.most_common(SHOWN))
            findings.append(
                Finding("classes", "info", f"{split}: {shown}{', ...' if len(of) > SHOWN else ''}.")
            )
    return findings


def _imbalance(counts: Counter[str], noun: str, advice: str) -> list[Finding]:
    if len(counts) < 2 or max(counts.values()) <= IMBALANCE * min(counts.values()):
        return []
    (most, n), (least, m) = counts.most_common()[0], counts.most_common()[-1]
    words = (
        f"The classes are imbalanced: {n:,} training {noun}s of {most!r}, {m:,} of {least!r} "
        f"({n / m:.0f} to 1). {advice}"
    )
    return [Finding("imbalance", "warning", words)]


def _spellings(classes: list[str]) -> list[Finding]:
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        spellings[name.casefold()].append(name)
    return [
        Finding(
            "alike-classes",
            "warning",
            f"Class names that differ in case only: {listed(alike, 5)}. Are they one class?",
        )
        for alike in spellings.values()
        if len(alike) > 1
    ]
