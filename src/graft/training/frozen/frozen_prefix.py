"""Frozen work is done once: what enters the first layer that trains is recorded, and trained on from there.

The layers before it (the frozen prefix) are the same at every epoch, so each version of an example goes through them
once, not once an epoch; and once for all runs of a study whose prefix has the same weights. What is trained is the same:
the recorded tensors are those that would have entered, and loss and gradients are compared before they are used.
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
from graft.base import env
from graft.base.records import Batch
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed, without_gradients
from graft.training.frozen import recording
from graft.training.frozen.cut import KEY, TOLERANCE, CannotCut, Cut, cut, replay
from graft.training.frozen.probes import make_probes
from graft.training.kernels.folding import Pair, folded, pairs
from graft.training.observers import Observer

FORMAT = 3
"""Raised when the same question would record other numbers."""
WORTH = 1.3
"""The least estimated gain for which a recording is made."""
ALL = 3.0
"""Forwards that an example costs in each epoch where every layer trains."""
TIDIED = 64
"""Batches of a recording after which freed memory is given back: kept for long, it falls into pieces and grows."""


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
        """What a phase computes for each example without and with a recording, in forwards of the whole network."""
        return _work(epochs, views, self.rest / self.whole)

    def installed(self) -> AbstractContextManager:
        """While this lasts the model accepts recorded batches."""
        return nullcontext() if self.cut is None else self.cut.installed()

    @contextmanager
    def trunk(self) -> Iterator[None]:
        """While this lasts the model is quick and fixed: in evaluation mode, batch norms folded away."""
        with evaluating(self.model), folded(self.folds):
            yield

    def taken(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        """What enters the rest of the network for these inputs, examples first."""
        return (
            [self.model(inputs).features.float()]
            if self.cut is None
            else self.cut.record(inputs)[1]
        )

    def entered(self, batch: Batch, tensors: Sequence[Tensor]) -> Batch:
        """The batch as the rest of the network takes it."""
        if self.cut is None:
            return replace(batch, inputs={"features": tensors[0]})
        given = {f"{KEY}{number}": tensor for number, tensor in enumerate(tensors)}
        return replace(batch, inputs=batch.inputs | given)

    @property
    def lengths(self) -> list[int]:
        """How many dimensions of each recorded tensor are as long as the texts of a batch."""
        return [0] if self.cut is None else [len(slot.lengths) for slot in self.cut.slots]

    def record(self, feed: Feed, observer: Observer) -> Feed:
        """Return a feed that reads the recording, made first if missing; raises CannotCut, FolderError.

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
        size = without_gradients(
            feed.task, feed.preprocess
        )  # whatever the run's own, as every run records the same
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
                    writer.add(places, self.taken(batch.inputs), self.lengths, batch.mask)
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
        found = hashlib.blake2b(
            json.dumps([*about, self._weights], sort_keys=True, default=str).encode(),
            digest_size=16,
        )
        for inputs in make_probes(
            feed
        ):  # tokenizers, and how pictures are resized, change more than settings tell
            for tensor in inputs.values():
                found.update(_raw(tensor))
        return found.hexdigest()

    @cached_property
    def _weights(self) -> str:
        found = hashlib.blake2b(digest_size=16)
        indices = self.model.group_indices()
        for name, tensor in (
            *self.model.network.named_parameters(),
            *self.model.network.named_buffers(),
        ):
            if 0 <= indices[name] < self.groups:
                found.update(name.encode())
                found.update(_raw(tensor))
        return found.hexdigest()


def _work(epochs: float, views: int, rest: float) -> tuple[float, float]:
    """E (1 + 2 r) and V (1 - r) + 3 E r: E epochs, V versions of an example, `rest` r the share of a forward that trains.

    A backward pass counts as two forwards of what trains.
    """
    return epochs * (1 + 2 * rest), min(views, epochs) * (1 - rest) + 3 * epochs * rest


class NotWorth(Exception):
    """A recording would spare too little; `args[0]` says why."""


