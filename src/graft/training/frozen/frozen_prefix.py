"""Frozen work is done once: what enters the first layer that trains is recorded, and trained on.

The layers before it (the frozen prefix) are the same at every epoch, so each version of an example
goes through them once, not once an epoch; and once for all runs of a study whose prefix has the
same weights. What is trained is the same: the recorded tensors are those that would have entered,
and loss and gradients are compared before they are used.

Map: the trainer and `estimate` call `choose`, which finds the prefix and asks whether a recording
pays; evaluation calls `find`. `find` cuts the network (`cut`) on two small batches (`probes`), or
takes the features where the head alone trains. `Prefix.record` gives a feed behind a recording,
made first if missing: it reads a feed, runs the trunk and fills a `recording.Writer`. `agreement`
compares before anything is trained. State: a `Prefix` has none but its hash; the tensors belong to
`recording`, and while `Prefix.installed` lasts the hooks on the model belong to its `Cut`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from graft.backbones.backbone import Model, evaluating
from graft.base import env, trees
from graft.base.records import Batch
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed, without_gradients
from graft.training.frozen import recording
from graft.training.frozen.cut import TOLERANCE, Cut, cut, replay, with_recorded
from graft.training.frozen.probes import make_probes
from graft.training.frozen.slots import CannotCut
from graft.training.kernels.folding import Pair, folded, pairs
from graft.training.observers import Observer

FORMAT = 3
"""Raised when the same question would record other numbers."""
WORTH = 1.3
"""The least estimated gain for which a recording is made."""
ALL = 3.0
"""Forwards that an example costs in each epoch where every layer trains."""
TIDIED = 64
"""Batches of a recording after which freed memory is given back.

