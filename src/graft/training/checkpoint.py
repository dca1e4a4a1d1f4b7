"""Where a training stands, in one safetensors file: tensors by name, the rest as JSON in its header. Never pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graft.base import files
from graft.base.errors import FolderError
from graft.techniques.technique import Objective
from graft.training import frozen


@dataclass
class Position:
    """Where the training is: (part, phase) and the next step of that phase; what was measured so far."""

    part: int = 0
    phase: int = 0
    step: int = 0
    epochs_before: float = 0.0
    steps_before: int = 0
    train_seconds: float = 0.0
    earlier_seconds: float = 0.0
    """Wall time of the sittings before this one, where the run went on after a stop."""
    examples: int = 0
    pieces: int = 1
    """Into how many pieces a batch is cut, since memory ran out."""
    trainable: int = 0
    """The most parameters that a phase trained."""
    peak_memory_mb: float = 0.0
    history: int = 0
    """Lines of history.jsonl that belong to this position."""
    stale: int = 0
    best: list[float] | None = None
    """By what the best weights so far are the best, in the order of what counts; less is better."""
    frozen_digest: str = ""
    frozen: list[dict[str, Any]] = field(default_factory=list)
    cache: dict[str, Any] = field(default_factory=lambda: {"used": False, "estimated_gain": 1.0, "bytes": 0})
    work: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Forwards of the whole network an example: what the phases so far would compute without and with recordings."""
    shared_seconds: float = 0.0
    """What the recordings took that earlier runs had made; it is counted in `train_seconds`."""
    counted: list[str] = field(default_factory=list)
    """The recordings whose making is in `train_seconds`."""
    recorded: bool = False
    """Whether this phase trains behind a recording."""
    warnings: list[str] = field(default_factory=list)
    scaler: dict[str, Any] = field(default_factory=dict)


def save(path: Path, position: Position, objective: Objective, optimizer: torch.optim.Optimizer, best: dict[str, Tensor]) -> None:
    """Write position, weights, the best weights and the optimizer's state into one safetensors file.

    In the first phase without what is frozen, which a run that goes on has as this one had it: an adapter's checkpoint is small.
    """
    first = (position.part, position.phase) == (0, 0)
    weights = frozen.moving(objective) if first else objective.state_dict()
    tensors = {f"model/{name}": tensor for name, tensor in weights.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{key}": torch.as_tensor(value) for key, value in state.items() if value is not None}
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    header = {"position": json.dumps(asdict(position))}
    files.write(path, lambda part: save_file(whole, part, metadata=header))


def read_position(path: Path) -> Position | None:
    """The position in the checkpoint; None where there is none; raises FolderError where it is broken."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            return Position(**json.loads(file.metadata()["position"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise FolderError(f"The checkpoint {path} cannot be read: {error}. Delete it to start the run again.") from error


def restore(path: Path, position: Position, objective: Objective, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Load weights and optimizer state in place; returns the best weights so far (empty without early stopping).

    Raises FolderError where the frozen weights are not those that the run had.
    """
    tensors: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
    with safe_open(path, "pt") as file:
        for key in file.keys():  # noqa: SIM118 - safe_open is no dict
            kind, name = key.split("/", 1)
            tensors[kind][name] = file.get_tensor(key)
    objective.load_state_dict(objective.state_dict() | tensors["model"])
    if frozen.digest(objective.model)[1] != position.frozen_digest:
        raise FolderError(
            f"The frozen weights of {objective.model.backbone.name} are not those with which this run began. Put back the model "
            f"as it was, or delete {path} to start the run again."
        )
    state = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, tensor in tensors["optimizer"].items():
        number, name = key.split("/", 1)
        like = parameters[int(number)]
        # In the parameter's own memory order (channels-last), in which the optimizer made it.
        value = torch.empty_like(like, dtype=tensor.dtype).copy_(tensor) if tensor.shape == like.shape else tensor
        state["state"].setdefault(int(number), {})[name] = value
    optimizer.load_state_dict(state)
    return tensors["best"]
