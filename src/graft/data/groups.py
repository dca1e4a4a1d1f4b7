"""Groups of related samples: of one patient, speaker or document, or questions on one text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from graft.base.records import Sample
from graft.data.kinds.kind import kind_named


def groups(samples: Sequence[Sample], kind: str) -> list[str]:
    """The group of each sample, named by the id of its first one; alone if nothing is shared."""
    names = [""] * len(samples)
    for rows in join_related([kind_named(kind).relations(sample) for sample in samples]):
        for row in rows:
            names[row] = samples[rows[0]].id
    return names


def join_related(keys: Sequence[Sequence[str]]) -> list[list[int]]:
    """Group the indices that share a key, directly or through others, by their first index."""
    parent = list(range(len(keys)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    first: dict[str, int] = {}
    for i, shared in enumerate(keys):
        for key in shared:
            one, other = sorted((root(first.setdefault(key, i)), root(i)))
            parent[other] = one
    together: dict[int, list[int]] = defaultdict(list)
    for i in range(len(keys)):
        together[root(i)].append(i)
    return list(together.values())
