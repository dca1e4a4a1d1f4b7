"""The user's data: named splits of samples."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from graft.base.errors import UnknownName
from graft.base.ranges import COUNT, check_number
from graft.base.records import Sample
from graft.data.digests import digest_files
from graft.data.kinds.kind import kind_named, kind_of
from graft.data.masks.open import Mask
from graft.data.sounds.part import SoundPart


@dataclass(frozen=True)
class Data:
    """Named splits (`train`, `val`, `test`, `unlabeled`) of samples, and where they came from."""

    splits: dict[str, list[Sample]]
    path: str = ""
    format: str = ""
    notes: list[str] = field(default_factory=list)
    """Decisions made while reading, in sentences for the user."""
    kind: str = ""
    """The kind of the samples; if not given, that of the roles of the first one."""
    columns: dict[str, list[str]] = field(default_factory=dict)
    """Role -> the columns of tables, the keys or the arrays that hold it, as a user names them."""
    asked: tuple[str, ...] = ()
    """The roles whose columns the user chose."""
    cut: tuple[str, ...] = ()
    """The splits that Graft cut, since the data came without them."""
    target: Literal["", "labeled", "unlabeled"] = ""
    """Whether `unlabeled` are samples of another domain, which techniques adapt to: `labeled` if
    `test` measures them there, `unlabeled` if nothing does; empty without such a domain."""
    grouped_by: str = ""
    """What says the group of a sample where no column does: `the names of files`."""
    problem: str = ""
    """Why these data cannot be split and learned from, if they were read to be described only."""

    def __post_init__(self) -> None:
        first = _first(self.splits)
        if not self.kind and first is not None:
            object.__setattr__(self, "kind", kind_of(first.roles))

    def __repr__(self) -> str:
        """A line that a user can read: the sizes of the splits, not thousands of samples."""
        sizes = "".join(f", {name}={len(samples)}" for name, samples in self.splits.items())
        return f"Data({self.path!r}, format={self.format!r}, kind={self.kind!r}{sizes})"

    @property
    def roles(self) -> frozenset[str]:
        """The roles that all labeled samples have; without any, those of all unlabeled samples.

        A target that is not known counts, as None.
        """
        labeled = [split for name, split in self.splits.items() if name != "unlabeled"]
        samples = [s for split in labeled or self.splits.values() for s in split]
        common = set.intersection(*(set(s.roles) for s in samples)) if samples else set()
        return frozenset(common)

    @property
    def classes(self) -> list[str]:
        """All labels, entity types or plain tags, '2' before '10'; empty for other targets."""
        samples = [sample for split in self.splits.values() for sample in split]
        names = kind_named(self.kind).classes(samples) if samples else set()
        return sorted(names, key=lambda c: (not c.isdigit(), int(c) if c.isdigit() else 0, c))

    def counts(self) -> dict[str, Counter[str]]:
        """Split -> how many times each class occurs in it."""
        return kind_named(self.kind).counts(self.splits)

    def with_splits(self, splits: dict[str, list[Sample]], *notes: str) -> Data:
        return replace(self, splits=splits, notes=[*self.notes, *notes])

    def sample(self, seed: int = 0, **sizes: int) -> Data:
        """Return the data with fewer samples, drawn at random: `data.sample(train=200, test=100)`.

        Samples keep their order; a split that is not named, or is no larger, stays as it is. Raises
        UnknownName for a split that is not there, BadValue for a size below 1.
        """
        splits, notes = dict(self.splits), []
        for name, size in sizes.items():
            if name not in splits:
                raise UnknownName.of("split", name, splits)
            check_number(name, size, int, COUNT)
            total = len(splits[name])
            if size < total:
                # Drawn from the name too, so that splits of one size do not get the same places.
                draw = np.random.default_rng([seed, *name.encode()])
                places = np.sort(draw.choice(total, size, replace=False))
                splits[name] = [splits[name][place] for place in places]
                notes.append(f"{size:,} of {total:,} samples of {name}, drawn at random.")
        return self.with_splits(splits, *notes)

    def fingerprint(self) -> str:
        """Hash every split's samples: ids, texts and labels; of pictures and masks the bytes."""
        digest = hashlib.sha256()
        digests = digest_files(
            _files(v for split in self.splits.values() for s in split for v in s.roles.values())
        )
        for name in sorted(self.splits):
            digest.update(f"\0split {name}\0".encode())
            for sample in self.splits[name]:
                digest.update(sample.id.encode())
                for role in sorted(sample.roles):
                    digest.update(f"\0{role}\0".encode())
                    digest.update(_bytes(sample.roles[role], digests))
        return digest.hexdigest()[:16]


def _first(splits: dict[str, list[Sample]]) -> Sample | None:
    """The first labeled sample; where there is none, the first unlabeled one."""
    order = [
        *(part for name, part in splits.items() if name != "unlabeled"),
        splits.get("unlabeled", ()),
    ]
    return next((sample for part in order for sample in part), None)


def contents(samples: Sequence[Sample], roles: Sequence[str]) -> str:
    """Hash what the samples hold in these roles, in their order; of a file, its bytes."""
    digest = hashlib.sha256()
    values = [sample.roles.get(role) for sample in samples for role in roles]
    digests = digest_files(_files(values))
    for value in values:
        digest.update(b"\0" + _bytes(value, digests))
    return digest.hexdigest()


def content_of_each(samples: Sequence[Sample], roles: Sequence[str]) -> list[str]:
    """Hash what each sample holds in these roles; of a file, its bytes."""
    values = [[sample.roles.get(role) for role in roles] for sample in samples]
    digests = digest_files(_files(value for held in values for value in held))
    joined = (b"\0".join(_bytes(value, digests) for value in held) for held in values)
    return [hashlib.sha256(content).hexdigest() for content in joined]


def _files(values: Iterable[object]) -> Iterator[Path]:
    """The files that the values of roles lie in."""
    held = (value.source if isinstance(value, Mask | SoundPart) else value for value in values)
    return (value for value in held if isinstance(value, Path))


def _bytes(value: object, digests: dict[str, bytes]) -> bytes:
    if isinstance(value, Mask):
        return _bytes(value.source, digests) + repr(value.coding).encode()
    if isinstance(value, SoundPart):
        return _bytes(value.source, digests) + repr((value.start, value.end)).encode()
    if isinstance(value, Path):
        return digests[str(value)]
    if isinstance(value, bytes):
        return value
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value).tobytes()
    return repr(value).encode()
