"""What the contract suites share: tiny real networks, tiny real data, one training of each."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pytest
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.backbones.load import load_backbone
from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import plugins
from graft.base.errors import BadValue
from graft.base.records import Batch, Sample
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.studies.run import build_model
from graft.tasks.pretexts.source_task import open_source_task, unique_names
from graft.tasks.specs import options
from graft.tasks.task import Task
from graft.techniques.specs.combine import parse
from graft.techniques.specs.stream import REHEARSED, SUPERVISED
from graft.techniques.technique import Technique
from graft.training.checkpoint import Position
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.feeds.feeds import Feeds
from graft.training.loop.trainer import Settings, train
from graft.training.observers import Observer

NETWORKS = {
    "image": "tiny:efficientnet",
    "text": "tiny:bert",
    "audio": "tiny:whisper",
    "summarization": "tiny:bart",
    "translation": "tiny:llama",
}
"""A tiny network for what a task reads, or for a task.

One of the two sequence-to-sequence tasks is tested on a decoder.
"""


LARGE = "keras"
"""A source whose smallest network is as large as those of users, so that most of its tests are
slow."""


def task_of(spec: str) -> tuple[Task, Data]:
    """The task with its options, learned from its own tiny data, and the data."""
    data = options.parse(spec)[0].tiny_data()
    return options.read_task(spec, data), data


def with_unlabeled(data: Data, technique: Technique, task: Task) -> Data:
    """The data, with a split of samples without labels if the technique draws from one."""
    streams = [stream for part in technique.parts for stream in part.streams().values()]
    if not any("unlabeled" in stream.splits and not stream.passages for stream in streams):
        return data
    bare = [task.without_target(sample) for sample in data.splits["train"]]
    return data.with_splits({**data.splits, "unlabeled": 2 * bare})


def with_source(data: Data, technique: Technique, model: Model) -> Data:
    """The data, with a split of samples of what the network was pretrained on, if it draws any."""
    if not any(REHEARSED in part.streams() for part in technique.parts):
        return data
    train, kind = data.splits["train"], kind_named(data.kind)
    if model.backbone.preprocess.reads == "image":
        classes = unique_names(open_source_task(model.backbone, ()).model.backbone.known)
        pictures = enumerate(sample.roles["image"] for sample in train)
        roles = [{"image": picture, "label": classes[n % 3]} for n, picture in pictures]
    else:
        roles = [{"passage": kind.passage(sample)} for sample in train]
    samples = [Sample(f"source/{number}", of_one) for number, of_one in enumerate(roles)]
    return data.with_splits({**data.splits, REHEARSED: samples})


def alone(feed: Feed) -> Feeds:
    """The labeled stream alone."""
    return Feeds({"labeled": feed}, SUPERVISED)


@cache
def _untrained(task: str, name: str) -> Backbone:
    """The network of this name for the task, to be looked at: what it can do, not what it gives."""
    return load_backbone(name, task_of(task)[0].job(), pretrained=False)


@cache
def made_for(task: str, source: str = "tiny") -> tuple[str, ...]:
    """The source's small networks for a task, as `source:name`."""
    made = task_of(task)[0]
    job = made.job()
    names = [f"{source}:{name}" for name in plugins.load("source", source)().tiny(job)]
    if job.form == "pyramid":  # some heads sit on the networks of one library only
        wanted = plugins.load("head", made.head or made.heads[job.form]).sits_on
        names = [
            name for name in names if not wanted or _untrained(task, name).trunk_source == wanted
        ]
    return tuple(names)


@cache
def all_made_for(task: str) -> tuple[str, ...]:
    """Every small network for a task, those of the source `tiny` first."""
    sources = sorted(plugins.names("source"), key=lambda source: source != "tiny")
    return tuple(name for source in sources for name in made_for(task, source))


def _network(task: str) -> str:
    """The tiny network for what the task reads, or the first that is made for it."""
    usual = NETWORKS.get(task, NETWORKS[plugins.load("task", task).reads])
    return usual if usual in made_for(task) else all_made_for(task)[0]


TINY = {task: _network(task) for task in plugins.names("task")}
"""Task -> the tiny network that it is tested on."""


def batch_of(inputs: dict[str, Tensor], preprocess: Preprocess) -> Batch:
    """A batch of inputs that the preprocessing has collated."""
    return Batch(inputs, mask=preprocess.mask(inputs))


HEAVY = "object-detection"
"""A task whose usual head takes a second a step, however small the pictures: two stages look at a
hundred regions of each. It is trained with another head, and once with its own."""
OPTIONS = {HEAVY: "head=yolox", "automatic-speech-recognition": "silence=0"}
"""Options with which a task is trained: quick ones, and sounds that differ in length."""
TRAINED = [f"{task}:{OPTIONS[task]}" if task in OPTIONS else task for task in TINY]
"""What the suites train: tasks, with their options."""


SPELLED = "automatic-speech-recognition:head=ctc"
"""A task whose head gives characters to frames instead of writing."""
PACKED = "text-generation:packed=true"
"""A task whose batches are of another form, tested where that makes a difference."""


def network_of(technique: str, task_name: str) -> str:
    """Return the first tiny network that the technique can train; skip the test if none.

    `task_name` may have options.
    """
    network, reason = _accepted(technique, task_name.partition(":")[0])
    return network or pytest.skip(reason)


def can_train(technique: str, task_name: str) -> bool:
    """Whether there is a tiny network that the technique can train on the task."""
    return bool(_accepted(technique, task_name.partition(":")[0])[0])


@cache
def _accepted(technique: str, task_name: str) -> tuple[str, str]:
    """The first network that the technique accepts, or "" and why it refuses the first one."""
    task, reason = task_of(task_name)[0], ""
    made = [name for name in all_made_for(task_name) if not name.startswith(f"{LARGE}:")]
    for name in dict.fromkeys([TINY[task_name], *made]):
        try:
            # What a technique accepts does not depend on the weights, which may not be cached.
            parse(technique).check(_untrained(task_name, name), task)
            return name, ""
        except BadValue as refused:
            reason = reason or str(refused)
    return "", reason


NEVER = math.inf
"""The seconds between checkpoints where none is needed: with the state of the optimizer, those of a
deep head are dozens of megabytes a step."""


class Stop(Observer):
    """Kills the training, as far as it can tell, after so many lines of history."""

    def __init__(self, after: int):
        self.left = after

    def epoch(self, row):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def trained(
    technique: str,
    task_name: str,
    folder: Path,
    observer: Observer | None = None,
    epochs: float = 2,
    backbone: str | None = None,
    checkpoint_seconds: float = 0.0,
    precision: str = "fp32",
) -> tuple[Model, Position]:
    """Train a tiny network on the task's tiny data; `task_name` may have options.

    A checkpoint is written after each step, unless `NEVER`.
    """
    backbone = backbone or network_of(technique, task_name)
    task, data = task_of(task_name)
    chosen = parse(technique)
    data = with_unlabeled(data, chosen, task)
    engine = Engine(precision)
    folder.mkdir(parents=True, exist_ok=True)
    model = engine.place(build_model(backbone, task, chosen.pretrained, seed=0))
    data = with_source(data, chosen, model)
    return train(
        model,
        task,
        chosen,
        data,
        Settings(seed=0, epochs=epochs, checkpoint_seconds=checkpoint_seconds),
        engine,
        folder,
        observer or Observer(),
    )
