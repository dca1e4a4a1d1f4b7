"""The contract of a data format, and the names of splits."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

from graft.base import plugins
from graft.base.errors import BadValue, DataError, UnknownName
from graft.base.ranges import check_flag
from graft.data.data import Data

SPLIT_NAMES = {
    "train": ("train", "training", "trainset"),
    "val": ("val", "valid", "validation", "validate", "dev", "devel", "development"),
    "test": ("test", "testing", "testset", "eval", "evaluation", "holdout", "heldout"),
    "unlabeled": ("unlabeled", "unlabelled", "unsup", "unsupervised"),
}
"""Split -> the names of files, folders, array keys and column values that mean it."""

_YEAR = re.compile(r"(?<=[a-z])(19|20)\d\d\b")
_MEANING = {name: split for split, names in SPLIT_NAMES.items() for name in names}


@dataclass(frozen=True)
class ReadOptions:
    """How the data are to be read; what is None is detected."""

    columns: dict[str, str] = field(default_factory=dict)
    """Role -> the name of its column, or its number from 0; `title+text` joins two columns."""
    header: bool | None = None
    delimiter: str | None = None
    label_separator: str | None = None
    """What separates the labels of one sample: `|` in `sports|politics`.

    Every label is then a tuple. With an empty text, every cell is a single label."""
    group_by: str | None = None
    """A regular expression that finds the group of a sample in the name of its file."""
    kinds: Collection[str] | None = None
    """The kinds of data that the task reads, by name; None: all."""
    labels: bool = True
    """Whether every sample outside `unlabeled` must have a label; False for data to predict."""
    others: Collection[str] = ()
    """Columns of a table that play no role: the targets of other tasks."""

    def __post_init__(self) -> None:
        """Raise BadValue for a value of the wrong type."""
        if not isinstance(self.columns, Mapping) or not all(
            isinstance(role, str) and isinstance(name, str | int)
            for role, name in self.columns.items()
        ):
            raise BadValue(
                "columns must be a dict of roles and the names of their columns, as "
                f"{{'label': 'topic'}}. Got {self.columns!r} instead."
            )
        if self.header is not None:
            check_flag("header", self.header)
        for name in ("delimiter", "label_separator"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise BadValue(f"{name} must be a text. Got {value!r} instead.")
        if self.group_by is not None:
            self._check_group_by()

    def _check_group_by(self) -> None:
        """Raise BadValue for an expression that is none, or beside a column of groups."""
        advice = "Give one such as '^[^-_]+', which finds what is before the first - or _."
        if not isinstance(self.group_by, str) or not self.group_by:
            raise BadValue(
                f"group_by must be a regular expression. Got {self.group_by!r} instead. {advice}"
            )
        try:
            re.compile(self.group_by)
        except re.error as error:
            raise BadValue(
                f"group_by '{self.group_by}' is not a regular expression: {error}. {advice}"
            ) from error
        if "group" in self.columns:
            raise BadValue(
                f"group_by and the column {self.columns['group']!r} both say which group a sample "
                "is of. Give one of them."
            )


def read_options(columns: Mapping[str, str] | None = None, **reading: Any) -> ReadOptions:
    """Make the options; raises UnknownName for an unknown name, BadValue for a bad value."""
    known = [field.name for field in fields(ReadOptions)]
    for name in reading:
        if name not in known:
            raise UnknownName.of("option", name, ["format", *known])
    return ReadOptions({} if columns is None else columns, **reading)


class Format(Protocol):
    """A form in which data are stored; its file name is its name. It takes no arguments."""

    suffixes: ClassVar[Collection[str]]
    """The suffixes of its files, where a suffix identifies the format."""
    kinds: ClassVar[Collection[str]]
    """The kinds of data that it is made for, if not for all: if data may be read in several
    formats, a task takes the one that is made for its kinds."""

    def sniff(self, path: Path) -> float:
        """Return the confidence, from 0 to 1, that `path` has this format; never raises."""

    def read(self, path: Path, options: ReadOptions) -> Data:
        """Read the samples by split: `train`, `val`, `test`, `unlabeled`, or `all` if unsplit.

        `notes` of the data list what was decided and what was not read. Raises DataError.
        """

    def write_tiny(self, data: Data, path: Path) -> None:
        """Write a small data set under `path`; `read` must return the same samples.

        Raises DataError if the format cannot hold these roles.
        """


@cache
def endings() -> frozenset[str]:
    """Return the suffixes of the files of all formats."""
    formats = (plugins.load("format", name) for name in plugins.names("format"))
    return frozenset(suffix for format in formats for suffix in getattr(format, "suffixes", ()))


def split_file(folder: Path, split: str, suffix: str) -> Path:
    """Return the path of the file of a split, `train.csv`, in a folder that is created."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{'samples' if split == 'all' else split}{suffix}"


