"""What the regression tasks share: targets standardized inside, predictions in the user's unit."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.errors import BadValue, DataError, listed
from graft.base.evidence import Details, Points
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample, Windows
from graft.data.data import Data
from graft.metrics import regression as measures
from graft.metrics.metric import Metric
from graft.tasks.numbers import baselines
from graft.tasks.task import Task

NEAR = 1e-3
"""A prediction that misses by less than this share of the spread of the targets counts as right."""
MISTAKES = ("Largest errors", "A very large error is often a wrong value in the data.")


@dataclass(frozen=True)
class Regression(Task):
    """Predict a number: a score, a price, an age, a weight.

    The network learns z = (value - mean) / scale, with the mean and the standard deviation of the
    training split, so that rates and penalties suit any unit. Predictions are scale * z + mean.
    The loss is the mean squared error of z; `robust` is Huber's, in which errors above one standard
    deviation count by their size, not its square. `unit` is what a report writes behind numbers.
    The primary metric is RMSE: what training minimizes, in the user's unit, and defined for any
    test split.
    """

    gives: ClassVar[str] = "number"
    heads: ClassVar[dict[Form, str]] = {"vector": "number"}
    target_role: ClassVar[str] = "value"
    options: ClassVar[tuple[str, ...]] = ("robust", "unit")

    classes: tuple[str, ...] = ("value",)
    mean: float = 0.0
    """The mean of the training split, in the user's unit, as is `scale`."""
    scale: float = 1.0
    robust: bool = False
    """Whether the loss is Huber's, for a few values far from all others, instead of the mean
    squared error."""
    unit: str = ""
    """The unit of the numbers, such as g or EUR, in which predictions and metrics are shown."""
    categories: bool = False
    """Whether samples have a `category`, by whose mean a baseline predicts."""

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raise DataError if the training values are not finite numbers, or all the same.

        Raise BadValue if classes are to be weighted.
        """
        if weighted:
            raise BadValue(f"--weighted weighs classes, and {cls.name} has none. Leave it out.")
        training = data.splits["train"]
        values = values_of(training)
        with np.errstate(over="ignore", invalid="ignore"):  # infinite ones are refused below
            mean, scale = float(values.mean()), float(values.std())
        if values.min() == values.max():
            ids = listed((sample.id for sample in training), 3)
            raise DataError(
                f"All {len(values):,} training values of {data.path or 'the data'} are "
                f"{values[0]:g} ({ids}), so there is nothing to learn. Add samples of other values."
            )
        if not math.isfinite(scale) or scale == 0:
            raise DataError(
                f"The training values of {data.path or 'the data'} span {values.min():g} to "
                f"{values.max():g}, which no floating-point number spans. Use another unit."
            )
        categories = all("category" in sample.roles for sample in training)
        return cls(mean=mean, scale=scale, categories=categories)

    @property
    def problem(self) -> str:
        return "regression"

    @property
    def is_least_squares(self) -> bool:
        return not self.robust

    @abstractmethod
    def read(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """The tensors of what the network reads of a piece."""

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        tensors = self.read(sample, preprocess, rng)
        target = self.encode_target(sample, preprocess, rng)
        return tensors if target is None else {**tensors, "target": target}

    def encode_target(
        self, piece: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> Tensor | None:
        """Return the standardized value (1,), None if it is unknown."""
        if piece.roles.get(self.target_role) is None:
            return None
        return torch.from_numpy(self._standardize(values_of([piece]))).float()

    def loss(self, output: Output, batch: Batch) -> Tensor:
        # Half precision is too coarse for a loss; the float64 of a solved head is kept.
        logits = output.logits if output.logits.dtype == torch.float64 else output.logits.float()
        measure = nn.functional.huber_loss if self.robust else nn.functional.mse_loss
        return measure(logits, batch.target.to(logits))

    def rows(self, output: Output, batch: Batch) -> Sequence[np.ndarray]:
        """Return the standardized prediction (1,) of each piece."""
        return list(output.logits.float().cpu().numpy())

    def scores(self, rows: Sequence[np.ndarray], windows: Windows) -> np.ndarray:
        """Predictions (N,) in the user's unit, of a sample in pieces their mean."""
        standardized = np.concatenate(rows).astype(float)
        if windows.cut is not None:
            pieces = windows.by_sample(standardized)
            standardized = np.array([np.mean([row for _, row in part]) for part in pieces])
        return standardized * self.scale + self.mean

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Values (N,) in the user's unit; raises DataError naming those that are not numbers."""
        return values_of(samples)

    def _standardize(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self.scale

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the number, in the user's unit."""
        return [{"prediction": float(score)} for score in scores]

    def is_right(self, prediction: float, target: float) -> bool:
        return abs(prediction - target) <= NEAR * self.scale

    def severity(self, row: Mapping[str, Any]) -> float | None:
        """The absolute error of a prediction that is not right."""
        is_right = self.is_right(row["prediction"], row["target"])
        return None if is_right else abs(row["prediction"] - row["target"])

    @property
    def severity_unit(self) -> float:
        return self.scale

    def say(self, value: float) -> str:
        """The number, to a hundredth of the spread of the targets, with its unit."""
        decimals = min(max(0, 2 - math.floor(math.log10(self.scale))), 12)
        return f"{value:,.{decimals}f} {self.unit}".rstrip()

    def caption(self, prediction: float | None, target: float | None) -> str:
        """The true number, if known, and the predicted one; empty if nothing was predicted."""
        if prediction is None:
            return ""
        if target is None:
            return f"predicted {self.say(prediction)}"
        return f"{self.say(target)}, predicted {self.say(prediction)}"

    def right_output(self, batch: Batch) -> Output:
        return Output(batch.target, torch.zeros(len(batch), 1))

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        """Predicted and true numbers; of many samples some, evenly spread over the split."""
        return Details(points=Points.of(scores, targets, self.unit), mistakes=MISTAKES)

    @property
    def trivial(self) -> tuple[Baseline, ...]:
        """The baselines that read no input: the mean, and that of each category, if any."""
        mean = baselines.mean(self.targets)
        return (mean, baselines.mean_by_category(self.targets)) if self.categories else (mean,)

    @property
    def compared_by(self) -> Metric:
        """R², which has no unit: 0 is as good as the mean, 1 is perfect."""
        return measures.r2

    @property
    def metrics(self) -> dict[str, Metric]:
        m = measures
        chosen = [replace(metric, unit=self.unit) for metric in (m.rmse, m.mae)]
        return {metric.name: metric for metric in (*chosen, m.r2, m.pearson, m.spearman)}


def values_of(samples: Sequence[Sample]) -> np.ndarray:
    """Return the values (N,) of samples; DataError names those that are not finite numbers."""
    values = [sample.roles.get("value") for sample in samples]
    wrong = [
        f"{sample.id} ({value!r})"
        for sample, value in zip(samples, values, strict=True)
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value)
    ]
    if wrong:
        raise DataError(
            f"{len(wrong):,} of {len(samples):,} samples have a value that is not a finite number: "
            f"{listed(wrong, 5)}. Make each a float, or remove the sample."
        )
    return np.array(values, dtype=float)
