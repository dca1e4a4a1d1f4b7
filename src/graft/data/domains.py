"""Domains: named parts of one data set, some of which are learned from and another one predicted.

They are the values of a column, or the folders of a folder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from graft.base.errors import BadValue, DataError, UnknownName, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.listing import is_hidden

ROLE = "domain"
"""The role of the column that names the domain of a row.

Where one domain is left out a column of that name is found; `adapt` has to be told."""


@dataclass(frozen=True)
class Domains:
    """The data of each domain by its name, and where they were read from."""

    by_name: dict[str, Data]
    path: str

    def choose(self, other: str, sources: Sequence[str] | None) -> tuple[Data, Data]:
        """Return the source domains as one, and the domain `other`; None are all the rest.

        Raises UnknownName for a name that is no domain, BadValue if a source is the other one,
        and DataError where there is one domain only.
        """
        for name in (other, *(sources or ())):
            if name not in self.by_name:
                raise UnknownName.of(f"domain of {self.path or 'the data'}:", name, self.by_name)
        if other in (sources or ()):
            raise BadValue(
                f"{other!r} is asked for as a source and as the domain that is not learned from. "
                "Leave it out of the sources."
            )
        names = list(sources or (name for name in self.by_name if name != other))
        if not names:
            raise DataError(
                f"{self.path or 'The data'} have one domain alone, {other!r}, so that nothing is "
                "left to learn from. Give data of several domains."
            )
        return self._join(names), self.by_name[other]

    def _join(self, names: Sequence[str]) -> Data:
        """The samples of several domains as one data set, each split joined."""
        first = self.by_name[names[0]]
        if kinds := {self.by_name[name].kind for name in names} - {first.kind}:
            raise DataError(
                f"The domains of {self.path} are of the kinds {listed([first.kind, *kinds])}. "
                "Give domains of one kind."
            )
        splits: dict[str, list[Sample]] = defaultdict(list)
        for name in names:
            for split, samples in self.by_name[name].splits.items():
                splits[split] += samples
        if "all" in splits and len(splits) > 1:  # of some domains nothing is held out
            splits["train"] += splits.pop("all")
        notes = [note for name in names for note in self.by_name[name].notes]
        return replace(first, splits=dict(splits), notes=list(dict.fromkeys(notes)))


def split_by_domain(data: Data) -> Domains:
    """Return the data of each value of the role `domain`, in the order of their names."""
    bare = [
        sample.id
        for part in data.splits.values()
        for sample in part
        if sample.roles.get(ROLE) is None
    ]
    if bare:
        raise DataError(
            f"{data.path or 'The data'} have samples without a domain: {listed(bare)}. Fill in "
            "the column of domains, or name another one: --columns domain=NAME."
        )
    parts: dict[str, dict[str, list[Sample]]] = defaultdict(dict)
    for split, samples in data.splits.items():
        for sample in samples:
            roles = {role: value for role, value in sample.roles.items() if role != ROLE}
            of_domain = parts[sample.roles[ROLE]].setdefault(split, [])
            of_domain.append(Sample(sample.id, roles))
    return Domains({name: replace(data, splits=parts[name]) for name in sorted(parts)}, data.path)


def domain_folders(path: Path) -> list[Path]:
    """The folders in a folder, each of which holds a domain."""
    inside = sorted(path.iterdir()) if path.is_dir() else []
    return [entry for entry in inside if entry.is_dir() and not is_hidden(entry.name)]


def read_domain_folders(path: Path, read: Callable[[Path], Data]) -> Domains:
    """Read the folders in a folder as domains; the ids of their samples begin with their names."""
    by_name = {folder.name: read(folder) for folder in domain_folders(path)}
    return Domains(
        {
            name: replace(data, splits=_prefix_ids(name, data.splits), path=str(path))
            for name, data in by_name.items()
        },
        str(path),
    )


def _prefix_ids(name: str, splits: dict[str, list[Sample]]) -> dict[str, list[Sample]]:
    return {
        split: [Sample(f"{name}/{sample.id}", sample.roles) for sample in samples]
        for split, samples in splits.items()
    }


def hold_out(source: Data, other: Data) -> Data:
    """Return the source with all labeled samples of another domain as its test split."""
    unused = len(source.splits.get("test", []))
    parts: Iterable[list[Sample]] = (
        samples for split, samples in other.splits.items() if split != "unlabeled"
    )
    splits = {**source.splits, "test": [sample for part in parts for sample in part]}
    notes = [f"The {unused:,} test samples of the source domains are not used."] if unused else []
    return source.with_splits(splits, *notes)