Kept for long, it falls into pieces and grows."""


@dataclass(frozen=True)
class Prefix:
    """The frozen layers of a model: all layer groups before number `groups`."""

    model: Model
    engine: Engine
    groups: int
    cut: Cut | None
    """How the rest is run alone; None where the rest is the head, which takes its features."""
    whole: float
    """Operations of one example's forward."""
    rest: float
    """Those of the part that trains."""
    bytes: int
    """An estimate of what one version of one example takes on disk."""
    folds: list[Pair]
    """The frozen convolutions and batch norms that are computed as one."""

    def work(self, epochs: float, views: int) -> tuple[float, float]:
        """What a phase computes for each example without and with a recording.

        Counted in forwards of the whole network.
        """
        return _work(epochs, views, self.rest / self.whole)

    def installed(self) -> AbstractContextManager:
        """While this lasts the model accepts recorded batches."""
        return nullcontext() if self.cut is None else self.cut.installed()

    @contextmanager
    def trunk(self) -> Iterator[None]:
        """While this lasts the model is in evaluation mode, with batch norms folded away."""
        with evaluating(self.model), folded(self.folds):
            yield

    def taken(self, batch: Batch) -> list[Tensor]:
        """Return what enters the rest of the network for this batch, examples first."""
        return (
            [self.model(batch).features.float()] if self.cut is None else self.cut.record(batch)[1]
        )

    def entered(self, batch: Batch, tensors: Sequence[Tensor]) -> Batch:
        """Return the batch as the rest of the network takes it."""
        if self.cut is None:
            return replace(batch, inputs={"features": tensors[0]}, mask=None)
        return with_recorded(batch, tensors)

    @property
    def lengths(self) -> list[int]:
        """How many dimensions of each recorded tensor are as long as the texts of a batch."""
        return [0] if self.cut is None else [len(slot.lengths) for slot in self.cut.slots]

    def record(self, feed: Feed, observer: Observer) -> Feed:
        """Return a feed that reads the recording, made first if missing.

        Raises CannotCut, and FolderError for one that is damaged.

        A recording that does not fit on the disk is a CannotCut: the run can go on without one, and
        has the space for its own files.
        """

        def write(writer: recording.Writer) -> None:
            self._write(writer, feed, observer)
            env.give_back_freed_memory()

        rows = len(feed.pieces) * (feed.views or 1)
        try:
            made = recording.record(
                self._key(feed), rows, rows * self.bytes, self._about(feed), write
            )
        except (recording.ShapeChanged, recording.NoRoom) as reason:
            raise CannotCut(str(reason)) from reason
        return self.read(feed, made)

    def recorded(self, feed: Feed) -> recording.Recording | None:
        """The recording of the feed, where there is one."""
        return recording.find(self._key(feed))

    def _write(self, writer: recording.Writer, feed: Feed, observer: Observer) -> None:
        views, done = feed.views or 1, 0
        # Not the batch size of the run: every run records the same.
        size = without_gradients(feed.task, feed.preprocess)
        plan = replace(feed, batch_size=size).plan(None)
        source, made = self._source(feed) or (None, None)
        with torch.inference_mode(), self.trunk(), self.engine.autocast(), _through(source):
            feed = source.read(feed, made) if source else feed
            for epoch in range(views):
                seed = None if views == 1 else (0, epoch)
                for number, batch in enumerate(feed.stream(plan, seed), 1):
                    if number % TIDIED == 0:
                        env.give_back_freed_memory()
                    places = [row * views + feed.view(row, seed) for row in batch.rows]
                    writer.add(places, self.taken(batch), self.lengths, batch.mask)
                    done += len(batch)
                    observer.recording(done, writer.rows)

    def _source(self, feed: Feed) -> tuple[Prefix, recording.Recording] | None:
        """Return the deepest recorded prefix inside this one, and its recording."""
        if self.cut and self.cut.carried:
            return None
        names = {
            row["before"]
            for row in recording.everything()
            if row["backbone"] == self.model.backbone.name
        }
        for groups in range(self.groups - 1, 0, -1):
            inside = replace(self, groups=groups, cut=None)
            if inside.before in names and (made := inside.recorded(feed)):
                return replace(
                    inside, cut=_cut(self.model, groups, make_probes(feed), self.engine)
                ), made
        return None

    def read(self, feed: Feed, made: recording.Recording) -> Feed:
        """Return a feed that reads the recording."""
        return feed.with_recording(made, self.cut is None)

    def _about(self, feed: Feed) -> dict[str, object]:
        samples, views = len(feed.pieces), feed.views or 1
        return {
            "backbone": self.model.backbone.name,
            "before": self.before,
            "samples": samples,
            "views": views,
        }

    @property
    def before(self) -> str:
        """The layer group that the recorded tensors enter."""
        return self.model.backbone.groups[self.groups].name

    def _key(self, feed: Feed) -> str:
        """Hash what the recorded numbers depend on, from the weights to the versions of libraries.

        The number of threads is part of it: with two instead of one the float32 features of
        EfficientNet-Lite0 differ in their last bits, and a run must not depend on which one
        recorded first.
        """
        network, preprocess = self.model.network, feed.preprocess
        layers = [
            repr(network.get_submodule(p))
            for g in self.model.backbone.groups[: self.groups]
            for p in g.modules
        ]
        about = [
            self.model.backbone.name,
            self.before,
            layers,
            preprocess.settings(),
            feed.views or 1,
        ]
        about += [
            FORMAT,
            self.engine.precision,
            str(self.engine.device),
            torch.get_num_threads(),
            env.versions(),
            feed.contents,
        ]
        text = json.dumps([*about, self._weights], sort_keys=True, default=str)
        digest = hashlib.blake2b(text.encode(), digest_size=16)
        # Tokenizers, and how pictures are resized, change more than settings tell.
        for batch in make_probes(feed):
            for tensor in trees.leaves(batch.inputs):
                digest.update(_raw(tensor))
        return digest.hexdigest()

    @cached_property
    def _weights(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        indices, network = self.model.group_indices(), self.model.network
        for name, tensor in (*network.named_parameters(), *network.named_buffers()):
            if 0 <= indices[name] < self.groups:
                digest.update(name.encode())
                digest.update(_raw(tensor))
        return digest.hexdigest()


def _work(epochs: float, views: int, rest: float) -> tuple[float, float]:
    """Return E (1 + 2 r) and V (1 - r) + 3 E r.

    There are E epochs and V versions of an example; `rest` r is the share of a forward that trains.
    A backward pass counts as two forwards of what trains.
    """
    return epochs * (1 + 2 * rest), min(views, epochs) * (1 - rest) + 3 * epochs * rest


class NotWorth(Exception):
    """A recording would save too little; `args[0]` says why."""


def choose(model: Model, feed: Feed, epochs: float, engine: Engine) -> Prefix:
    """Find the prefix that is worth a recording for so many epochs.

    Raises NotWorth and CannotCut if the whole network is to run.
    """
    if recording.cap() == 0:
        raise NotWorth(f"GRAFT_CACHE_GB is 0, or {recording.home()} cannot be written")
    first = _first_trained(model)
    if first == 0:
        raise NotWorth("the first layers train")
    if feed.views is None:
        raise NotWorth(
            "pictures are augmented anew each epoch; views=2 would record two versions of each"
        )
    # A guess by one forward, since it takes a minute to cut a large network.
    least = 1 - _share_before(model, first, make_probes(feed)[0])
    _check_worth(*_work(epochs, feed.views, least))
    prefix = find(model, feed, engine)
    _check_worth(*prefix.work(epochs, feed.views))
    return prefix


def _check_worth(without: float, behind: float) -> None:
    if without < WORTH * behind:
        raise NotWorth(f"it would save too little (x{without / behind:.1f})")


def _share_before(model: Model, first: int, batch: Batch) -> float:
    """The share of a forward's operations that are in the layer groups before number `first`."""
    with evaluating(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(batch)
    counts = {name: sum(by_kind.values()) for name, by_kind in counter.get_flop_counts().items()}
    root = f"{type(model).__name__}.network"
    inside = [f"{root}.{path}" for group in model.backbone.groups[:first] for path in group.modules]
    return sum(counts.get(name, 0) for name in inside) / max(counts["Global"], 1)


def find(model: Model, feed: Feed, engine: Engine) -> Prefix | None:
    """Find the frozen prefix of the model, by its parameters' `requires_grad`.

    Returns None if the first group trains. Raises CannotCut if the rest cannot be run alone.
    """
    first, body = _first_trained(model), len(model.backbone.groups) - 1
    if first == 0:
        return None
    probes = make_probes(feed)
    whole = _operations(model, probes[1])
    folds = pairs(model.network, lambda: model(probes[0]))
    if first == body and (size := _at_head(model, engine, probes[1])):
        return Prefix(model, engine, body, None, whole, 0.0, size, folds)
    tried = _cut(model, first, probes, engine)
    if _moves(tried):
        raise CannotCut(
            "a layer before it is in training mode, where dropout and batch norm are not the same "
            "at each step"
        )
    with evaluating(model), torch.no_grad(), engine.autocast():
        tensors = tried.record(probes[1])[1]
        replay(tried, probes[1], tensors)  # finds the shapes, which is not to be counted
        rest = _count(lambda: replay(tried, probes[1], tensors)) / len(tensors[0])
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors) // len(tensors[0])
    return Prefix(model, engine, first, tried, whole, rest, size, folds)


def _first_trained(model: Model) -> int:
    """Return the number of the first layer group that trains."""
    indices, body = model.group_indices(), len(model.backbone.groups) - 1
    live = {
        indices[name]
        for name, parameter in model.network.named_parameters()
        if parameter.requires_grad
    }
    return min((body if group == -1 else group for group in live), default=body)


def _cut(model: Model, groups: int, probes: Sequence[Batch], engine: Engine) -> Cut:
    last = groups == len(model.backbone.groups) - 1
    boundary = model.backbone.head[0] if last else model.backbone.groups[groups].modules[0]
    return cut(model, boundary, probes, engine.precision, engine.autocast)


def _through(source: Prefix | None) -> AbstractContextManager:
    return nullcontext() if source is None else source.installed()


def _at_head(model: Model, engine: Engine, batch: Batch) -> int | None:
    """Return the bytes of an example's features.

    None if the head's modules in a row do not give what the network returns. Features of a whole
    sequence are recorded as any tensors are that enter a layer: without their padding.
    """
    if model.backbone.form != "vector":
        return None
    with evaluating(model), torch.no_grad(), engine.autocast():
        output = model(batch)
        again = model.classify(output.features)
    if not trees.are_close(again, output.logits, TOLERANCE[engine.precision]):
        return None
    return output.features[0].numel() * 4


def _raw(tensor: Tensor) -> np.ndarray:
    """The bytes of a tensor."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()


def _moves(tried: Cut) -> bool:
    """Whether a skipped layer is in training mode.

    Then dropout and batch norm change from step to step.
    """
    return any(
        module.training
        for path in tried.skipped
        for module in tried.model.network.get_submodule(path).modules()
    )


def _operations(model: Model, batch: Batch) -> float:
    with evaluating(model), torch.no_grad():
        return _count(lambda: model(batch)) / len(batch)


def _count(run: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())
