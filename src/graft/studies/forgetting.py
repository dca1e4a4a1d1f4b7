"""What a network forgets: how well it still does what it was pretrained on, before and after.

Map: `execute` makes a `Memory` of the model before it is trained, and asks it for `forgotten` when
it is. Both measure the trunk of that time under the pretrained head: see `open_source_task`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graft.backbones.backbone import Backbone, Model
from graft.base.counts import plural
from graft.base.errors import DataError, FolderError
from graft.data.data import Data
from graft.metrics.intervals import bounds, clusters, estimate, examples_variance
from graft.metrics.metric import Metric
from graft.studies.source_samples import GIVE, SourceSamples, read_source_samples
from graft.studies.spec import RunSpec
from graft.tasks.pretexts.source_task import open_source_task
from graft.tasks.task import Task
from graft.techniques.specs.combine import parse
from graft.techniques.specs.stream import REHEARSED
from graft.techniques.technique import Technique
from graft.training.engine import Engine
from graft.training.evaluate import Evaluation, add_texts, evaluate
from graft.training.feeds.feed import Feed
from graft.training.loop.timing import example_milliseconds


@dataclass(frozen=True)
class Remembered:
    """How well a network does what it was pretrained on."""

    metric: Metric
    evaluation: Evaluation
    left_out: int
    """The samples with classes that the network does not know."""


@dataclass(frozen=True)
class Memory:
    """What a network could do before it was trained, and the samples that say so."""

    samples: SourceSamples
    before: Remembered
    rehearses: bool
    """Whether the technique draws from the samples that are not measured."""

    @classmethod
    def of(cls, spec: RunSpec, model: Model, engine: Engine) -> Memory | None:
        """Measure the model before its training.

        None if the run was not asked for it, or if its network is not pretrained. Raises
        FolderError if the samples have changed.
        """
        technique = parse(spec.technique)
        if spec.forgetting is None or not technique.pretrained:
            return None
        samples = reopen_samples(spec, model.backbone.preprocess.reads)
        return cls(samples, measure_source(model, samples, engine), _rehearses(technique))

    @property
    def notes(self) -> list[str]:
        """What is left out, a sentence each."""
        notes, path = [], self.samples.path
        if count := self.before.left_out:
            notes.append(
                f"{count:,} of {len(self.samples.measured):,} samples of {path} have classes that "
                "the network was not pretrained on, and say nothing of what it forgets."
            )
        if self.rehearses and (count := self.samples.copies):
            copies = plural(count, "sample")
            notes.append(f"Not rehearsed: {copies} of {path}, of which a copy is measured.")
        return notes

    def forgotten(self, model: Model, engine: Engine) -> dict[str, Any]:
        """Return what result.json says of the trained model.

        The interval is that of the difference on the same samples, over others of their kind.
        """
        after = measure_source(model, self.samples, engine)
        metric, count = self.before.metric, len(after.evaluation.targets)
        was, now = (
            estimate(metric, metric.terms(seen.scores, seen.targets), clusters(range(count)))
            for seen in (self.before.evaluation, after.evaluation)
        )
        difference = now.value - was.value
        variance = examples_variance(now.influence - was.influence)
        has_changed = after.evaluation.loss != self.before.evaluation.loss
        if metric.is_fraction and has_changed:  # that no answer changed is no proof that none would
            variance = max(variance, 2 / (count + 2) ** 2)
        low, high = bounds(difference, variance, count - 1)
        return {
            "metric": metric.name,
            "before": was.value,
            "after": now.value,
            "difference": {"value": difference, "low": low, "high": high},
            "examples": count,
            "data": self.samples.path,
        }


def measure_source(model: Model, samples: SourceSamples, engine: Engine) -> Remembered:
    """Measure the trunk of the model under its pretrained head.

    Neither the model nor torch's global random state changes. Raises as `open_source_task` and
    `SourceTask.choose_known`.
    """
    with torch.random.fork_rng(devices=[]):
        source = open_source_task(model.backbone, samples.measured)
        known = source.choose_known(samples.measured, samples.path)
        whole = engine.place(source.model)
        feed = Feed.of(known, source.pretext, whole.backbone.preprocess, engine.device)
        evaluation = evaluate(whole, feed, engine)
        if isinstance(source.pretext, Task):
            evaluation = add_texts(whole, source.pretext, known, evaluation, engine)
    return Remembered(source.metric, evaluation, len(samples.measured) - len(known))


def forgetting_seconds(spec: RunSpec, model: Model, engine: Engine) -> float:
    """About the seconds that measuring before and after takes, texts that are written apart."""
    if spec.forgetting is None:
        return 0.0
    samples = reopen_samples(spec, model.backbone.preprocess.reads)
    source = open_source_task(model.backbone, samples.measured)
    whole = engine.place(source.model)
    known = source.choose_known(samples.measured, samples.path)
    feed = Feed.of(known, source.pretext, whole.backbone.preprocess, engine.device)
    return 2 * len(feed.pieces) * example_milliseconds(whole, feed, engine) / 1000


def check_forgetting(
    backbone: Backbone, samples: SourceSamples | None, techniques: Sequence[Technique]
) -> None:
    """Raise GraftError if it cannot be measured what a network forgets, or nothing be rehearsed."""
    rehearse = any(map(_rehearses, techniques))
    if samples is None:
        if rehearse:
            raise DataError(
                "'replay' rehearses samples of what the network was pretrained on, and there are "
                f"none. Give {GIVE[backbone.preprocess.reads]}: --forgetting PATH."
            )
        return
    if rehearse and not samples.rehearsed:
        raise DataError(
            f"{samples.path} holds {plural(len(samples.measured), 'sample')}, on which forgetting "
            "is measured, and none is left to rehearse. Give more: --forgetting PATH."
        )
    parts = (samples.measured, samples.rehearsed) if rehearse else (samples.measured,)
    for part in parts:
        open_source_task(backbone, part).choose_known(part, samples.path)


def add_rehearsed(data: Data, spec: RunSpec, model: Model) -> Data:
    """Return the data with a split of samples to rehearse, if a part of the technique draws them.

    Raises as `check_forgetting`.
    """
    if not _rehearses(parse(spec.technique)):
        return data
    samples = reopen_samples(spec, model.backbone.preprocess.reads)
    source = open_source_task(model.backbone, samples.rehearsed)
    known = source.choose_known(samples.rehearsed, samples.path)
    return data.with_splits({**data.splits, REHEARSED: known})


def _rehearses(technique: Technique) -> bool:
    """Whether a part of it draws samples of what the network was pretrained on."""
    return any(
        stream.is_rehearsed for part in technique.parts for stream in part.streams().values()
    )


def reopen_samples(spec: RunSpec, reads: str) -> SourceSamples:
    """Read the samples that a run was asked to measure; raises FolderError if they changed."""
    path = Path(spec.forgetting["path"])
    began = Path(spec.data.get("folder", "."), path)
    samples = read_source_samples(began if began.exists() else path, reads)
    if samples.fingerprint != spec.forgetting["hash"]:
        raise FolderError(
            f"The samples {path}, on which forgetting is measured, have changed since the run was "
            "started. Put back what they were, or start again in another --out."
        )
    return samples
