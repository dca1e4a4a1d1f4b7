"""Compute frozen layers once: record the inputs of the first layer that trains, and train on them.

The layers before it (the frozen prefix) compute the same at every epoch, so each version of an
example passes them once instead of once per epoch, and once for all runs of a study whose prefix
has the same weights. Training is not changed: the recorded tensors are those that the prefix would
have computed, and loss and gradients are compared before the recording is used.

Map: the trainer and `estimate` call `choose`, which finds the prefix and estimates whether a
recording pays; evaluation calls `find`. `find` cuts the network (`make_cut`) on two small batches
(`probes`), or records the features if only the head trains. `Prefix.record` returns a feed that
reads the recording, which it makes first if missing: it reads a feed, runs the trunk and fills a
`recording.Writer`. `agreement` compares before anything is trained. State: a `Prefix` has only its
hash; the tensors belong to `recording`, and within `Prefix.attach_hooks` the hooks on the model
belong to its `Cut`.
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
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from graft.backbones.backbone import Model, evaluating
from graft.base import env, trees
from graft.base.records import Batch
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed, inference_batch_size
from graft.training.feeds.feeds import Feeds
from graft.training.frozen import recording
from graft.training.frozen.cut import TOLERANCE, Cut, insert_recorded, make_cut, replay
from graft.training.frozen.probes import make_probes
from graft.training.frozen.slots import CannotCut
from graft.training.kernels.folding import Pair, fold, pairs
from graft.training.observers import Observer

FORMAT = 3
"""The version of recorded numbers; a change makes old recordings unused."""
WORTH = 1.3
"""The smallest estimated speedup for which a recording is made."""
ALL = 3.0
"""The cost of training every layer, in forwards per example and epoch."""
TIDIED = 64
"""Batches of a recording after which freed memory is returned to the system.

