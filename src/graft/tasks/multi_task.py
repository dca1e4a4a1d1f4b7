"""Several tasks at once over one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from graft.backbones.backbone import Backbone
from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.errors import DataError
from graft.base.evidence import Column, Details, Shown, Table
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample, Windows, targets_of
from graft.base.trees import Tree
from graft.data.data import Data
from graft.data.kinds.several import (
    ROLE,
    is_labeled,
    known_of,
    part_data,
    part_sample,
    parts_of,
)
from graft.metrics.metric import Metric
from graft.metrics.parts import column, known_rows, mean_of, of_part
from graft.tasks.parts import mistakes, outputs, together
from graft.tasks.parts.baselines import baselines_of
from graft.tasks.parts.one_of_several import TASK
from graft.tasks.parts.sampling import LabelCounts
from graft.tasks.parts.tags import cut_tags, join_tags
from graft.tasks.parts.tiny import tiny_texts
from graft.tasks.specs.find_task import find_task
from graft.tasks.specs.options import parse, read_task
from graft.tasks.task import Task, objects

OF_TRAINING = ("counts", "temperature")
"""What a saved task does not keep."""


@dataclass(frozen=True)
class MultiTask(Task):
    """Predict several things of one picture, text or sound by one network.

    Each task has the column of its target; classes, numbers, and tags of words can be learned
    together. A sample may lack some of the targets: it teaches the others. The loss is the sum of
    those of the tasks, each the mean over the examples that have its label. Of tags of words
    together with classes or numbers, these are the mean over the words.
    The primary metric is the mean of that of each task, R² for a number.
    Baselines: the simplest of each task, and the last.
    Example: graft fit reviews.jsonl --task multi-task
    """

    name: ClassVar[str] = "multi-task"
    reads: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"parts"})
    target_role: ClassVar[str] = ROLE
    gives: ClassVar[str] = "parts"
    heads: ClassVar[dict[Form, str]] = {"vector": "linear", "sequence": "pooled"}

    classes: tuple[str, ...]
    tasks: Mapping[str, Task] = field(default_factory=dict)
    """The tasks by the names of their targets."""
    amounts: Mapping[str, float] = field(default_factory=dict)
    """How much of what its loss averages over each task has, for each training example: the share
    of them that have its label, times the words if these are tagged."""

    learned: tuple[str, ...] = ()
    """The tasks that are learned, while all are measured; none are all."""

    counts: LabelCounts | None = field(default_factory=lambda: None, compare=False)
    """The labels of the training examples, which a saved task does not keep, and no text sets."""
    temperature: float | None = None
    """By which the tasks are drawn: see `LabelCounts.shares`; None is each example once."""

    def __post_init__(self) -> None:
        """Make the tasks of what `settings` returns, and read what they read."""
        made = {name: together.open_part(part) for name, part in self.tasks.items()}
        object.__setattr__(self, "tasks", made)
        if made:
            first = self.read_as
            form = first.job().form
            heads = {"sequence": "linear"} if self.tags else {form: type(self).heads[form]}
            about = {"heads": heads, "reads": first.reads, "cut_words": first.cut_words}
            about |= {"input_size": first.input_size, "augments": first.augments}
            for name, value in about.items():
                object.__setattr__(self, name, value)
        super().__post_init__()

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Find the task of each target by its content."""
        samples = [s for split, part in data.splits.items() if split != "unlabeled" for s in part]
        return cls.of_parts(dict.fromkeys(parts_of(samples)), data, weighted=weighted)

    @classmethod
    def of_parts(
        cls, asked: Mapping[str, str | None], data: Data, *, weighted: bool = False
    ) -> Self:
        """Make the tasks that are asked for by their specs; None is found by the content.

        Raises DataError for one without a training label, BadValue for tasks that cannot be learned
        together.
        """
        parts: dict[str, Task] = {}
        for name, spec in asked.items():
            labeled = part_data(data, name)
            if not labeled.splits.get("train"):
                raise DataError(
                    f"The task {name!r} has no label in the training split. Leave it out, or fill "
                    "in its column."
                )
            spec = spec or find_task(labeled, None)
            kind, _ = parse(spec)
            weigh = weighted and kind.gives == "classes"
            parts[name] = read_task(spec, labeled, weighted=weigh)
        head = together.check_together(parts)
        parts = {name: replace(part, head=None) for name, part in parts.items()}
        classes = tuple(f"{n}: {label}" for n, part in parts.items() for label in part.classes)
        counts = LabelCounts.of(parts, data.splits["train"])
        return cls(classes, parts, counts.mean_amounts(), counts=counts, head=head)

    @property
    def parts(self) -> Mapping[str, Task]:
        return self.tasks

    @property
    def learned_parts(self) -> Mapping[str, Task]:
        return {n: part for n, part in self.parts.items() if n in (self.learned or self.parts)}

    def drawn_by(self, temperature: float | None) -> Self:
        return replace(self, temperature=temperature)

    def draw_shares(self, samples: Sequence[Sample]) -> tuple[float, ...] | None:
        return None if self.temperature is None else self.counts.draw_shares(self._shares, samples)

    @property
    def _shares(self) -> dict[str, float]:
        """How often each task that is learned is drawn, in shares of 1."""
        return self.counts.shares(list(self.learned_parts), self.temperature)

    @cached_property
    def _seen_amounts(self) -> Mapping[str, float]:
        """The `amounts` of the examples as they are drawn."""
        return self.amounts if self.temperature is None else self.counts.drawn_amounts(self._shares)

    @cached_property
    def tags(self) -> list[str]:
        """The tasks that tag words."""
        return [name for name, part in self.parts.items() if part.gives == "tags"]

    @property
    def read_as(self) -> Task:
        """The task that reads the inputs for all: one that tags words, if there is one."""
        return self.parts[next(iter([*self.tags, *self.parts]))]

    @property
    def outputs(self) -> int:
        return sum(part.outputs for part in self.parts.values())

    @property
    def inputs(self) -> list[str]:
        return self.read_as.inputs

    def check(self, backbone: Backbone) -> None:
        for part in self.parts.values():
            part.check(backbone)

    def without_target(self, sample: Sample) -> Sample:
        return self.read_as.without_target(_bare(sample))

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        return cut_tags(self.read_as.windows(samples, preprocess))

    def count_cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        return self.read_as.count_cut(samples, preprocess)

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        return self.read_as.length(piece, preprocess)

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tree]:
        tensors = self.read_as.encode(_bare(sample), preprocess, rng)
        target = self.encode_target(sample, preprocess, rng)
        return tensors if target is None else {**tensors, "target": target}

    def encode_target(
        self, piece: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> Tree:
        """Return the target of each task, None for one that is not known; None without any."""
        if ROLE not in piece.roles:
            return None
        samples = {name: part_sample(piece, name) for name in piece.roles[ROLE]}
        return {
            name: part.encode_target(samples[name], preprocess, rng)
            for name, part in self.parts.items()
            if name in samples and is_labeled(samples[name])
        }

    def collate(self, encoded: list[dict[str, Tree]], preprocess: Preprocess) -> Batch:
        targets = targets_of(encoded)
        bare = [{key: tree for key, tree in one.items() if key != "target"} for one in encoded]
        batch = self.read_as.collate(bare, preprocess)
        if targets:
            tags = {n: join_tags(self.parts[n], n, bare, targets, preprocess) for n in self.tags}
            batch.target = {**self.collate_targets(targets), **tags}
        return batch

    def collate_targets(self, targets: list[Tree]) -> Tree:
        """Join the targets, but for tags, which are as long as the texts."""
        others = {name: part for name, part in self.parts.items() if name not in self.tags}
        return outputs.join_targets(targets, others)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        return sum(self.part_losses(output, batch).values())

    def part_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of each task that is learned, of which `loss` is the sum.

        It is the sum over the examples of the batch that have its label, divided by what so many
        examples have in training. In a batch with few labels it is small: over an epoch each label
        counts the same, and the pieces of a batch add up to the loss of the whole.
        """
        return {name: self._part_loss(name, output, batch) for name in self.learned_parts}

    def named_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        losses = self.part_losses(output, batch)
        return {f"{TASK}{name}": loss for name, loss in losses.items()}

    def _part_loss(self, name: str, output: Output, batch: Batch) -> Tensor:
        part, whole = self.parts[name], self._part_output(name, output, batch)
        if batch.target[name]["value"] is None:  # a graph without a gradient, as of other batches
            return whole.raw.sum() * 0.0
        known, seen = outputs.known_part(batch, whole, name)
        if not len(known):
            return whole.raw.sum() * 0.0
        weight = part.loss_weight(known) / (self._seen_amounts[name] * len(batch))
        return part.loss(seen, known) * weight

    def _part_output(self, name: str, output: Output, batch: Batch) -> Output:
        return outputs.part_output(output, batch, self.places[name], name in self.tags)

    @cached_property
    def places(self) -> dict[str, slice]:
        """Which of the outputs are those of each task."""
        return outputs.slices(self.parts)

    def alone(self, name: str) -> Task:
        """Return one of the tasks with the head that its own network has."""
        part = self.parts[name]
        is_mean = self.tags and part.gives != "tags"  # the mean over the words
        return replace(part, head="pooled" if is_mean else self.head)

    def rows(self, output: Output, batch: Batch) -> Sequence[dict[str, Any]]:
        """The row of each task."""
        columns = {
            name: part.rows(self._part_output(name, output, batch), batch)
            for name, part in self.parts.items()
        }
        return together.records_of(columns, len(batch))

    def scores(self, rows: Sequence[dict[str, Any]], windows: Windows) -> np.ndarray:
        """The scores of each task, as an object array (N,) of dicts."""
        columns = {
            name: part.scores([row[name] for row in rows], windows)
            for name, part in self.parts.items()
        }
        return objects(together.records_of(columns, len(windows.samples)))

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """The targets that are known of each sample, as an object array (N,) of dicts."""
        entries: list[dict[str, Any]] = [{} for _ in samples]
        for name, part in self.parts.items():
            rows = [row for row, sample in enumerate(samples) if known_of([sample], name)]
            known = known_of(samples, name)
            for row, target in zip(rows, part.targets(known) if known else (), strict=True):
                entries[row][name] = target
        return objects(entries)

    def tune(self, scores: np.ndarray, targets: np.ndarray) -> Self:
        tuned = {}
        for name, part in self.parts.items():
            rows = known_rows(targets, name)
            sides = (column(side, name, rows) for side in (scores, targets))
            tuned[name] = part.tune(*sides) if rows else part
        return replace(self, tasks=tuned)

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction` and all else by the names of the tasks; `confidence` is the lowest."""
        everything = range(len(samples))
        columns = {
            name: part.decode(
                column(scores, name, everything), [part_sample(s, name) for s in samples]
            )
            for name, part in self.parts.items()
        }
        return [together.join_decoded(row) for row in together.records_of(columns, len(samples))]

    def answer(self, sample: Sample) -> dict[str, Any]:
        """The target of each task, None if it is not known."""
        return {
            name: part.answer(part_sample(sample, name)) if known_of([sample], name) else None
            for name, part in self.parts.items()
        }

    def is_right(self, prediction: Mapping[str, Any], target: Mapping[str, Any]) -> bool:
        """Whether all that is known is predicted."""
        return all(
            self.parts[name].is_right(prediction[name], value)
            for name, value in target.items()
            if value is not None
        )

    def severity(self, row: Mapping[str, Any]) -> float | None:
        """The mean over the wrong tasks, an error of a number in units of its spread."""
        wrong = list(mistakes.severities(self.parts, row).values())
        return float(np.mean(wrong)) if wrong else None

    def mistake(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        return mistakes.worst_of(row, mistakes.severities(self.parts, row))

    def say(self, value: Mapping[str, Any]) -> str:
        known = {name: part for name, part in value.items() if part is not None}
        return "; ".join(f"{name}: {self.parts[name].say(part)}" for name, part in known.items())

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        return self.read_as.show(_bare(sample))

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        """The value of each task, and the test examples that have its label."""
        columns = (Column("value", "value", "number"), Column("examples", "examples", "count"))
        rows = {}
        for name, part in self.parts.items():
            value = of_part(part.compared_by, name)(scores, targets)
            value = None if np.isnan(value) else value
            row = {"value": value, "examples": len(known_rows(targets, name))}
            rows[f"{name}: {part.compared_by.words}"] = row
        table = Table(("task", "tasks"), columns, rows, "value")
        return Details(table, mistakes=mistakes.WORST)

    def right_output(self, batch: Batch) -> Output:
        columns = [self._right_logits(name, batch) for name in self.parts]
        return Output(torch.cat(columns, -1), torch.zeros(len(batch), 1))

    def _right_logits(self, name: str, batch: Batch) -> Tensor:
        """Right logits (B, [T,] K) of one task, 0 where its label is not known."""
        part, target, count = self.parts[name], batch.target[name], len(batch)
        shape = (count, batch.mask.shape[1]) if self.tags else (count,)
        logits = torch.zeros(*shape, part.outputs)
        if target["value"] is not None:
            nothing = Output(torch.zeros(count, 1), torch.zeros(count, 1))
            known, _ = outputs.known_part(batch, nothing, name)
            right = part.right_output(known).logits
            rows = known.inputs["rows"]
            logits[rows] = right if right.dim() == logits.dim() else right[:, None]
        return logits

    @property
    def metrics(self) -> dict[str, Metric]:
        return self._all_metrics({name: part.metrics for name, part in self.parts.items()})

    @property
    def watched(self) -> dict[str, Metric]:
        """Those of all tasks, the mean over the ones that are learned first."""
        learned = mean_of({name: part.compared_by for name, part in self.learned_parts.items()})
        watched = self._all_metrics({name: part.watched for name, part in self.parts.items()})
        return {learned.name: learned, **watched}

    def _all_metrics(self, by_part: Mapping[str, Mapping[str, Metric]]) -> dict[str, Metric]:
        mean = mean_of({name: part.compared_by for name, part in self.parts.items()})
        each = [of_part(metric, n) for n, metrics in by_part.items() for metric in metrics.values()]
        return {metric.name: metric for metric in (mean, *each)}

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return baselines_of(self.parts)

    def settings(self) -> dict[str, Any]:
        parts = {n: {"task": p.name, "settings": p.settings()} for n, p in self.parts.items()}
        saved = {**super().settings(), "tasks": parts, "amounts": dict(self.amounts)}
        return {name: value for name, value in saved.items() if name not in OF_TRAINING}

    @classmethod
    def tiny_data(cls) -> Data:
        """Texts with their topic and their length, one of which some texts lack."""
        return tiny_texts()


def _bare(sample: Sample) -> Sample:
    """The sample with its inputs alone."""
    roles = {role: value for role, value in sample.roles.items() if role != ROLE}
    return replace(sample, roles=roles)
