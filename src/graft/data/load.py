"""Read a path, a frame or arrays as `Data` with splits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from graft.base import files, plugins
from graft.base.errors import BadValue, DataError, listed
from graft.base.ranges import PART, check_number, check_path, check_word
from graft.data.data import Data
from graft.data.domains import (
    ROLE,
    Domains,
    domain_folders,
    hold_out,
    read_domain_folders,
    split_by_domain,
)
from graft.data.formats.folders.annotations import describe_unsupported
from graft.data.formats.format import SPLIT_NAMES, Format, ReadOptions, read_options
from graft.data.groups import group_by_names
from graft.data.kinds.kind import kind_named
from graft.data.listing import is_about, is_hidden
from graft.data.parts import Wanted, read_parts
from graft.data.splits import make_splits, subsample
from graft.data.target import join_domains
from graft.data.unlabeled import add_unlabeled

_OURS = {
    "spec.json": "a run folder",
    "study.json": "a study folder",
    "graft.json": "a model folder",
}

SURE = 0.8
"""The confidence from which a file or folder in a folder is said to hold a data set."""
MOST_PLACES = 200
"""Files and folders in a folder that are looked at to say which of them hold data sets."""
_CLOSED = {
    (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar"): ", an archive: unpack it",
    (".xlsx", ".xls", ".ods"): ", a spreadsheet: save it as .csv",
}


def load_data(
    source: Any,
    *,
    format: str | None = None,
    seed: int = 0,
    val: float | None = None,
    test: float | None = None,
    fraction: float = 1.0,
    shots: int | None = None,
    unlabeled: str | os.PathLike[str] | None = None,
    target: str | os.PathLike[str] | None = None,
    target_domain: str | None = None,
    test_domain: str | None = None,
    source_domains: Sequence[str] | None = None,
    must_split: bool = True,
    **reading: Any,
) -> Data:
    """The user's data with the splits `train`, `val` and `test`, ready to train on.

    `source` is a path, `Data`, a data frame, a list of dicts, (values, labels), or a dict of these
    by split. `val` and `test` are the shares that are cut, stratified by the label, where the data
    come without that split (None: 0.15 of the rest and 0.2, of running text 0.05 each, its end);
    `fraction` or `shots` (so many samples a class, where there are classes) then reduce `train`.
    `unlabeled` is the path of more samples, for techniques that learn without labels: they join the
    split of that name, and labels that they have are not used. `target` is the path of samples of
    another domain: see `graft.data.target`. Or the data hold several domains, as folders or as the
    values of a column, `columns={"domain": NAME}`: `target_domain` is then the target,
    `test_domain` one that is tested alone, and `source_domains` are those to learn from, by default
    all others. `reading` are the fields of ReadOptions: columns, header, delimiter,
    label_separator, group_by, kinds, labels. Raises DataError, BadValue, and UnknownName for
    another option; without `must_split`, data that cannot be split are returned as they are, and
    their `problem` says why.
    """
    _check_domain_options(target_domain, test_domain, source_domains, target or unlabeled)
    domain = target_domain if test_domain is None else test_domain
    part = None
    if domain is None:
        raw = _note_domains(read_source(source, format=format, **reading))
    else:
        domains = read_domains(source, format=format, **reading)
        raw, part = domains.choose(check_word("domain", domain), source_domains)
    more = None if unlabeled is None else check_path("unlabeled", unlabeled)
    other = None if target is None else check_path("target", target)
    if more is not None and other is not None:
        raise BadValue(
            "unlabeled and target both name samples without labels. Give target for another "
            "domain, else unlabeled."
        )
    for name, share in (("val", val), ("test", test)):
        if share is not None:
            check_number(name, share, float, PART)
    try:
        if part is not None and test_domain is not None:
            data = make_splits(hold_out(raw, part), seed=seed, val=val, test=test)
        elif part is not None:
            data = join_domains(raw, part, f"{domain!r}", seed=seed, val=val, test=test)
        elif other is None:
            data = make_splits(raw, seed=seed, val=val, test=test)
        else:
            target_data = _read_target(raw, other, reading)
            data = join_domains(raw, target_data, other, seed=seed, val=val, test=test)
    except DataError as error:
        if must_split:
            raise
        return replace(raw, problem=str(error))
    data = data if more is None else _with_unlabeled(data, more)
    return subsample(data, fraction=fraction, shots=shots, seed=seed)


def read_domains(source: Any, *, format: str | None = None, **reading: Any) -> Domains:
    """The domains of data: the values of a column, or else the folders of a folder."""
    columns = dict(reading.get("columns") or {})
    is_path = isinstance(source, str | os.PathLike)
    if ROLE not in columns and is_path and domain_folders(Path(source)):
        return read_domain_folders(Path(source), partial(read, format=format, **reading))
    if not isinstance(source, Data):
        reading = {**reading, "columns": {ROLE: ROLE, **columns}}
    return split_by_domain(read_source(source, format=format, **reading))


def _note_domains(data: Data) -> Data:
    """The data with a note if a column of domains is read that nothing asks about."""
    if ROLE not in data.columns:
        return data
    names = ", ".join(map(repr, data.columns[ROLE]))
    note = (
        f"The column of domains, {names}, has no effect here: graft adapt DATA NAME predicts one "
        "domain from the others, and graft compare --leave-one-domain-out tests on each in turn."
    )
    return replace(data, notes=[*data.notes, note])


def _check_domain_options(
    target: str | None, test: str | None, sources: Sequence[str] | None, more: Any
) -> None:
    """Raise BadValue for options about domains that do not go together."""
    num_given = (target is not None) + (test is not None)
    if num_given == 2 or (num_given and more is not None):
        raise BadValue(
            "target_domain, test_domain, target and unlabeled each name what is not learned from "
            "with labels. Give one of them."
        )
    if sources is None:
        return
    if isinstance(sources, str) or not list(sources):
        raise BadValue(
            f"source_domains must be several names, as ['photo']. Got {sources!r} instead."
        )
    if not num_given:
        raise BadValue(
            "source_domains are those that are learned from to predict another one. Give "
            "target_domain or test_domain, too."
        )


def read_source(
    source: Any,
    *,
    format: str | None = None,
    parts: Mapping[str, Wanted | None] | None = None,
    **reading: Any,
) -> Data:
    """The data at a path or in Python, split as they are there.

    With `parts`, the samples have the target of each of several tasks: see `read_parts`. Raises
    DataError, and BadValue for options that say nothing of such a source.
    """
    if parts and not isinstance(source, Data):
        return read_parts(partial(read_source, source, format=format), parts, **reading)
    if isinstance(source, str | os.PathLike):
        return read(source, format=format, **reading)
    from graft.data.memory import from_memory

    options = read_options(**reading)
    is_read = isinstance(source, Data)
    of_files = ("columns", "header", "delimiter", "label_separator", "group_by")
    about = of_files if is_read else ("delimiter",)
    asked = [name for name in about if reading.get(name) is not None]
    if asked := [*asked, *(["format"] if format is not None else [])]:
        what = "Data, which are read already" if is_read else f"a {type(source).__name__} in Python"
        raise BadValue(f"{', '.join(asked)} only count for files. The source is {what}.")
    data = from_memory(source, options)
    return group_by_names(data, options.group_by) if options.group_by else data


def read(path: str | os.PathLike[str], *, format: str | None = None, **reading: Any) -> Data:
    """Read the data at `path` with the splits that they have.

    The splits are `train`, `val`, `test`, `unlabeled`, or `all` where nothing is split. `reading`
    are the fields of ReadOptions. Raises DataError, UnknownName.
    """
    path = Path(path)
    _check(path)
    options = read_options(**reading)
    name = _sniff(path, options) if format is None else check_word("format", format)
    reader: Format = plugins.load("format", name)()
    data = _as_asked(reader.read(path, options), options)
    if not any(data.splits.values()):
        raise DataError(f"{path} holds no samples (read as {name}).")
    order = [*SPLIT_NAMES, "all"]
    splits = dict(sorted(data.splits.items(), key=lambda item: order.index(item[0])))
    data = replace(data, splits=splits, path=str(path), format=name)
    return group_by_names(data, options.group_by) if options.group_by else data


def _as_asked(data: Data, options: ReadOptions) -> Data:
    """The data as one of the kinds that the task reads, if they hold as much as it needs.

    Raises DataError if a kind says what they lack, and the task needs their targets.
    """
    if options.kinds is None or data.kind in options.kinds:
        return data
    kinds = list(map(kind_named, options.kinds))
    for kind in kinds:
        if (adopted := kind.adopt(data)) is not None:
            return adopted
    if options.labels and (
        lacks := next(filter(None, (kind.describe_lack(data) for kind in kinds)), None)
    ):
        raise DataError(lacks)
    return data


def _with_unlabeled(data: Data, path: Path) -> Data:
    """Add the samples at `path`, without their labels, as the split `unlabeled`."""
    if data.path and path.resolve() == Path(data.path).resolve():
        raise DataError(
            f"--unlabeled {path} is the data themselves, whose validation and test samples must "
            "not be learned from. Give other samples."
        )
    return add_unlabeled(data, read(path, labels=False), path)


def _read_target(source: Data, path: Path, reading: Mapping[str, Any]) -> Data:
    """Read the samples of another domain, with the labels that they have."""
    here, there = path.resolve(), Path(source.path).resolve()
    if source.path and here == there:
        raise DataError(
            f"The target {path} is the source itself. Give the path of samples of another domain."
        )
    if source.path and (there in here.parents or here in there.parents):
        is_inside = there in here.parents
        inner, outer = (path, source.path) if is_inside else (source.path, path)
        named = f" If it is a domain of the source, give its name alone: {path.name}."
        raise DataError(
            f"{inner} lies in {outer}, and one of them is the source, the other the target. Give "
            f"folders of which none holds the other.{named if is_inside else ''}"
        )
    return read(path, **{**reading, "labels": False})


def _check(path: Path) -> None:
    files.check_exists(path)
    if not os.access(path, os.R_OK):
        raise DataError(f"The data {path} cannot be read: permission denied.")
    if path.is_file():
        if not path.stat().st_size:
            raise DataError(f"{path} is empty (0 bytes).")
        return
    for file, what in _OURS.items():
        if (path / file).is_file():
            raise DataError(
                f"{path} is {what} of Graft's, not data. "
                "Give the folder or table that holds your samples."
            )
    if not any(path.iterdir()):
        raise DataError(
            f"The folder {path} is empty. "
            "It should hold class folders of images, sounds or texts, or a table."
        )


def _sniff(path: Path, options: ReadOptions) -> str:
    if options.labels and path.is_dir() and (held := describe_unsupported(path)):
        raise DataError(
            f"{path} holds {held}. No task learns from that yet. What is learned now: texts, "
            "sounds and pictures with classes (in class folders, cats/1.jpg, or a table of paths "
            "and labels), and pictures with boxes or masks."
        )
    names = plugins.names("format")
    formats: dict[str, Format] = {name: plugins.load("format", name)() for name in names}
    sure = {name: reader.sniff(path) for name, reader in formats.items()}
    made_for = {
        name: confidence
        for name, confidence in sure.items()
        if confidence > 0 and {*getattr(formats[name], "kinds", ())} & {*(options.kinds or ())}
    }
    sure = made_for or sure
    best = max(sure.values(), default=0)
    if best <= 0:
        inside = [] if path.is_file() else [p for p in sorted(path.iterdir()) if not is_about(p)]
        within = [p for p in inside if any(reader.sniff(p) > 0 for reader in formats.values())]
        if within:
            sets = listed(map(str, within))
            raise DataError(f"{path} holds no data set itself, but {sets}. Give the path of one.")
        raise DataError(
            f"{path} is in no known format: {_contents(path)}. "
            f"Known formats: {', '.join(sorted(sure))}; choose with --format."
        )
    likely = [name for name in sorted(sure) if sure[name] == best]
    if len(likely) > 1:
        raise DataError(_describe_formats(path, formats, likely))
    return likely[0]


def _describe_formats(path: Path, formats: Mapping[str, Format], likely: Sequence[str]) -> str:
    """Say in which formats a path can be read, where the data of each lie, and what to ask for."""
    places: dict[str, list[Path]] = {name: [] for name in likely}
    for entry in sorted(path.iterdir())[:MOST_PLACES] if path.is_dir() else ():
        sure = {name: reader.sniff(entry) for name, reader in formats.items()}
        best = max(sure, key=sure.__getitem__)
        if sure[best] >= SURE and not is_hidden(entry.name):
            places.setdefault(best, []).append(entry)
    words = listed(_name_places(name, places[name]) for name in sorted(places))
    # Whose data lie in one place can be read in either way.
    alone = next((name for name in likely if len(places[name]) == 1), None)
    choice = f"--format {alone or likely[0]}"
    place = f"the path of one of them, as {places[alone][0]}" if alone else "the path of one table"
    return f"{path} can be read in several formats: {words}. Choose with {choice}, or give {place}."


def _name_places(name: str, entries: Sequence[Path]) -> str:
    """A format with the files and folders that hold it: `'coco' (train.json, old/)`."""
    places = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries]
    return f"{name!r} ({listed(places, 3)})" if places else repr(name)


def _contents(path: Path) -> str:
    if path.is_file():
        suffix = path.suffix.lower()
        advice = next((words for suffixes, words in _CLOSED.items() if suffix in suffixes), "")
        return f"it is a file ending in {path.suffix or 'nothing'}{advice}"
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in path.iterdir())
    return f"it holds {listed(names)}"
