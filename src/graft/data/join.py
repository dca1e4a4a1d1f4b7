"""Several data sets as one, whose samples have the target of their own task alone."""

from __future__ import annotations

from collections.abc import Mapping

from graft.base.errors import BadValue, DataError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.data.kinds.several import ROLE
from graft.data.parts import INPUTS


def join_data(data: Mapping[str, Data]) -> Data:
    """Join data sets for one network: `graft.fit(graft.join_data({"tone": a, "topic": b}))`.

    Each name is that of a task, whose target the samples of its data set have; of the other tasks
    they have none. All must read the same, be it pictures, sounds or texts, and be split, as
    `load_data` returns them. Raises BadValue for fewer than two data sets, DataError for others.
    """
    if len(data) < 2 or not all(isinstance(part, Data) for part in data.values()):
        raise BadValue(
            "data must be two or more data sets by the names of their tasks, as graft.load_data "
            f"returns them. Got {list(data)} instead."
        )
    _check_same_inputs(data)
    splits: dict[str, list[Sample]] = {}
    for name, part in data.items():
        target = kind_named(part.kind).target
        for split, samples in part.splits.items():
            splits.setdefault(split, []).extend(_join(name, target, each) for each in samples)
    notes = [f"{name}: {note}" for name, part in data.items() for note in part.notes]
    made = Data(splits, format="joined", notes=notes, kind="several", columns={ROLE: list(data)})
    if missing := {"train", "val", "test"} - splits.keys():
        raise DataError(
            f"The data sets have no samples in {', '.join(sorted(missing))}. Give what "
            "graft.load_data returns, which has all splits."
        )
    return made


def _join(name: str, target: str, sample: Sample) -> Sample:
    """A sample with the name of its data set before its id and its group."""
    roles = {role: value for role, value in sample.roles.items() if role != target}
    if roles.get("group") is not None:
        roles["group"] = f"{name}/{roles['group']}"
    parts = {name: {target: sample.roles.get(target)}}
    return Sample(f"{name}/{sample.id}", {**roles, ROLE: parts})


def _check_same_inputs(data: Mapping[str, Data]) -> None:
    """Raise DataError for data sets without an input that all have."""
    inputs = {name: part.roles & INPUTS for name, part in data.items()}
    if not frozenset.intersection(*inputs.values()):
        words = listed(f"{name!r} has {' and '.join(sorted(has))}" for name, has in inputs.items())
        raise DataError(
            f"One network reads the same of all data sets, and {words}. Give data sets that have "
            "the same."
        )
