"""Checkpoints of a training: one safetensors file with tensors by name, the rest as JSON.

It is never pickled, so that opening a checkpoint runs no code.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from graft.base import files
from graft.base.errors import FolderError
from graft.techniques.technique import Objective
from graft.training.frozen import proof


@dataclass
class Position:
    """The position of a training: (part, phase), the next step, and what was measured so far."""

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
    """The most parameters of the network that a phase trained."""
    total: int = 0
    """The most that the network had in a phase, with those that a technique added."""
    peak_memory_mb: float = 0.0
    history: int = 0
    """Lines of history.jsonl that belong to this position."""
    stale: int = 0
    best: list[float] | None = None
    """By what the best weights so far are the best, in the order of what counts; less is better."""
    frozen_digest: str = ""
    frozen: list[dict[str, Any]] = field(default_factory=list)
    cache: dict[str, Any] = field(
        default_factory=lambda: {"used": False, "estimated_gain": 1.0, "bytes": 0}
    )
    work: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """What the phases so far would compute without and with recordings, in forwards of the whole
    network an example."""
    shared_seconds: float = 0.0
    """The time of recordings made by earlier runs; it is counted in `train_seconds`."""
    counted: list[str] = field(default_factory=list)
    """The recordings whose making is in `train_seconds`."""
    recorded: bool = False
    """Whether this phase trains behind a recording."""
    warnings: list[str] = field(default_factory=list)
    scaler: dict[str, Any] = field(default_factory=dict)


def checkpoint_path(folder: Path) -> Path:
    """Return the path of the checkpoint of a run."""
    return folder / "checkpoints" / "last.safetensors"


class Checkpoints:
    """The checkpoint of one run, each written over the last one, `seconds` apart."""

    def __init__(self, path: Path, seconds: float):
        self.path, self.seconds = path, seconds
        self._saved = time.perf_counter()
        self._failed = False

    def due(self) -> bool:
        """Whether the last one was written long enough ago."""
        return time.perf_counter() - self._saved >= self.seconds

    def save(
        self,
        position: Position,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        best: dict[str, Tensor],
        losses: dict[str, Tensor],
    ) -> str | None:
        """Write a checkpoint; if that fails, keep the previous one and return a warning, once.

        Raises FolderError if there is no previous one: little is trained so far, and the finished
        model would hardly find more space.
        """
        try:
            save(self.path, position, objective, optimizer, best, losses)
        except FolderError as error:
            if not self.path.exists():
                raise
            is_first = not self._failed
            self._failed = True
            advice = (
                "The training goes on. If stopped now, it resumes from the previous checkpoint."
            )
            return f"{error} {advice}" if is_first else None
        else:
            self._failed = False
            return None
        finally:
            self._saved = time.perf_counter()


def save(
    path: Path,
    position: Position,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    losses: dict[str, Tensor],
) -> None:
    """Write position, weights, best weights, optimizer state and the epoch's losses into one file.

    In the first phase it leaves out what is frozen, which a resumed run loads again: an adapter's
    checkpoint is small. Raises FolderError if it cannot be written; the previous one is kept then.
    """
    if position.part:
        _save_references(path, position.part, objective)
    first = (position.part, position.phase) == (0, 0)
    weights = proof.moving(objective) if first else proof.state(objective)
    tensors = {f"model/{name}": tensor for name, tensor in weights.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    tensors |= {f"losses/{name}": tensor for name, tensor in losses.items()}
    for number, state in optimizer.state_dict()["state"].items():
        values = {key: value for key, value in state.items() if value is not None}
        tensors |= {
            f"optimizer/{number}/{key}": torch.as_tensor(value) for key, value in values.items()
        }
    _write(path, tensors, {"position": json.dumps(asdict(position))})


def _save_references(path: Path, part: int, objective: Objective) -> None:
    """Write the references of a part once, in a file of their own.

    A resumed run makes those of the first part again from the pretrained weights. Those of a later
    part come from weights that earlier parts trained, which no longer exist.
    """
    references, there = proof.references(objective), _references_path(path, part)
    if references and not there.exists():
        _write(there, references, None)


def _references_path(path: Path, part: int) -> Path:
    return path.with_name(f"references-{part}.safetensors")


def _read_references(path: Path, part: int) -> dict[str, Tensor]:
    there = _references_path(path, part)
    try:
        return load_file(there)
    except (OSError, SafetensorError) as error:
        raise FolderError(
            f"{there} cannot be read: {error}. Delete {path} to start the run again."
        ) from error


def _write(path: Path, tensors: dict[str, Tensor], header: dict[str, str] | None) -> None:
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    megabytes = sum(tensor.nbytes for tensor in whole.values()) / 2**20
    try:
        files.write(path, lambda part: save_file(whole, part, metadata=header))
    except FolderError as error:
        raise FolderError(f"{error} A checkpoint of this run takes {megabytes:,.1f} MB.") from error


def read_position(path: Path) -> Position | None:
    """Return the position in the checkpoint, None without one.

    Raises FolderError if it is broken.
    """
    if not path.exists():
        shutil.rmtree(path.parent, ignore_errors=True)  # references of a deleted checkpoint
        return None
    try:
        with safe_open(path, "pt") as file:
            return Position(**json.loads(file.metadata()["position"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise FolderError(
            f"The checkpoint {path} cannot be read: {error}. Delete it to start the run again."
        ) from error


def load(objective: Objective, tensors: dict[str, Tensor]) -> None:
    """Load tensors of the objective in place; buffers grow to the size that they were saved with.

    What is learned before an epoch, such as pseudo-labels, has no size before the first one.
    """
    for name, buffer in objective.named_buffers():
        if name in tensors and buffer.shape != tensors[name].shape:
            buffer.resize_(tensors[name].shape)
    objective.load_state_dict(objective.state_dict() | tensors)


def restore(
    path: Path, position: Position, objective: Objective, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Load weights and optimizer state in place; return the best weights and the epoch's losses.

    There are no best weights without early stopping. Raises FolderError if the frozen weights are
    not those that the run had.
    """
    tensors: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}, "losses": {}}
    with safe_open(path, "pt") as file:
        for key in file.keys():  # noqa: SIM118 - safe_open is no dict
            kind, name = key.split("/", 1)
            tensors[kind][name] = file.get_tensor(key)
    if position.part and proof.references(objective):
        tensors["model"] |= _read_references(path, position.part)
    load(objective, tensors["model"])
    if proof.digest(objective.model)[1] != position.frozen_digest:
        raise FolderError(
            f"The frozen weights of {objective.model.backbone.name} are not those with which this "
            f"run began. Put back the model as it was, or delete {path} to start the run again."
        )
    state = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, tensor in tensors["optimizer"].items():
        number, name = key.split("/", 1)
        like = parameters[int(number)]
        # In the parameter's own memory order (channels-last), in which the optimizer made it.
        value = (
            torch.empty_like(like, dtype=tensor.dtype).copy_(tensor)
            if tensor.shape == like.shape
            else tensor
        )
        state["state"].setdefault(int(number), {})[name] = value
    optimizer.load_state_dict(state)
    return tensors["best"], tensors["losses"]
