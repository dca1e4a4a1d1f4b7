"""Parameter groups, optimizers, and schedules as pure functions of progress."""

from __future__ import annotations

from collections.abc import Collection
from math import cos, pi

import torch
from torch import nn

from graft.backbones.adapters.layer import plain_path
from graft.backbones.backbone import Model
from graft.base.errors import BadValue
from graft.techniques.specs.places import select
from graft.techniques.technique import Phase, Technique


def trainable(model: Model, phase: Phase) -> list[str]:
    """Return the names of the parameters that this phase trains.

    Raises BadValue if there are none and it learns nothing else.
    """
    names = select(model, phase.trainable)
    if not names and not phase.statistics:
        raise BadValue(
            f"There is nothing to train in {model.backbone.name} in the phase {phase.name!r}. Use "
            "another technique, such as lora or full-fine-tuning."
        )
    return names


def count_weights(model: Model, untouched: Collection[str]) -> tuple[int, int]:
    """The number of weights that a phase has trained, all but those left `untouched`, and of all.

    Among all are those that a technique added and merges at the end.
    """
    left, named = set(untouched), list(model.network.named_parameters())
    trained = sum(
        weight.numel() for name, weight in named if weight.requires_grad and name not in left
    )
    return trained, sum(weight.numel() for _, weight in named)


def freeze(
    model: Model, names: list[str], batch_norm: str = "updated", statistics: bool = False
) -> None:
    """Give gradients to `names` only.

    Layers that none of them is in, and frozen normalizations, are put into eval mode. `batch_norm`
    "frozen" keeps the pretrained statistics of every batch normalization, whose scale and shift may
    train all the same. A new head has no such statistics: those of its layers are always updated.
    `statistics` are those of every batch normalization updated, whatever trains.
    """
    training = set(names)
    groups = model.group_indices()
    live = {groups[name] for name in names}
    for name, parameter in model.network.named_parameters():
        parameter.requires_grad_(name in training)
    model.eval()
    # By modules instead of names: a tied weight has one name, but belongs to several layers.
    for path, module in model.network.named_modules():
        is_norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
        if is_norm and statistics:
            module.training = True
        elif trained := [parameter.requires_grad for parameter in module.parameters(recurse=False)]:
            is_held = batch_norm == "frozen" and is_norm and _group_of_path(model, path) != -1
            module.training = all(trained) and not is_held
        elif inside := [parameter.requires_grad for parameter in module.parameters()]:
            module.training = any(inside)  # it may drop out in its own forward
        else:  # dropout, activations: as the layers around them
            module.training = _group_of_path(model, path) in live


def _group_of_path(model: Model, path: str) -> int:
    """The layer group that the module at `path` runs in; -1 is a new head."""
    groups, path = model.backbone.groups, plain_path(path)
    for number, group in enumerate(groups):
        if any(path == m or path.startswith(m + ".") for m in group.modules):
            return -1 if model.fresh_head and number == len(groups) - 1 else number
    return 0


def make_optimizer(
    model: Model,
    extra: list[torch.nn.Parameter],
    names: list[str],
    phase: Phase,
    technique: Technique,
) -> torch.optim.Optimizer:
    """Make an optimizer with a parameter group for each pair of rate and decay.

    Biases and normalizations are not decayed.
    """
    index = model.group_indices()
    depth = len(model.backbone.groups) - 1
    rows: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name in names:
        parameter = model.network.get_parameter(name)
        group = index[name]
        rate = (
            phase.head_lr
            if group == -1
            else phase.lr * technique.layer_decay ** max(depth - 1 - group, 0)
        )
        rows.setdefault((rate, technique.weight_decay if parameter.ndim > 1 else 0.0), []).append(
            parameter
        )
    if extra:
        rows.setdefault((phase.head_lr, technique.weight_decay), []).extend(extra)
    if not rows:  # a phase that only takes up statistics
        rows[phase.lr, 0.0] = []
    groups = [
        {"params": parameters, "lr": rate, "full_lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in rows.items()
    ]
    if phase.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=phase.lr, momentum=0.9, nesterov=True)
    device = next(model.network.parameters()).device
    return torch.optim.AdamW(groups, lr=phase.lr, fused=device.type in ("cpu", "cuda"))


def factor(schedule: str, progress: float, warmup: float) -> float:
    """Return the factor of the full rate at `progress` in [0, 1] of a phase."""
    if schedule == "one-cycle":
        warmup = max(warmup, 0.25)  # Smith, arXiv:1708.07120: a long rise is the point of it
    if progress < warmup:
        return progress / warmup
    remaining = (1 - progress) / (1 - warmup) if warmup < 1 else 1.0
    if schedule == "constant":
        return 1.0
    return remaining if schedule == "linear" else (1 - cos(pi * remaining)) / 2


def set_rate(optimizer: torch.optim.Optimizer, scale: float) -> None:
    """Set every group's learning rate to `scale` times its full one."""
    for group in optimizer.param_groups:
        group["lr"] = group["full_lr"] * scale
