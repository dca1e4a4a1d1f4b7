"""The batches of one split, encoded ahead and placed on the device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import env, trees
from graft.base.records import RECORDED, Batch, Sample, Windows
from graft.base.trees import Tree
from graft.data import loaders
from graft.data.data import contents
from graft.tasks.pretexts.pretext import Pretext
from graft.training.frozen.recording import Recording

WITHOUT_GRADIENTS, PICTURES_WITHOUT_GRADIENTS = 32, 16
"""Examples at a time where nothing is learned. On two cores 32 pictures were 3 % faster than 16 and
took 180 MB more."""
MOST_THREADS = 16
"""Threads that encode. Each keeps a batch in memory: 32 pictures of 224 px are 19 MB."""
ALONE = 0.1
"""The share of the epochs, the last ones, whose new views show no other pieces: a network ends on
examples as they are (arXiv:2107.08430 has a twentieth)."""
Seed = tuple[int, int]
"""(seed of the run and phase, epoch): order, augmentation and companions depend on nothing else, so
that a resumed run sees the same."""


def inference_batch_size(task: Pretext, preprocess: Preprocess) -> int:
    """Return how many pieces are encoded at a time where nothing is learned."""
    return task.batch_size or (
        WITHOUT_GRADIENTS if preprocess.reads == "text" else PICTURES_WITHOUT_GRADIENTS
    )


@dataclass(frozen=True)
class Feed:
    """The pieces of a split's samples as batches, of inputs or of what was recorded at a cut.

    `views` is how many augmented versions of a sample there are: None, a new one each epoch; 1, the
    plain one. A recording `at_head` has the features (B, D) alone; any other comes with the inputs
    that the rest of the network reads. `mixed` batches of an epoch are drawn whatever the lengths.
    `epochs` is how often a training passes over the pieces; None is not known. An epoch has each
    piece once, or as many of them drawn by their `shares` of 1. The inputs and the
    mask of feeds `beside` it, of the same pieces for other networks, are in the `extras` of its
    batches.
    """

    windows: Windows
    task: Pretext
    preprocess: Preprocess
    device: torch.device
    batch_size: int
    views: int | None = None
    recorded: Recording | None = None
    at_head: bool = False
    mixed: bool = False
    epochs: float | None = None
    shares: tuple[float, ...] | None = None
    beside: Mapping[str, Feed] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        task: Pretext,
        preprocess: Preprocess,
        device: torch.device,
        batch_size: int | None = None,
        views: int | None = None,
    ) -> Feed:
        """Make a feed of samples, in the pieces that the task cuts.

        Without a `batch_size` it is for what is done without gradients.
        """
        size = batch_size or inference_batch_size(task, preprocess)
        return cls(task.windows(samples, preprocess), task, preprocess, device, size, views)

    @property
    def pieces(self) -> Sequence[Sample]:
        return self.windows.pieces

    @property
    def augments(self) -> bool:
        """Whether an example is not the same in each epoch."""
        return self.preprocess.augments or self.task.augments

    def with_recording(self, recorded: Recording, at_head: bool) -> Feed:
        """Return the feed with the same batches, which reads a recording."""
        return replace(self, recorded=recorded, at_head=at_head)

    def plan(self, seed: Seed | None) -> list[list[int]]:
        """The rows of each batch of an epoch; sorted by length where no seed is given."""
        lengths = [1] * len(self.pieces) if self.mixed and seed is not None else self.lengths
        if self.shares is None or seed is None:
            return loaders.plan(lengths, self.batch_size, seed)
        drawn = loaders.draw(self.shares, seed)
        batches = loaders.plan([lengths[row] for row in drawn], self.batch_size, seed)
        return [[drawn[place] for place in batch] for batch in batches]

    def stream(self, plan: Sequence[list[int]], seed: Seed | None = None) -> Iterator[Batch]:
        """Yield batches of the planned rows.

        They are augmented if a seed is given and the views are not the plain one.
        """
        if self.at_head:
            made = (self._make(rows, seed) for rows in plan)
        else:
            made = loaders.stream(plan, lambda rows: self._make(rows, seed), self._threads)
        for batch in made:
            self._add_beside(batch, seed, recorded=True)  # in this thread: see `_threads`
            yield batch.to(self.device)

    def _add_beside(self, batch: Batch, seed: Seed | None, recorded: bool) -> None:
        """Add what the feeds beside it have of the same rows and versions, recorded or not."""
        for name, feed in self.beside.items():
            if (feed.recorded is not None) == recorded:
                other = feed._make(batch.rows, seed)
                batch.extras[name] = {"inputs": other.inputs, "mask": other.mask}

    @property
    def _threads(self) -> int:
        """The number of threads that encode.

        One a core for an accelerator, on a processor as many as the network has. Tokenizers keep
        settings that another thread may change, and the files of a recording have one position
        each, so one thread reads these.
        """
        if self.preprocess.reads == "text" or self.recorded is not None:
            return 1
        cores = torch.get_num_threads() if self.device.type == "cpu" else env.cores()
        return min(cores, MOST_THREADS)

    def view(self, row: int, seed: Seed | None) -> int:
        """Return the version of a sample in this epoch; versions rotate, neighbors out of step."""
        return 0 if seed is None or self.views is None else (seed[1] + row) % self.views

    @cached_property
    def lengths(self) -> list[int]:
        return [self.task.length(sample, self.preprocess) for sample in self.pieces]

    @cached_property
    def contents(self) -> str:
        """A hash of what the network reads of every piece."""
        return contents(self.pieces, self.task.inputs)

    def _make(self, rows: list[int], seed: Seed | None) -> Batch:
        batch = self._read(rows, seed)
        self._add_beside(batch, seed, recorded=False)
        return batch

    def _read(self, rows: list[int], seed: Seed | None) -> Batch:
        if self.recorded is None:
            return self._encode(rows, seed)
        places = [row * (self.views or 1) + self.view(row, seed) for row in rows]
        if self.at_head:
            features = self.recorded.read(places)[0].float()
            target = trees.take(self._head_targets, torch.tensor(places))
            return Batch({"features": features}, target, rows)
        batch = self._outside(rows, places)
        batch.extras[RECORDED] = tuple(self.recorded.read(places, batch.mask))
        return batch

    def _encode(self, rows: list[int], seed: Seed | None) -> Batch:
        count = self._count_companions(seed)
        encoded = []
        for row in rows:
            rng = self._rng(row, seed)
            piece = self._with_companions(row, count, rng)
            encoded.append(self.task.encode(piece, self.preprocess, rng))
        batch = self.task.collate(encoded, self.preprocess)
        batch.rows = rows
        return batch

    def _count_companions(self, seed: Seed | None) -> int:
        """The number of other pieces that a view of this epoch may show."""
        if seed is None or self.views == 1:
            return 0
        is_last = self.epochs is not None and seed[1] >= round((1 - ALONE) * self.epochs)
        # A fixed number of views is seen in all epochs alike.
        return 0 if self.views is None and is_last else self.task.companions(self.preprocess)

    def _with_companions(self, row: int, count: int, rng: np.random.Generator | None) -> Sample:
        """Return a piece with so many others, drawn from `rng`; none of them is opened."""
        piece = self.pieces[row]
        if rng is None or not count:
            return piece
        others = rng.integers(len(self.pieces), size=count)
        return replace(piece, companions=tuple(self.pieces[other] for other in others))

    def _outside(self, rows: list[int], places: Sequence[int]) -> Batch:
        """Make the inputs of a replay that are not recorded.

        Those are tokens and masks; of pixels and sounds only the shape, without numbers.
        """
        inputs = self.preprocess.blank(len(rows), self.recorded.lengths(places))
        if inputs is None:
            return self._encode(rows, None)
        return Batch(inputs, self._targets(places), rows, mask=self.preprocess.mask(inputs))

    def _targets(self, places: Sequence[int]) -> Tree:
        """Make the targets of recorded versions of samples, without opening the inputs."""
        views = self.views or 1
        count = 0 if views == 1 else self.task.companions(self.preprocess)
        targets = []
        for row, view in (divmod(place, views) for place in places):
            rng = None if views == 1 else np.random.default_rng((view, row))
            piece = self._with_companions(row, count, rng)
            targets.append(self.task.encode_target(piece, self.preprocess, rng))
        return None if targets[0] is None else self.task.collate_targets(targets)

    @cached_property
    def _head_targets(self) -> Tree:
        """The targets of all that is recorded at the head, in the order of the recording.

        They are kept, since solvers pass over them a hundred times. One is a few numbers: features
        (D) enter the head.
        """
        return self._targets(range(len(self.pieces) * (self.views or 1)))

    def _rng(self, row: int, seed: Seed | None) -> np.random.Generator | None:
        """Make the random state of a version.

        Each of a fixed number of views is the same in every run, so that runs share recordings.
        """
        if seed is None or self.views == 1:
            return None
        return np.random.default_rng(
            (*seed, row) if self.views is None else (self.view(row, seed), row)
        )