def choose(model: Model, feed: Feed, epochs: float, engine: Engine) -> Prefix:
    """The prefix that is worth a recording for so many epochs; raises NotWorth, CannotCut where the whole network runs."""
    if recording.cap() == 0:
        raise NotWorth(f"GRAFT_CACHE_GB is 0, or {recording.home()} cannot be written")
    first = _first_trained(model)
    if first == 0:
        raise NotWorth("the first layers train")
    if feed.views is None:
        raise NotWorth(
            "pictures are augmented anew each epoch; views=2 would record two versions of each"
        )
    least = 1 - _share_before(
        model, first, make_probes(feed)[0]
    )  # a guess by one forward: to cut a large network takes a minute
    _check_worth(*_work(epochs, feed.views, least))
    prefix = find(model, feed, engine)
    _check_worth(*prefix.work(epochs, feed.views))
    return prefix


def _check_worth(without: float, behind: float) -> None:
    if without < WORTH * behind:
        raise NotWorth(f"it would spare too little (x{without / behind:.1f})")


def _share_before(model: Model, first: int, inputs: dict[str, Tensor]) -> float:
    """The share of a forward's operations that are in the layer groups before number `first`."""
    with evaluating(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.network(**inputs)
    counts = {name: sum(found.values()) for name, found in counter.get_flop_counts().items()}
    root = type(model.network).__name__
    inside = [f"{root}.{path}" for group in model.backbone.groups[:first] for path in group.modules]
    return sum(counts.get(name, 0) for name in inside) / max(counts["Global"], 1)


def find(model: Model, feed: Feed, engine: Engine) -> Prefix | None:
    """The frozen prefix of the model as its parameters' `requires_grad` tell; None where the first group trains.

    Raises CannotCut where the rest cannot be run alone.
    """
    first, body = _first_trained(model), len(model.backbone.groups) - 1
    if first == 0:
        return None
    probes = make_probes(feed)
    whole = _operations(model, probes[1])
    folds = pairs(model.network, probes[0])
    if first == body and (size := _at_head(model, engine, probes[1])):
        return Prefix(model, engine, body, None, whole, 0.0, size, folds)
    found = _cut(model, first, probes, engine)
    if _moves(found):
        raise CannotCut(
            "a layer before it is in training mode, where dropout and batch norm are not the same at each step"
        )
    with evaluating(model), torch.no_grad(), engine.autocast():
        tensors = found.record(probes[1])[1]
        replay(found, probes[1], tensors)  # finds the shapes, which is not to be counted
        rest = _count(lambda: replay(found, probes[1], tensors)) / len(tensors[0])
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors) // len(tensors[0])
    return Prefix(model, engine, first, found, whole, rest, size, folds)


def _first_trained(model: Model) -> int:
    """The number of the first layer group that trains."""
    indices, body = model.group_indices(), len(model.backbone.groups) - 1
    live = {
        indices[name]
        for name, parameter in model.network.named_parameters()
        if parameter.requires_grad
    }
    return min((body if group == -1 else group for group in live), default=body)


def _cut(model: Model, groups: int, probes: list[dict[str, Tensor]], engine: Engine) -> Cut:
    last = groups == len(model.backbone.groups) - 1
    boundary = model.backbone.head[0] if last else model.backbone.groups[groups].modules[0]
    return cut(model.network, boundary, probes, engine.precision, engine.autocast)


def _through(source: Prefix | None) -> AbstractContextManager:
    return nullcontext() if source is None else source.installed()


def _at_head(model: Model, engine: Engine, inputs: dict[str, Tensor]) -> int | None:
    """The bytes of an example's features; None where the head's modules in a row do not give the model's logits.

    Features of a whole sequence are recorded as any tensors are that enter a layer: without their padding.
    """
    if model.backbone.kind != "vector":
        return None
    with evaluating(model), torch.no_grad(), engine.autocast():
        output = model(inputs)
        again = model.classify(output.features)
    tolerance = TOLERANCE[engine.precision]
    same = again.shape == output.logits.shape
    if not (
        same
        and torch.allclose(again.float(), output.logits.float(), atol=tolerance, rtol=tolerance)
    ):
        return None
    return output.features[0].numel() * 4


def _raw(tensor: Tensor) -> np.ndarray:
    """The bytes of a tensor."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()


def _moves(found: Cut) -> bool:
    """Is a skipped layer in training mode, in which dropout and batch norm change from step to step?"""
    return any(
        module.training
        for path in found.skipped
        for module in found.network.get_submodule(path).modules()
    )


def _operations(model: Model, inputs: dict[str, Tensor]) -> float:
    with evaluating(model), torch.no_grad():
        return _count(lambda: model(inputs)) / len(next(iter(inputs.values())))


def _count(run: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())
