"""Which samples are about the same: those of one patient, speaker or document, the questions of one text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from graft.base.records import Sample

SHARED = ("group", "context", "prompt", "source")
"""The roles by which samples are about the same."""


def groups(samples: Sequence[Sample]) -> list[str]:
    """The group of each sample, named by the id of its first one; a sample that shares nothing is a group of its own."""
    names = [""] * len(samples)
    for rows in joined([relations(sample) for sample in samples]):
        for row in rows:
            names[row] = samples[rows[0]].id
    return names


def relations(sample: Sample) -> list[str]:
    """Keys of what a sample shares with others that are about the same: its group, the context of a question, what it is
    written from."""
    return [f"{role} {value}" for role in SHARED if (value := sample.roles.get(role)) is not None]


def joined(keys: Sequence[Sequence[str]]) -> list[list[int]]:
    """The indices that share a key, directly or through others, together; in the order of their first ones."""
    parent = list(range(len(keys)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    first: dict[str, int] = {}
    for i, own in enumerate(keys):
        for key in own:
            one, other = sorted((root(first.setdefault(key, i)), root(i)))
            parent[other] = one
    found: dict[int, list[int]] = defaultdict(list)
    for i in range(len(keys)):
        found[root(i)].append(i)
    return list(found.values())
