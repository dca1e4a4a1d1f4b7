"""The user's data: named splits of samples."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from graft.base.records import Sample
from graft.data.digests import digest_files
from graft.data.tags import names_of


@dataclass(frozen=True)
class Data:
    """Named splits (`train`, `val`, `test`, `unlabeled`) of samples, and where they came from."""

    splits: dict[str, list[Sample]]
    path: str = ""
    format: str = ""
    notes: list[str] = field(default_factory=list)
    """What was decided on reading, in sentences for the user: which split is the test split, what was cut from what."""

    @property
    def roles(self) -> frozenset[str]:
        """The roles that every labeled sample has, be it with None for a target that is not known; without any, the unlabeled."""
        labeled = [split for name, split in self.splits.items() if name != "unlabeled"]
        samples = [s for split in labeled or self.splits.values() for s in split]
        common = set.intersection(*(set(s.roles) for s in samples)) if samples else set()
        return frozenset(common)

    @property
    def classes(self) -> list[str]:
        """All labels that occur, or types of entities, or plain tags, in natural order: '2' before '10'; of answers none."""
        found: set[str] = set()
        for split in self.splits.values():
            for sample in split:
                label = sample.roles.get("label", sample.roles.get("tags"))
                found.update(label if isinstance(label, tuple) else () if label is None else (label,))
        found = names_of(found) if any("tags" in split[0].roles for split in self.splits.values() if split) else found
        return sorted(found, key=lambda c: (not c.isdigit(), int(c) if c.isdigit() else 0, c))

    def with_splits(self, splits: dict[str, list[Sample]], *notes: str) -> Data:
        return replace(self, splits=splits, notes=[*self.notes, *notes])

    def fingerprint(self) -> str:
        """Hash every split's samples: their ids, texts and labels; of an image file, its bytes."""
        digest = hashlib.sha256()
        values = (v for split in self.splits.values() for sample in split for v in sample.roles.values())
        digests = digest_files(value for value in values if isinstance(value, Path))
        for name in sorted(self.splits):
            digest.update(f"\0split {name}\0".encode())
            for sample in self.splits[name]:
                digest.update(sample.id.encode())
                for role in sorted(sample.roles):
                    digest.update(f"\0{role}\0".encode())
                    digest.update(_bytes(sample.roles[role], digests))
        return digest.hexdigest()[:16]


def contents(samples: Sequence[Sample], roles: Sequence[str]) -> str:
    """Hash what the samples hold in these roles, in their order; of a file, its bytes."""
    digest = hashlib.sha256()
    values = [sample.roles.get(role) for sample in samples for role in roles]
    digests = digest_files(value for value in values if isinstance(value, Path))
    for value in values:
        digest.update(b"\0" + _bytes(value, digests))
    return digest.hexdigest()


def _bytes(value: object, digests: dict[str, bytes]) -> bytes:
    if isinstance(value, Path):
        return digests[str(value)]
    if isinstance(value, bytes):
        return value
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value).tobytes()
    return repr(value).encode()
