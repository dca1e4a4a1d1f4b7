"""What the contract suites share: tiny real networks, tiny real data, one training of each."""

from __future__ import annotations

from pathlib import Path

from graft.backbones.backbone import Model
from graft.base import plugins
from graft.studies.run import build_model
from graft.tasks.task import Task
from graft.techniques.combine import parse
from graft.training.checkpoint import Position
from graft.training.engine import Engine
from graft.training.observers import Observer
from graft.training.trainer import Settings, train

NETWORKS = {"image": "tiny:efficientnet", "text": "tiny:bert"}
"""A tiny network for what a task looks at."""


def _network(task: str) -> str:
    """The tiny network for what the task looks at, or the first that is made for it."""
    kind = plugins.load("task", task)
    usual = NETWORKS[kind.modality]
    made = [f"tiny:{name}" for name in plugins.load("source", "tiny")().tiny(task)]
    return usual if kind.fresh_head or usual in made else made[0]


TINY = {task: _network(task) for task in plugins.names("task")}
"""Task -> the tiny network that it is tested on."""


def suits(technique: str, task: str) -> bool:
    """Whether the technique says something to the task: those that are about a new head do not where there is none."""
    return plugins.load("task", task).fresh_head or not any(part.about_head for part in parse(technique).parts)


def task_of(name: str) -> tuple[Task, object]:
    """The task learnt from its own tiny data, and the data."""
    kind = plugins.load("task", name)
    data = kind.tiny_data()
    return kind.from_data(data), data


def trained(
    technique: str, task_name: str, folder: Path, observer: Observer | None = None, epochs: float = 2, backbone: str | None = None
) -> tuple[Model, Position]:
    """A tiny network trained by the technique on the task's tiny data."""
    task, data = task_of(task_name)
    chosen = parse(technique)
    engine = Engine("fp32")
    folder.mkdir(parents=True, exist_ok=True)
    model = engine.place(build_model(backbone or TINY[task_name], task, chosen.pretrained, seed=0))
    return train(
        model, task, chosen, data, Settings(seed=0, epochs=epochs, checkpoint_seconds=0.0), engine, folder, observer or Observer()
    )
