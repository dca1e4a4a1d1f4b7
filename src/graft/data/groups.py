"""Groups of related samples: of one patient, speaker or document, or questions on one text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from graft.base.records import Sample
from graft.data.kinds.kind import kind_named


def groups(samples: Sequence[Sample], kind: str) -> list[str]:
    """Name the group of each sample: as its data do, else by the id of its first sample.

    A sample that shares nothing is alone in a group. Where two groups would have one name, as a
    speaker called like a sample, all are named by ids.
    """
    clusters = join_related([kind_named(kind).relations(sample) for sample in samples])
    ids = [samples[rows[0]].id for rows in clusters]
    given = [_given_name([samples[row] for row in rows]) for rows in clusters]
    chosen = [name or first for name, first in zip(given, ids, strict=True)]
    distinct = chosen if len(set(chosen)) == len(chosen) else ids
    names = [""] * len(samples)
    for name, rows in zip(distinct, clusters, strict=True):
        for row in rows:
            names[row] = name
    return names


def _given_name(samples: Sequence[Sample]) -> str | None:
    """The value of `group` that all of these samples have; None if they differ or have none."""
    values = {sample.roles.get("group") for sample in samples}
    return next(iter(values)) if len(values) == 1 else None


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
