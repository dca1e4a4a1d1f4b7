"""The feeds of each part of a technique, and its budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from graft.backbones.backbone import Model
from graft.backbones.preprocess.augment import Augment
from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import plugins
from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.unlabeled import unlabeled_texts
from graft.tasks.pretexts.pretext import Pretext
from graft.tasks.task import Task
from graft.techniques.specs.combine import first_of
from graft.techniques.specs.stream import REHEARSED, Stream
from graft.techniques.technique import Objective, Technique
from graft.training.feeds.feed import Feed
from graft.training.feeds.feeds import Feeds

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


def check_unlabeled(part: Technique, data: Data) -> None:
    """Raise DataError if the part draws from splits without labels, and they have no samples."""
    for stream in part.streams().values():
        if not (stream.labels or stream.passages or any(map(data.splits.get, stream.splits))):
            raise DataError(
                f"{plugins.name_of(type(first_of(part)))!r} learns from samples without labels, "
                f"and {data.path or 'the data'} have none. Add a split named unlabeled, or name a "
                "folder or table of more samples: --unlabeled PATH."
            )


def check_lengths(part: Technique, data: Data, task: Task, batch_size: int | None) -> None:
    """Raise DataError if a batch of the part takes more samples without labels than there are.

    `batch_size` is the one that the user asks for.
    """
    streams = part.streams()
    size = _choose_batch(batch_size, part, task, len(data.splits["train"]))
    for name in [*streams][1:]:
        stream = streams[name]
        if not (stream.labels or stream.passages or stream.rows_of):
            count = sum(len(data.splits.get(split, ())) for split in stream.splits)
            _check_length(part, name, count, size)


def _check_length(part: Technique, name: str, count: int, size: int) -> None:
    """Raise DataError if the stream `name` has fewer samples than one step takes.

    `size` is the number of samples of the first stream.
    """
    stream = part.streams()[name]
    needed = _batch_of(stream, size)
    if count >= needed:
        return
    smaller = int(count / stream.share)
    advice = f", or use a smaller batch: --batch-size {smaller}" if smaller > 0 else ""
    raise DataError(
        f"{plugins.name_of(type(first_of(part)))!r} takes {plural(needed, 'sample')} of "
        f"{listed(stream.splits)} in each step, and there are {count}. Add samples{advice}."
    )


def _choose_batch(asked: int | None, part: Technique, task: Pretext, examples: int) -> int:
    """The samples of the first stream in a step: as asked, else as part, task or number say."""
    return asked or part.batch_size or task.batch_size or default_batch_size(examples)


def _batch_of(stream: Stream, size: int) -> int:
    """The samples of a stream in a step with `size` samples of the first one."""
    return max(1, round(stream.share * size))


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

    def make_feeds(self, part: Technique, objective: Objective) -> tuple[Feeds, Feed]:
        """Make the training feeds of one part, in batches of its size, and the validation feed.

        The objective is told how many examples each stream has. Raises DataError where the part
        needs samples without labels and there are too few.
        """
        check_unlabeled(part, self.data)
        streams = part.streams()
        if any(stream.passages for stream in streams.values()):
            train, val = self._passages(objective)
            feeds = dict.fromkeys(streams, train)
        else:
            feeds = {name: self._feed(name, stream, objective) for name, stream in streams.items()}
            # Of several tasks those are watched that are learned; nothing is drawn in validation.
            val = replace(self._val, task=part.learned(self.task).drawn_by(None))
        main = next(iter(feeds.values()))
        size = _choose_batch(self.batch_size, part, main.task, len(main.windows.samples))
        feeds = {
            name: _set_batch(feeds[name], stream, size, part.augment)
            for name, stream in streams.items()
        }
        for name in [*streams][1:]:
            if streams[name].rows_of is None and not streams[name].is_rehearsed:
                _check_length(part, name, len(feeds[name].pieces), size)
        objective.prepare({name: len(feed.pieces) for name, feed in feeds.items()})
        return Feeds(feeds, streams), replace(val, batch_size=size)

    def budget(self, part: Technique, objective: Objective, train: Feed) -> float:
        """Its passes over the training feed."""
        first = first_of(part)
        asked = first.own_epochs(objective.model) or self.epochs
        counts = {split: len(samples) for split, samples in self.data.splits.items()}
        more = first.more_epochs(
            counts, lambda count: asked or default_epochs(count, objective.task.budget)
        )
        return (asked or _usual_epochs(objective.task, train)) + more

    def unused_epochs(
        self, part: Technique, model: Model, num_phases: int, num_without_steps: int
    ) -> str | None:
        """Why the part did not train for as many epochs as the user asked for; None if it did.

        Of its phases so many took no steps, as those that solve for a head.
        """
        first = first_of(part)
        in_spec = first.epochs if first.epochs != type(first).epochs else None
        asked, name = in_spec or self.epochs, plugins.name_of(type(first))
        if asked is None:
            return None
        if num_without_steps == num_phases:
            why = _SOLVED if num_phases else _NOTHING_TRAINED
        elif in_spec is None and first.own_epochs(model) is not None:
            why = _EPOCHS_OF_ITS_OWN.format(name=name, epochs=asked)
        else:
            return None
        return _UNUSED.format(name=name, epochs=asked, why=why)

    @cached_property
    def _val(self) -> Feed:
        return self._make(self.data.splits["val"])

    @cached_property
    def _train(self) -> Feed:
        """The labeled feed, made once for all parts."""
        return self._make(self.data.splits["train"])

    def _feed(self, name: str, stream: Stream, objective: Objective) -> Feed:
        """The feed of one stream, for the task as it is learned."""
        if stream.is_rehearsed:
            source = objective.source
            preprocess = source.model.backbone.preprocess
            samples = self.data.splits[REHEARSED]
            return Feed.of(samples, source.pretext, preprocess, self.device)
        if stream.labels:
            return replace(self._train, shares=objective.task.draw_shares(self._train.pieces))
        samples = [s for split in stream.splits for s in self.data.splits.get(split, [])]
        return self._make([self.task.without_target(sample) for sample in samples])

    def _make(self, samples: list[Sample]) -> Feed:
        return Feed.of(samples, self.task, self.preprocess, self.device)

    def _passages(self, objective: Objective) -> tuple[Feed, Feed]:
        """Make the feeds of texts without labels, and of those that are held out."""
        texts = unlabeled_texts(self.data, self.seed)
        preprocess = objective.model.backbone.preprocess
        train, held_out = (
            Feed.of(split, objective.task, preprocess, self.device) for split in texts
        )
        return train, held_out


def _set_batch(feed: Feed, stream: Stream, size: int, augment: Augment | None) -> Feed:
    """The feed in batches for `size` samples of the first stream, augmented as asked."""
    batch_size = _batch_of(stream, size)
    if stream.is_rehearsed:  # each step takes all of a few
        batch_size = min(batch_size, len(feed.pieces))
    asked = stream.augment or augment
    preprocess = feed.preprocess if asked is None else feed.preprocess.with_augment(asked)
    return replace(feed, preprocess=preprocess, batch_size=batch_size)
