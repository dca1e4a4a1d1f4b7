"""The feeds of each part of a technique: of labeled samples or of texts alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from graft.backbones.backbone import Model
from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import plugins
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.unlabeled import unlabeled_texts
from graft.tasks.pretexts.pretext import Pretext
from graft.tasks.task import Task
from graft.techniques.specs.combine import first_of
from graft.techniques.technique import Objective, Technique
from graft.training.feeds.feed import Feed

LEAST_EPOCHS = 3
"""The least number of passes over the training examples by default."""

_UNUSED = "{name} was asked for {epochs:g} epochs, which it does not use: {why}."
_SOLVED = "its head is solved for, not trained in epochs"
_NOTHING_TRAINED = "it trains nothing"
_EPOCHS_OF_ITS_OWN = "it has a number of its own; to set that, write {name}:epochs={epochs:g}"


def default_epochs(examples: int, budget: tuple[int, int]) -> float:
    """Passes over `examples` training examples when the user asks for none: see `Task.budget`."""
    total, most = budget
    return float(min(max(round(total / examples), LEAST_EPOCHS), most))


def _usual_epochs(task: Pretext, train: Feed) -> float:
    """Passes over the training feed when the user asks for none, by what the task says of them."""
    if task.tokens is None:
        return default_epochs(len(train.pieces), task.budget)
    return min(1.0, task.tokens / sum(train.lengths))


def default_batch_size(examples: int) -> int:
    """16 under 640 training examples, so that an epoch has some steps to learn in; else 32."""
    return 16 if examples < 640 else 32


@dataclass(frozen=True)
class Streams:
    """The feeds for training and validation, and the budget, of each part.

    `batch_size` and `epochs` are those that the user asks for.
    """

    data: Data
    task: Task
    technique: Technique
    preprocess: Preprocess
    device: torch.device
    seed: int
    batch_size: int | None
    epochs: float | None

    def make_feeds(self, part: Technique, objective: Objective) -> tuple[Feed, Feed]:
        """Make the training and validation feeds of one part, in batches of its size.

        Raises DataError where it needs texts and there are none.
        """
        train, val = self._labeled if "labeled" in part.streams else self._unlabeled(objective)
        size = (
            self.batch_size
            or part.batch_size
            or train.task.batch_size
            or default_batch_size(len(train.windows.samples))
        )
        preprocess = train.preprocess
        if part.augment is not None:
            preprocess = preprocess.with_augment(part.augment)
        train = replace(train, preprocess=preprocess, batch_size=size)
        return train, replace(val, batch_size=size)

    def budget(self, part: Technique, objective: Objective, train: Feed) -> float:
        """Its passes over the training feed."""
        epochs = first_of(part).own_epochs(objective.model)
        return epochs or self.epochs or _usual_epochs(objective.task, train)

    def unused_epochs(
        self, part: Technique, model: Model, num_phases: int, num_solved: int
    ) -> str | None:
        """Why the part did not train for as many epochs as the user asked for; None if it did.

        Of its phases so many found a head by solving for it, without steps.
        """
        first = first_of(part)
        in_spec = first.epochs if first.epochs != type(first).epochs else None
        asked, name = in_spec or self.epochs, plugins.name_of(type(first))
        if asked is None:
            return None
        if num_solved == num_phases:
            why = _SOLVED if num_phases else _NOTHING_TRAINED
        elif in_spec is None and first.own_epochs(model) is not None:
            why = _EPOCHS_OF_ITS_OWN.format(name=name, epochs=asked)
        else:
            return None
        return _UNUSED.format(name=name, epochs=asked, why=why)

    @cached_property
    def _labeled(self) -> tuple[Feed, Feed]:
        """The feeds of `train` and `val`, made once for all parts."""
        samples = self.data.splits["train"], self.data.splits["val"]
        return self._feeds(samples, self.task, self.preprocess)

    def _unlabeled(self, objective: Objective) -> tuple[Feed, Feed]:
        """Make the feeds of texts without labels, and of those that are held out."""
        texts = unlabeled_texts(self.data, self.seed)
        return self._feeds(texts, objective.task, objective.model.backbone.preprocess)

    def _feeds(
        self, samples: tuple[list[Sample], list[Sample]], task: Pretext, preprocess: Preprocess
    ) -> tuple[Feed, Feed]:
        train, val = (Feed.of(split, task, preprocess, self.device) for split in samples)
        return train, val
