"""Tags of words as one of several tasks: their targets are as long as the encoded text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.records import Sample, Windows
from graft.base.trees import Tree
from graft.data.kinds.several import ROLE
from graft.tasks.parts.outputs import Targets

if TYPE_CHECKING:
    from graft.tasks.task import Task


def join_tags(
    part: Task,
    name: str,
    encoded: Sequence[Mapping[str, Tree]],
    targets: Sequence[Targets],
    preprocess: Preprocess,
) -> Tree:
    """Join the tags of several encoded texts; where they are not known, no token has a target."""
    known = [target.get(name) is not None for target in targets]
    filled = [
        {**tensors, "target": target[name] if is_known else part.unknown_target(tensors)}
        for tensors, target, is_known in zip(encoded, targets, known, strict=True)
    ]
    value = part.collate(filled, preprocess).target
    return {"known": torch.tensor(known), "value": value}


def cut_tags(windows: Windows) -> Windows:
    """Cut the tags of all tasks as the words of each piece are cut."""
    if windows.cut is None or windows.owners is None:
        return windows
    owners = (windows.samples[owner] for owner in windows.owners)
    return replace(windows, cut=[_cut(*pair) for pair in zip(windows.cut, owners, strict=True)])


def _cut(piece: Sample, whole: Sample) -> Sample:
    if "window" not in piece.roles or ROLE not in whole.roles:
        return piece
    start, end = piece.roles["window"]

    def cut(role: str, value: Any) -> Any:
        return value[start:end] if role in ("tags", "tokens") and value is not None else value

    parts = {
        name: {role: cut(role, value) for role, value in part.items()}
        for name, part in whole.roles[ROLE].items()
    }
    return replace(piece, roles={**piece.roles, ROLE: parts})
