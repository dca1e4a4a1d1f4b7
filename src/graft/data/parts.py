"""Read one table once for each of its target columns, and join what was read.

A column that is no target of a task, such as the picture, is read the same each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graft.base.errors import BadValue, DataError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.data.kinds.several import ROLE
from graft.data.tables.inputs import are_pictures
from graft.data.tables.numbers import are_values

Read = Callable[..., Data]
INPUTS = {"image", "audio", "text", "tokens"}


@dataclass(frozen=True)
class Wanted:
    """What the target of one task is: its role, and the kinds of data that the task reads."""

    role: str
    kinds: Collection[str]


CLASSES, NUMBERS = Wanted("label", ("labels", "text-pairs")), Wanted("value", ("numbers",))
TAGS = Wanted("tags", ("tags",))
"""What a column may hold: classes, many different numbers, or a tag for each word."""


def read_parts(read: Read, parts: Mapping[str, Wanted | None], **reading: Any) -> Data:
    """Read the samples with the target of each task, by the name of its column.

    `read(**reading)` reads the source. None as what is wanted is guessed by the content, as that of
    one column is. Raises BadValue for a column that is asked for as something else too, and
    DataError for data without such columns and inputs that are not the same for all tasks.
    """
    asked = dict(reading.pop("columns", None) or {})
    _check_asked(asked, parts)
    reading = {**reading, "labels": False}
    try:
        datas = _read_each(read, parts, asked, reading)
    except DataError:
        if refused := _find_input(read, parts, {**reading, "columns": asked}):
            raise refused from None
        raise
    _check_columns(datas)
    targets = [c for data in datas.values() for c in data.columns[kind_named(data.kind).target]]
    for data in datas.values():
        if refused := _read_twice(data.columns, targets):
            raise refused
    return join_parts(datas)


def _read_each(
    read: Read,
    parts: Mapping[str, Wanted | None],
    asked: dict[str, str],
    reading: Mapping[str, Any],
) -> dict[str, Data]:
    """Read the samples with the target of one task, for each of them."""
    options = {
        name: {**reading, "columns": asked, "others": tuple(n for n in parts if n != name)}
        for name in parts
    }
    tagged = {
        name: data
        for name, wanted in parts.items()
        if (data := _read_tags(read, name, wanted, options[name])) is not None
    }
    words = next((data.columns["tokens"] for data in tagged.values()), None)
    if words and not {"text", "tokens"} & asked.keys():
        asked["text"] = words[0]  # the other tasks read the words as a text
    return {
        name: tagged.get(name) or _read_other(read, name, wanted, options[name])
        for name, wanted in parts.items()
    }


def join_parts(datas: Mapping[str, Data]) -> Data:
    """Join data of the same samples, read for one task each, into samples of all tasks.

    Raises DataError unless all have the same samples and inputs.
    """
    first = next(iter(datas.values()))
    targets = {name: kind_named(data.kind).target for name, data in datas.items()}
    columns: dict[str, list[str]] = {}
    for name, data in datas.items():
        inputs = {role: names for role, names in data.columns.items() if role != targets[name]}
        for role, names in inputs.items():
            if columns.setdefault(role, names) != names:
                raise DataError(
                    f"The tasks read different columns as {role}: {listed(columns[role])} and, for "
                    f"{name!r}, {listed(names)}. Name the one that all read: --columns {role}=NAME."
                )
    for name, data in datas.items():
        if data.splits.keys() != first.splits.keys():
            raise DataError(
                f"The tasks {next(iter(datas))!r} and {name!r} split the samples differently: "
                f"{listed(first.splits)} and {listed(data.splits)}. A column that names the split "
                "of a row is no task: leave it out."
            )
    by_split = {
        split: [_join(datas, targets, split, row) for row in range(len(samples))]
        for split, samples in first.splits.items()
    }
    notes = list(dict.fromkeys(note for data in datas.values() for note in data.notes))
    columns = {**columns, ROLE: list(datas)}
    made = replace(first, splits=by_split, kind="several", columns=columns)
    return replace(made, notes=notes, asked=(*first.asked, ROLE))


def _join(datas: Mapping[str, Data], targets: Mapping[str, str], split: str, row: int) -> Sample:
    samples = {name: data.splits[split][row] for name, data in datas.items()}
    first = next(iter(samples.values()))
    bare = {
        name: {role: value for role, value in sample.roles.items() if role != targets[name]}
        for name, sample in samples.items()
    }
    shared = set.intersection(*(set(roles) for roles in bare.values()))
    parts: dict[str, dict[str, Any]] = {}
    for name, sample in samples.items():
        if sample.id != first.id:
            raise DataError(
                f"The tasks do not have the same samples: {first.id} and, for {name!r}, "
                f"{sample.id}. Use tasks that read one row a sample."
            )
        alone = {role: value for role, value in bare[name].items() if role not in shared}
        parts[name] = {**alone, targets[name]: sample.roles.get(targets[name])}
    roles = {role: first.roles[role] for role in first.roles if role in shared}
    if not roles.keys() & INPUTS:  # one task reads words and another one a text
        words = next((inputs for inputs in bare.values() if "tokens" in inputs), None)
        if words is None:
            raise _differ({name: sorted(inputs) for name, inputs in bare.items()})
        roles = {**roles, **words}
    return Sample(first.id, {**roles, ROLE: parts})


def _differ(inputs: Mapping[str, Sequence[str]]) -> DataError:
    words = listed(f"{name!r} reads {' and '.join(roles)}" for name, roles in inputs.items())
    return DataError(
        f"One network reads the same for all tasks, and {words}. Use tasks that read the same, or "
        "train a network for each."
    )


def _check_asked(asked: Mapping[str, str], parts: Collection[str]) -> None:
    """Raise BadValue for a target column that is an input, or roles that the tasks name."""
    if named := {wanted.role for wanted in (CLASSES, NUMBERS, TAGS)} & asked.keys():
        raise BadValue(
            f"--columns {min(named)}={asked[min(named)]} names a target, and so do several --task. "
            "Leave it out, or give one more --task."
        )
    for role, column in asked.items():
        both = [part.strip() for part in str(column).split("+") if part.strip() in _columns(parts)]
        if both:
            raise BadValue(
                f"The column {both[0]!r} is asked for as {role} and as the target of a task, and a "
                "network that reads its target learns nothing else. Leave out one of them."
            )


def _check_columns(datas: Mapping[str, Data]) -> None:
    """Raise DataError for data without columns, whose one target each task would be given."""
    for name, data in datas.items():
        target = kind_named(data.kind).target
        if target not in data.columns:
            raise DataError(
                f"{data.path or 'The data'} have one {target} for each sample and no columns, so "
                f"none is named {name!r}. Give a table with a column for each task. For the one "
                "target that there is, train without --task NAME, or measure the model of a single "
                "task: RUN/models/NAME."
            )


def _find_input(
    read: Read, parts: Mapping[str, Wanted | None], reading: Mapping[str, Any]
) -> DataError | None:
    """Return the error for a task whose column is what the others read; None if there is none."""
    for name, wanted in parts.items():
        try:
            columns = _read(read, name, wanted or CLASSES, reading).columns
        except DataError:
            continue
        if refused := _read_twice(columns, _columns(parts)):
            return refused
    return None


def _columns(parts: Collection[str]) -> set[str]:
    """The names of the columns of the tasks: `a+b` is one of that name, or two."""
    return {part for name in parts for part in (name, *str(name).split("+"))}


def _read_twice(columns: Mapping[str, Sequence[str]], targets: Collection[str]) -> DataError | None:
    """Return the error for a column that the network reads and a task predicts, if there is one."""
    for role in sorted(INPUTS & columns.keys()):
        if named := [column for column in columns[role] if column in targets]:
            return DataError(
                f"The column {named[0]!r} is the {role} that the network reads, and a task of its "
                f"own. Leave out --task {named[0]}, or name what is read: --columns {role}=NAME."
            )
    return None


def _read(read: Read, name: str, wanted: Wanted, reading: Mapping[str, Any]) -> Data:
    columns = {**reading["columns"], wanted.role: name}
    return read(**{**reading, "columns": columns, "kinds": wanted.kinds})


def _read_tags(
    read: Read, name: str, wanted: Wanted | None, reading: Mapping[str, Any]
) -> Data | None:
    """Read a column of tags; None if something else is wanted, or the column holds no tags."""
    if wanted is not None:
        return _read(read, name, wanted, reading) if wanted.role == TAGS.role else None
    try:
        data = _read(read, name, TAGS, reading)
    except DataError:
        return None
    samples = (sample for part in data.splits.values() for sample in part)
    return data if any(sample.roles.get(TAGS.role) is not None for sample in samples) else None


def _read_other(read: Read, name: str, wanted: Wanted | None, reading: Mapping[str, Any]) -> Data:
    """Read a column as what is wanted, else as classes; as numbers if it holds many of them."""
    data = _read(read, name, wanted or CLASSES, reading)
    labels = [s.roles.get(CLASSES.role) for part in data.splits.values() for s in part]
    if wanted is None and are_pictures(labels):
        raise DataError(
            f"The column {name!r} holds pictures, and no classes, numbers or tags. Masks are not "
            f"learned with other tasks yet: train them alone, with --columns mask={name} and one "
            f"--task. If the names are the classes, name a task of classes: --task {name}=TASK, "
            "one of graft list tasks."
        )
    return _read(read, name, NUMBERS, reading) if wanted is None and are_values(labels) else data
