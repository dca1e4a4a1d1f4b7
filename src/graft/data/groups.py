"""Groups of related samples: of one patient, speaker or document, or questions on one text."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.base.evidence import FEWEST_GROUPS
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.data.sounds.part import SoundPart


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


def describe_few_groups(data: Data) -> str | None:
    """Say that the test split has too few named groups for a verdict; None if that is not so."""
    test = data.splits.get("test", ())
    count = len(set(groups(test, data.kind)))
    is_named = any(sample.roles.get("group") is not None for sample in test)
    if not is_named or count >= FEWEST_GROUPS:
        return None
    return (
        f"The test split has {plural(count, 'group')}, and a verdict needs at least "
        f"{FEWEST_GROUPS}. Give samples of more groups, or a test split of your own with more."
    )


def group_by_names(data: Data, expression: str) -> Data:
    """Give each sample the group that the expression finds in the name of its file.

    It is searched in the name without folders and ending; its first captured group names the group,
    else all that it matches. Raises DataError if samples come from no files, or if it finds nothing
    in the name of one; in `unlabeled`, which is not cut, such a sample has no group.
    """
    pattern = re.compile(expression)
    names = {split: _file_names(data, split) for split in data.splits}
    named = {
        split: [_search(pattern, Path(name).stem) for name in part] for split, part in names.items()
    }
    cut = [
        (name, group)
        for split in names
        if split != "unlabeled"
        for name, group in zip(names[split], named[split], strict=True)
    ]
    if missed := [name for name, group in cut if not group]:
        raise DataError(
            f"--group-by '{expression}' finds no group in {len(missed):,} of "
            f"{plural(len(cut), 'name')} of files: {listed(missed, 5)}. Change the expression so "
            "that it finds one in each name, without folders and ending, or rename these files."
        )
    splits = {
        split: [_with_group(*pair) for pair in zip(part, named[split], strict=True)]
        for split, part in data.splits.items()
    }
    distinct = sorted({group for part in named.values() for group in part if group})
    note = (
        f"By the names of files, '{expression}' makes {plural(len(distinct), 'group')}: "
        f"{listed(distinct)}."
    )
    return replace(data, splits=splits, notes=[*data.notes, note], grouped_by="the names of files")


def file_of(sample: Sample, folder: Path | None) -> Path | None:
    """The file of a picture, a sound or a text that has one of its own, else None.

    Folders of texts name their samples by the files in `folder`.
    """
    for value in (sample.roles.get("image"), sample.roles.get("audio")):
        source = value.source if isinstance(value, SoundPart) else value
        if isinstance(source, str | Path):
            return Path(source)
    file = folder / sample.id if folder is not None and folder.is_dir() else None
    return file if file is not None and file.is_file() else None


def _file_names(data: Data, split: str) -> list[str]:
    """The name of the file of each sample; raises DataError for those without one."""
    folder = Path(data.path) if data.path else None
    samples = data.splits[split]
    files = [file_of(sample, folder) for sample in samples]
    if bare := [s.id for s, file in zip(samples, files, strict=True) if file is None]:
        raise DataError(
            f"--group-by looks at the names of files, and {plural(len(bare), 'sample')} of {split} "
            f"{'has' if len(bare) == 1 else 'have'} no file: {listed(bare, 5)}. Use --columns "
            "group=NAME for a column of a table, or leave --group-by out."
        )
    return [unicodedata.normalize("NFC", file.name) for file in files if file is not None]


def _search(pattern: re.Pattern[str], stem: str) -> str:
    """The first part that the pattern captures, else all that it matches; empty for nothing."""
    match = pattern.search(stem)
    if match is None:
        return ""
    return next((part for part in match.groups() if part), match[0])


def _with_group(sample: Sample, group: str) -> Sample:
    return replace(sample, roles={**sample.roles, "group": group}) if group else sample


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
