"""What the classification tasks share: one or several labels from a list of classes."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.errors import DataError
from graft.base.evidence import Confusion, Details, Table
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample, Windows
from graft.data.data import Data
from graft.metrics import classification as measures
from graft.metrics.metric import Metric
from graft.tasks.classes.sure import SURE, sure_of
from graft.tasks.task import Task


@dataclass(frozen=True)
class Classification(Task):
    """One class of several (cross-entropy), or any number of them (binary cross-entropy).

    `weights` multiply the loss of each class; (K,) positive numbers with mean 1 over the training
    examples.
    """

    gives: ClassVar[str] = "classes"
    heads: ClassVar[dict[Form, str]] = {"vector": "linear"}

    multi_label: bool = False
    weights: tuple[float, ...] | None = None

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raises DataError for fewer than two classes, and for single labels mixed with lists."""
        labels = [
            s.roles[cls.target_role]
            for part in data.splits.values()
            for s in part
            if s.roles.get(cls.target_role) is not None
        ]
        several = {isinstance(label, tuple) for label in labels}
        if len(several) > 1:
            raise DataError(
                f"Some labels of {data.path or 'the data'} are single, others are lists. Make all "
                "of them lists, or none."
            )
        classes = tuple(data.classes)
        if len(classes) < 2:
            raise DataError(
                f"{data.path or 'The data'} has {len(classes)} class ({', '.join(classes)}); "
                f"{cls.name} needs at least two."
            )
        weights = (
            _balance([s.roles[cls.target_role] for s in data.splits["train"]], classes)
            if weighted
            else None
        )
        return cls(classes, several == {True}, weights)

    def check_data(self, data: Data) -> None:
        """Raise DataError also for several labels a sample if the model gives it one class."""
        super().check_data(data)
        samples = [s for split in data.splits.values() for s in split]
        several = [s for s in samples if isinstance(s.roles.get(self.target_role), tuple)]
        if several and not self.multi_label:
            raise DataError(
                f"{data.path or 'The data'} have several labels a sample, as {several[0].id}, and "
                "the model gives each sample one class. Give data with one label each; if every "
                "cell is one label, say so: --label-separator ''."
            )

    def encode_target(
        self, piece: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> Tensor | None:
        return None if piece.roles.get(self.target_role) is None else self.target(piece)

    @property
    def problem(self) -> str:
        kind = "multi_label" if self.multi_label else "single_label"
        return f"{kind}_classification"

    def loss(self, output: Output, batch: Batch) -> Tensor:
        # Half precision is too coarse for a loss; the float64 of a solved head is kept.
        logits = output.logits if output.logits.dtype == torch.float64 else output.logits.float()
        weights = self._class_weights(logits.device)
        weights = None if weights is None else weights.to(logits)
        if self.multi_label:
            return nn.functional.binary_cross_entropy_with_logits(
                logits, batch.target.to(logits), weight=weights
            )
        return nn.functional.cross_entropy(logits, batch.target, weight=weights)

    def loss_weight(self, batch: Batch) -> float | Tensor:
        """The sum of the class weights, by which cross-entropy divides; if multi-label one each."""
        weights = self._class_weights(batch.target.device)
        return len(batch) if weights is None or self.multi_label else weights[batch.target].sum()

    def _class_weights(self, device: torch.device) -> Tensor | None:
        return None if self.weights is None else torch.tensor(self.weights, device=device)

    def rows(self, output: Output, batch: Batch) -> Sequence[np.ndarray]:
        """The logits (K) of each."""
        return list(output.logits.float().cpu().numpy())

    def scores(self, rows: Sequence[np.ndarray], windows: Windows) -> np.ndarray:
        """Probabilities (N, K), of a sample in pieces their mean."""
        logits = torch.from_numpy(np.stack(rows)).double()
        probabilities = (logits.sigmoid() if self.multi_label else logits.softmax(-1)).numpy()
        if windows.cut is None:
            return probabilities
        return np.stack(
            [
                np.mean([row for _, row in pieces], axis=0)
                for pieces in windows.by_sample(probabilities)
            ]
        )

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Class numbers (N,), or 0/1 (N, K) of several labels.

        Raises DataError for a label that is not a class.
        """
        numbers = [self._numbers(sample) for sample in samples]
        if not self.multi_label:
            return np.array([targets[0] for targets in numbers])
        matrix = np.zeros((len(numbers), len(self.classes)), dtype=np.float32)
        for row, targets in zip(matrix, numbers, strict=True):
            row[targets] = 1
        return matrix

    def target(self, sample: Sample) -> Tensor:
        """The number of the class, or 0/1 (K) of several labels."""
        return torch.from_numpy(self.targets([sample]))[0]

    def _numbers(self, sample: Sample) -> list[int]:
        label = sample.roles.get(self.target_role)
        labels = label if isinstance(label, tuple) else (label,)
        for name in labels:
            if name not in self._index:
                raise DataError(
                    f"{sample.id}: the label {name!r} is none of the {len(self.classes)} classes: "
                    f"{', '.join(self.classes[:9])}."
                )
        return [self._index[name] for name in labels]

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`, `confidence`, and `probabilities` in the order of the classes."""
        rows = []
        for row in scores:
            prediction = (
                [self.classes[i] for i in np.flatnonzero(row >= 0.5)]
                if self.multi_label
                else self.classes[int(row.argmax())]
            )
            sure = float(np.maximum(row, 1 - row).min()) if self.multi_label else float(row.max())
            rows.append(
                {
                    "prediction": prediction,
                    "confidence": sure,
                    "probabilities": [float(p) for p in row],
                }
            )
        return rows

    def answer(self, sample: Sample) -> str | list[str] | None:
        """Several labels in the order of the classes, as predictions are."""
        label = sample.roles[self.target_role]
        return (
            [name for name in self.classes if name in label] if isinstance(label, tuple) else label
        )

    def say(self, value: str | Sequence[str]) -> str:
        return value if isinstance(value, str) else ", ".join(value) or "no label"

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        """Return the numbers per class, and the confusions of single labels."""
        if self.multi_label:
            return Details()
        rows = measures.per_class(scores, targets, self.classes)
        table = Table(("class", "classes"), measures.columns("examples"), rows, measures.RANK)
        matrix = measures.confusion(scores, targets).tolist()
        return Details(table, Confusion(self.classes, matrix))

    def caption(self, prediction: Any, target: Any) -> str:
        """Say what was predicted, and for which target; empty without a prediction."""
        if prediction is None:
            return ""
        if target is None:
            return f"predicted {self.say(prediction)}"
        return f"{self.say(target)}, taken for {self.say(prediction)}"

    def right_output(self, batch: Batch) -> Output:
        if self.multi_label:
            return Output(SURE * (2 * batch.target - 1), torch.zeros(len(batch), 1))
        return sure_of(batch.target, len(self.classes))

    @property
    def metrics(self) -> dict[str, Metric]:
        m = measures
        if self.multi_label:
            chosen = (m.macro_f1, m.f1, m.accuracy, m.auroc, m.brier)
        elif len(self.classes) == 2:
            chosen = (m.accuracy, m.macro_f1, m.f1, m.auroc, m.ece, m.brier)
        else:
            chosen = (m.accuracy, m.macro_f1, m.auroc, m.ece, m.brier)
        return {metric.name: metric for metric in chosen}

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    @property
    def majority(self) -> Baseline:
        """The baseline that gives every test example the class frequencies of training."""
        return Baseline("majority", "always naming the most frequent class", self._frequencies)

    def _frequencies(self, train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
        targets = self.targets(train)
        counts = (
            targets.mean(0)
            if self.multi_label
            else np.bincount(targets, minlength=len(self.classes)) / len(targets)
        )
        return np.tile(counts, (len(test), 1))

    def logistic(
        self, name: str, words: str, *steps: Any, read: Callable[[Sample], object]
    ) -> Baseline:
        """Logistic regression behind `steps` of scikit-learn on what `read` takes from samples."""

        def predict(train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
            model = LogisticRegression(C=10, max_iter=200)
            classifier = OneVsRestClassifier(model) if self.multi_label else model
            pipeline = make_pipeline(*steps, classifier)
            targets = self.targets(train)
            with warnings.catch_warnings():
                # 200 steps are close enough for a baseline.
                warnings.simplefilter("ignore", ConvergenceWarning)
                pipeline.fit([read(s) for s in train], targets)
            probabilities = pipeline.predict_proba([read(s) for s in test])
            if self.multi_label:
                return probabilities
            scores = np.zeros((len(test), len(self.classes)))
            # A small training split may lack a class.
            scores[:, pipeline.classes_] = probabilities
            return scores

        return Baseline(name, words, predict)


def _balance(
    labels: Sequence[str | tuple[str, ...]], classes: tuple[str, ...]
) -> tuple[float, ...]:
    counts = Counter(
        name for label in labels for name in (label if isinstance(label, tuple) else (label,))
    )
    total = sum(counts.values())
    return tuple(total / (len(classes) * max(counts[name], 1)) for name in classes)
