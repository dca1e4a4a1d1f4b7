"""The model of each of several tasks that one network has learned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graft.backbones.adapters import added
from graft.backbones.backbone import Model
from graft.data.data import Data
from graft.data.kinds.several import part_data
from graft.tasks.task import Task


def part_model(model: Model, task: Task, name: str, fresh: Model) -> Model:
    """Return `fresh`, made for one of the tasks, with the weights of the model of all of them.

    It is a network of its own: its library opens it like any other. Its last layer has the rows of
    that of all tasks that are its own.
    """
    for record in model.backbone.added[len(fresh.backbone.added) :]:
        added.add(fresh.backbone, record["kind"], record["layers"])
    place, ours, theirs = task.places[name], model.backbone.last_linear, fresh.backbone.last_linear
    state, weights = model.network.state_dict(), {}
    for key in fresh.network.state_dict():
        if key.startswith(f"{theirs}."):
            weights[key] = state[f"{ours}.{key.removeprefix(f'{theirs}.')}"][place]
        else:
            weights[key] = state[key]
    fresh.network.load_state_dict(weights)
    fresh.backbone.preprocess = model.backbone.preprocess
    return fresh.eval()


def describe_parts(task: Task, data: Data, places: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Describe each task in result.json: what it is, its labels in each split, and its model."""
    return {
        name: {
            "task": part.name,
            "metric": f"{name}.{part.compared_by.name}",
            "labels": {split: len(rows) for split, rows in part_data(data, name).splits.items()},
            "model": places[name],
        }
        for name, part in task.parts.items()
    }


def model_places(task: Task) -> dict[str, str]:
    """Name the folder of the model of each task, in that of the run."""
    places: dict[str, str] = {}
    for name in task.parts:
        stem = re.sub(r"[^\w.=-]+", "-", name).strip("-.").lower()[:60] or "task"
        taken = f"models/{stem}" in places.values()
        places[name] = f"models/{stem}-{len(places) + 1}" if taken else f"models/{stem}"
    return places