def split_of(name: str) -> str | None:
    """The split that a name means: `val` for `Dev`, `train` for `training_set`, None for `cats`."""
    return _MEANING.get(re.sub(r"[-_ ]?(set|data|split)$", "", name.strip().lower()))


def split_in(name: str) -> str | None:
    """The split that a word of a name means, also with a year: `train2017`, `instances_val`."""
    word, _ = split_word(_YEAR.sub("", name.strip().lower()))
    return split_of(word) if word else None


def rest_of(name: str) -> str:
    """The name without the word that means a split: `instances` of `instances_val2017`."""
    return split_word(_YEAR.sub("", name.strip().lower()))[1]


def are_splits(values: Collection[Any]) -> bool:
    """Whether most values of a column name a split; the others are then typos."""
    return 2 * sum(split_of(str(value)) is not None for value in values) > len(values)


def splits_of(names: Iterable[str]) -> dict[str, str]:
    """Name -> split, for those names that mean one; `eval` next to `test` is `val`.

    Raises DataError if two mean the same.
    """
    meaning = {name: split for name in sorted(names) if (split := split_of(name))}
    if sum(split == "test" for split in meaning.values()) == 2 and "val" not in meaning.values():
        meaning.update({name: "val" for name in meaning if name.lower().startswith("eval")})
    for split in meaning.values():
        same = [repr(name) for name in meaning if meaning[name] == split]
        if len(same) > 1:
            raise DataError(
                f"{' and '.join(same)} both mean the split '{split}'. Rename or remove one of them."
            )
    return meaning


def file_splits(stems: Iterable[str]) -> dict[str, str] | None:
    """File name without suffix -> split, if every name has one and the rest is the same; else None.

    `train`, `test_set`; `reviews_train`, `reviews_dev`; `train-00000-of-00002` and
    further shards.
    """
    pairs = {stem: split_word(stem) for stem in sorted(stems)}
    words, rests = {word for word, _ in pairs.values()}, {rest for _, rest in pairs.values()}
    if not pairs or "" in words or len(rests) > 1:
        return None
    meaning = splits_of(words)
    return {stem: meaning[word] for stem, (word, _) in pairs.items()}


def folder_splits(names: Iterable[str]) -> dict[str, str]:
    """Folder name -> split, for names that contain a split and share the rest: `seg_train`."""
    pairs = {name: split_word(name) for name in sorted(names)}
    pairs = {name: pair for name, pair in pairs.items() if pair[0]}
    are_alike = len({rest for _, rest in pairs.values()}) == 1 and len(pairs) > 1
    meaning = splits_of(word for word, rest in pairs.values() if are_alike or not rest)
    return {name: meaning[word] for name, (word, rest) in pairs.items() if are_alike or not rest}


def split_word(stem: str) -> tuple[str, str]:
    """The one word of a name that means a split, if any, and the rest without a shard number."""
    whole = re.sub(r"-\d+-of-\d+$", "", stem)
    if split_of(whole):
        return whole, ""
    words = [word for word in re.split(r"[-_. ]+", whole) if word]
    named = [word for word in words if split_of(word)]
    rest = " ".join(word for word in words if word not in named)
    return (named[0] if len(named) == 1 else ""), rest