Without that, memory fragments and grows."""


@dataclass(frozen=True)
class Prefix:
    """The frozen layers of a model: all layer groups before number `groups`."""

    model: Model
    engine: Engine
    groups: int
    cut: Cut | None
    """How to run the remaining layers alone; None if only the head remains."""
    whole: float
    """Operations of one example's forward."""
    rest: float
    """Operations of one example in the layers that train."""
    bytes: int
    """The estimated size on disk of one version of one example."""
    folds: list[Pair]
    """Pairs of frozen convolutions and batch norms that are computed as one layer."""

    def work(self, epochs: float, views: int) -> tuple[float, float]:
        """Return the cost of a phase per example without and with a recording.

        In forwards of the whole network.
        """
        return _work(epochs, views, self.rest / self.whole)

    def attach_hooks(self) -> AbstractContextManager:
        """Within this context, the model accepts recorded batches."""
        return nullcontext() if self.cut is None else self.cut.attach_hooks()

    @contextmanager
    def trunk(self) -> Iterator[None]:
        """Within this context, the model is in evaluation mode with folded batch norms."""
        with evaluating(self.model), fold(self.folds):
            yield

    def compute_recorded(self, batch: Batch) -> list[Tensor]:
        """Compute the inputs of the remaining layers for this batch, examples first."""
        if self.cut is None:
            return [self.model(batch).features.float()]
        return self.cut.record(batch)[1]

    def insert_recorded(self, batch: Batch, tensors: Sequence[Tensor]) -> Batch:
        """Return the batch with recorded tensors, as the remaining layers read it."""
        if self.cut is None:
            return replace(batch, inputs={"features": tensors[0]}, mask=None)
        return insert_recorded(batch, tensors)

    @property
    def lengths(self) -> list[int]:
        """The number of dimensions of each recorded tensor that are as long as the texts."""
        return [0] if self.cut is None else [len(slot.lengths) for slot in self.cut.slots]

    def record(self, feed: Feed, observer: Observer) -> Feed:
        """Return a feed that reads the recording, recording it first if missing.

        Raises CannotCut, also if the recording does not fit on the disk, as the run can continue
        without one; FolderError if the recording is damaged.
        """

        def write(writer: recording.Writer) -> None:
            self._write(writer, feed, observer)
            env.give_back_freed_memory()

        rows = len(feed.pieces) * (feed.views or 1)
        try:
            made = recording.record(
                self._key(feed), rows, rows * self.bytes, self._describe(feed), write
            )
        except (recording.ShapeChanged, recording.NoRoom) as reason:
            raise CannotCut(str(reason)) from reason
        return self.read(feed, made)

    def find_recording(self, feed: Feed) -> recording.Recording | None:
        """Return the recording of the feed, if there is one."""
        return recording.find(self._key(feed))

    def _write(self, writer: recording.Writer, feed: Feed, observer: Observer) -> None:
        views, done, feed = feed.views or 1, 0, replace(feed, beside={})
        # Not the batch size of the run, so that all runs record the same numbers.
        size = inference_batch_size(feed.task, feed.preprocess)
        plan = replace(feed, batch_size=size).plan(None)
        source, made = self._source(feed) or (None, None)
        with torch.inference_mode(), self.trunk(), self.engine.autocast(), _attach_source(source):
            feed = source.read(feed, made) if source else feed
            for epoch in range(views):
                seed = None if views == 1 else (0, epoch)
                for number, batch in enumerate(feed.stream(plan, seed), 1):
                    if number % TIDIED == 0:
                        env.give_back_freed_memory()
                    places = [row * views + feed.view(row, seed) for row in batch.rows]
                    writer.add(places, self.compute_recorded(batch), self.lengths, batch.mask)
                    done += len(batch)
                    observer.recording(done, writer.rows)

    def _source(self, feed: Feed) -> tuple[Prefix, recording.Recording] | None:
        """Return the deepest recorded prefix inside this one, with its recording."""
        if self.cut and self.cut.carried:
            return None
        names = {
            row["before"]
            for row in recording.everything()
            if row["backbone"] == self.model.backbone.name
        }
        for groups in range(self.groups - 1, 0, -1):
            inside = replace(self, groups=groups, cut=None)
            if inside.before in names and (made := inside.find_recording(feed)):
                return replace(
                    inside, cut=_cut(self.model, groups, make_probes(feed), self.engine)
                ), made
        return None

    def read(self, feed: Feed, made: recording.Recording) -> Feed:
        """Return a feed that reads the recording."""
        return feed.with_recording(made, self.cut is None)

    def _describe(self, feed: Feed) -> dict[str, object]:
        samples, views = len(feed.pieces), feed.views or 1
        return {
            "backbone": self.model.backbone.name,
            "before": self.before,
            "samples": samples,
            "views": views,
        }

    @property
    def before(self) -> str:
        """The layer group that reads the recorded tensors."""
        return self.model.backbone.groups[self.groups].name

    def _key(self, feed: Feed) -> str:
        """Hash everything that the recorded numbers depend on, from weights to library versions.

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
        # Tokenizers and resized pictures may differ although their settings are the same.
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
    """Return the costs per example, E (1 + 2 r) and V (1 - r) + 3 E r.

    There are E epochs and V versions of an example; `rest` r is the share of a forward in layers
    that train. A backward pass counts as two forwards of these layers.
    """
    return epochs * (1 + 2 * rest), min(views, epochs) * (1 - rest) + 3 * epochs * rest


class NotWorth(Exception):
    """A recording would save too little time; `args[0]` says why."""


def choose(model: Model, feeds: Feeds, epochs: float, engine: Engine) -> Prefix:
    """Find the prefix if recordings of all streams pay for this number of epochs.

    Raises NotWorth or CannotCut if the whole network has to run.
    """
    if recording.cap() == 0:
        raise NotWorth(f"GRAFT_CACHE_GB is 0, or {recording.home()} cannot be written")
    first = _find_first_trained(model)
    if first == 0:
        raise NotWorth("the first layers train")
    if any(feed.views is None for feed in feeds.all):
        raise NotWorth(
            "examples are augmented anew each epoch; views=2 would record two versions of each"
        )
    feed = feeds.main
    # Estimate by one forward first, since cutting a large network takes a minute.
    least = 1 - _share_of_frozen(model, first, make_probes(feed)[0])
    _check_worth(*_work(epochs, feed.views, least))
    prefix = find(model, feed, engine)
    _check_worth(*prefix.work(epochs, feed.views))
    return prefix


def _check_worth(without: float, behind: float) -> None:
    if without < WORTH * behind:
        raise NotWorth(f"it would save too little (x{without / behind:.1f})")


def _share_of_frozen(model: Model, first: int, batch: Batch) -> float:
    """Return the share of the operations of a forward in the layer groups before `first`."""
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
    first, body = _find_first_trained(model), len(model.backbone.groups) - 1
    if first == 0:
        return None
    probes = make_probes(feed)
    whole = _operations(model, probes[1])
    folds = pairs(model.network, lambda: model(probes[0]))
    if first == body and (size := _measure_features(model, engine, probes[1])):
        return Prefix(model, engine, body, None, whole, 0.0, size, folds)
    cut = _cut(model, first, probes, engine)
    if _has_training_layer(cut):
        raise CannotCut(
            "a layer before it is in training mode, where "
            "dropout and batch norm are not the same at each step"
        )
    with evaluating(model), torch.no_grad(), engine.autocast():
        tensors = cut.record(probes[1])[1]
        replay(cut, probes[1], tensors)  # traces the shapes, which must not be counted
        rest = _count(lambda: replay(cut, probes[1], tensors)) / len(tensors[0])
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors) // len(tensors[0])
    return Prefix(model, engine, first, cut, whole, rest, size, folds)


def _find_first_trained(model: Model) -> int:
    """Return the number of the first layer group that trains, or whose statistics change."""
    indices, body = model.group_indices(), len(model.backbone.groups) - 1
    live = {
        indices[name]
        for name, parameter in model.network.named_parameters()
        if parameter.requires_grad
    }
    live |= {
        indices[f"{path}.running_mean"]
        for path, module in model.network.named_modules()
        if isinstance(module, _BatchNorm) and module.training and module.track_running_stats
    }
    return min((body if group == -1 else group for group in live), default=body)


def _cut(model: Model, groups: int, probes: Sequence[Batch], engine: Engine) -> Cut:
    last = groups == len(model.backbone.groups) - 1
    boundary = model.backbone.head[0] if last else model.backbone.groups[groups].modules[0]
    return make_cut(model, boundary, probes, engine.precision, engine.autocast)


def _attach_source(source: Prefix | None) -> AbstractContextManager:
    return nullcontext() if source is None else source.attach_hooks()


def _measure_features(model: Model, engine: Engine, batch: Batch) -> int | None:
    """Return the bytes of the features of one example.

    None if the modules of the head in sequence do not return the output of the network. Features of
    a whole sequence are recorded without padding, as the inputs of any layer are.
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
    """Return the bytes of a tensor."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()


def _has_training_layer(cut: Cut) -> bool:
    """Whether a skipped layer is in training mode, so that its output changes at every step.

    Dropout and batch norm do that.
    """
    return any(
        module.training
        for path in cut.skipped
        for module in cut.model.network.get_submodule(path).modules()
    )


def _operations(model: Model, batch: Batch) -> float:
    with evaluating(model), torch.no_grad():
        return _count(lambda: model(batch)) / len(batch)


def _count(run: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())
