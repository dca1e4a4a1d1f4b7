"""Findings about texts: their lengths, and which are empty."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graft.base.counts import plural
from graft.base.errors import listed
from graft.data.checks.finding import Finding, counts
from graft.data.data import Data


def text_findings(
    data: Data,
    nouns: Mapping[str, str],
    read: Callable[[Any], str] = str,
    has_word: Callable[[str], Any] = str.strip,
) -> list[Finding]:
    """Report the lengths in words of the texts of each role, and texts without a word.

    `nouns` calls the texts of a role by a name. Unlabeled samples may be texts alone, whatever the
    kind. `read` makes a text of what a role holds.
    """
    samples = [sample for part in data.splits.values() for sample in part]
    findings = []
    for role, noun in {"text": "Texts", **nouns}.items():
        texts = [
            (sample.id, read(sample.roles[role]))
            for sample in samples
            if sample.roles.get(role) is not None
        ]
        if texts:
            findings.append(lengths(noun, "words", [len(text.split()) for _, text in texts]))
            findings += empty(role, [name for name, text in texts if not has_word(text)])
    return findings


def character_counts(data: Data, noun: str, role: str) -> Finding:
    """Report the number of samples per split, and of characters of a role."""
    return counts(
        data.splits,
        noun,
        lambda part: f" ({sum(len(s.roles.get(role) or '') for s in part):,} characters)",
    )


def lengths(what: str, unit: str, sizes: Sequence[int]) -> Finding:
    """The range, the median and the 95th percentile of the lengths of texts."""
    ordered = sorted(sizes)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    middle = f"median {statistics.median(ordered):g}, 95 % have at most {p95:,}."
    return Finding("lengths", "info", f"{what}: {ordered[0]:,} to {ordered[-1]:,} {unit}, {middle}")


def empty(noun: str, ids: list[str]) -> list[Finding]:
    """A warning that names samples without a word, where there are some."""
    words = f"{plural(len(ids), noun)} without a word: {listed(ids, 5)}."
    return [Finding("empty", "warning", words, tuple(ids))] if ids else []
