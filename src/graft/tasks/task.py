"""The contract of a task: encoding, loss, decoding, metrics and baselines of one prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar, Literal, Self

import numpy as np
from PIL import Image
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import (
    attach_head,
    check_finished,
    check_gives,
    check_head,
    form_for,
)
from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import plugins, trees
from graft.base.baseline import Baseline
from graft.base.errors import DataError
from graft.base.evidence import Details, Shown
from graft.base.job import Form, Job
from graft.base.records import Batch, Output, Sample, Windows, targets_of
from graft.base.trees import Tree
from graft.data.data import Data
from graft.metrics.metric import Metric
from graft.tasks.parts.one_of_several import OneOfSeveral
from graft.tasks.text.generation import Decoding, Generated

PREVIEW = 600
"""Characters of a text that a report shows."""


def objects(values: Sequence[Any]) -> np.ndarray:
    """Make an object array (N,) of values of any shape."""
    return np.fromiter(values, dtype=object, count=len(values))


@dataclass(frozen=True)
class Task(OneOfSeveral, ABC):
    """One kind of prediction.

    Its name is the Hugging Face pipeline id; `classes` name the outputs of the head. In training,
    `encode` and `collate` make batches of pieces (see `windows`) and `loss` is minimized. In
    evaluation, `rows` keeps the outputs of each piece, `scores` joins them to one entry per sample,
    and `targets` is the ground truth: arrays (N, ...) or object arrays (N,), so that a metric can
    be recomputed on any resampling of the examples.
    """

    name: ClassVar[str]
    roles: ClassVar[frozenset[str]]
    """The roles that the data must have."""
    or_roles: ClassVar[tuple[frozenset[str], ...]] = ()
    """Other sets of roles, each of which is enough."""
    reads: ClassVar[str]
    """What a network must read: `image`, `text` or `audio`."""
    gives: ClassVar[str]
    """What a head must predict: see `Head.gives`."""
    heads: ClassVar[dict[Form, str]]
    """The default head for each form of features; the first form is requested by default."""
    target_role: ClassVar[str] = "label"
    """The role of the target; None or absent in data to predict."""
    options: ClassVar[tuple[str, ...]] = ()
    """The fields other than `head` that a user may set: `name:field=value`. They are part of
    `settings`, so that a saved model keeps them."""
    generates: ClassVar[bool] = False
    """Whether a prediction is a generated text: see `generate`."""
    measures_texts: ClassVar[bool] = False
    """Whether its metrics compare generated texts. Generation is slow, so only the test split is
    generated, once."""
    times_texts: ClassVar[bool] = False
    """Whether `write` can say when each part of a text is spoken."""
    cut_words: ClassVar[str] = "samples are longer than the network reads, and are cut"
    """What is said of the samples that `count_cut` counts, after their number."""
    draws: ClassVar[bool] = False
    """Whether a prediction lies in a picture, and can be drawn on it: see `draw`."""
    backbone: ClassVar[str | None] = None
    """The default built-in backbone; None: the default for what the task reads."""
    batch_size: ClassVar[int | None] = None
    """The default pieces per step, where the usual number needs too much memory."""
    augments: ClassVar[bool] = False
    """Whether `encode` itself draws from `rng`, whatever the preprocessing does."""
    input_size: ClassVar[tuple[int, int] | None] = None
    """Width and height at which whole pictures are read; None: the usual input of the network."""
    budget: ClassVar[tuple[int, int]] = (10_000, 8)
    """By default a training passes over so many examples, or windows of long texts, in so many
    epochs at most, and at least 3."""
    tokens: ClassVar[int | None] = None
    """By default a training is one pass over the training split, and reads no more tokens than
    this. None: the number of passes follows from the number of examples."""
    patience: ClassVar[int | None] = None
    """Unless the technique sets it: a training stops after this many epochs without improvement
    and keeps the best weights. None: it runs to the end and keeps the last weights."""
    best_by: ClassVar[Literal["loss", "metric"]] = "loss"
    """What selects the best weights on validation: the loss, or the first watched metric, whose
    ties the loss breaks."""

    classes: tuple[str, ...]
    _: KW_ONLY
    head: str | None = None
    """The layers on top of the features; `auto` takes the usual ones for the task."""

    def __post_init__(self) -> None:
        """Raise UnknownName or BadValue for a head that does not predict what the task needs."""
        if self.head is not None:
            check_gives(self.head, self.gives, self.reads, self.name)

    @property
    def is_least_squares(self) -> bool:
        """Whether `loss` is the mean squared difference between the outputs and the target.

        If so, both are (B, K), and a linear head on frozen features has an exact solution.
        """
        return False

    @classmethod
    @abstractmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Make the task from the training split: its classes, and their weights if `weighted`."""

    def job(self) -> Job:
        """Describe the network that the task needs."""
        usual = (form for form, name in self.heads.items() if self.head in (None, name))
        form = next(usual, None) or form_for(self.head, self.gives)
        head = plugins.load("head", self.head or self.heads[form])
        if form == "finished":  # it keeps what it knows of the classes, and gets rows for others
            classes = tuple(self.classes)
            return Job(self.name, self.reads, form, self.outputs, self.input_size, classes)
        outputs = None if head.pretrained else self.outputs
        return Job(self.name, self.reads, form, outputs, self.input_size)

    @property
    def outputs(self) -> int:
        """The number of outputs of a new head: one per class."""
        return len(self.classes)

    @property
    def fresh_head(self) -> bool:
        """Whether the network gets a new head instead of keeping its pretrained one."""
        job = self.job()
        return job.outputs is not None and job.form != "finished"

    @classmethod
    def fits(cls, roles: Collection[str]) -> bool:
        """Whether data with these roles have what the task needs."""
        return any(needed <= set(roles) for needed in (cls.roles, *cls.or_roles))

    def check_data(self, data: Data) -> None:
        """Raise DataError if a model of this task cannot be measured on the data."""
        if self.fits(data.roles):
            return
        has = ", ".join(sorted(data.roles)) or "nothing"
        needs = ", or ".join(", ".join(sorted(roles)) for roles in (self.roles, *self.or_roles))
        raise DataError(
            f"{data.path or 'The data'} have {has}, and a model for {self.name} is measured on "
            f"{needs}. Give such data, or name the columns: --columns role=name."
        )

    def check(self, backbone: Backbone) -> None:
        """Raise BackboneError if the network cannot read the encoded samples of the task."""

    def with_head(self, backbone: Backbone) -> Backbone:
        """Return the backbone with the head of the task; a finished network has it already.

        Raises BackboneError if the head cannot read its features, or does something else.
        """
        if backbone.form == "finished":
            check_finished(self.gives, backbone)
            return backbone
        name = self.head or self.heads.get(backbone.form, next(iter(self.heads.values())))
        check_head(name, self.gives, backbone)
        return attach_head(name, backbone, self.job().outputs)

    @property
    def problem(self) -> str | None:
        """The `problem_type` of the task in transformers, if it has one."""
        return None

    def choose_learnable(self, data: Data, preprocess: Preprocess) -> tuple[Data, list[str]]:
        """Return the data without samples that would teach something wrong, and notes on these."""
        return data, []

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """Return the pieces that the network reads: whole samples unless a task cuts long ones."""
        return Windows(samples)

    def count_cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        """Count the samples that the network does not read completely, as `cut_words` says.

        It is 0 of long texts that `windows` cuts.
        """
        return 0

    def companions(self, preprocess: Preprocess) -> int:
        """Return how many other pieces an augmented view of a piece may show.

        They are drawn from the same split, and `encode` finds them in the `companions` of the
        piece. Only `encode` knows whether a view shows them, so it opens them if it does.
        """
        return 0

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        """Estimate the length of the encoded piece cheaply, to batch pieces of similar length."""
        return preprocess.length(piece.roles[self.reads])

    @property
    def inputs(self) -> list[str]:
        """The roles from which the inputs of the network are made."""
        return sorted(self.roles - {self.target_role} | {"window"})

    def without_target(self, sample: Sample) -> Sample:
        """Return the sample without its target; raises DataError if it lacks an input."""
        missing = sorted(self.roles - {self.target_role} - set(sample.roles))
        if missing:
            raise DataError(
                f"{sample.id} has {', '.join(sorted(sample.roles))}, and {self.name} reads "
                f"{', '.join(missing)} too. Name the columns: --columns role=name."
            )
        kept = {role: value for role, value in sample.roles.items() if role != self.target_role}
        return Sample(sample.id, kept)

    @abstractmethod
    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tree]:
        """Encode one piece as tensors, with its `target` if it has one.

        `rng` is given in training only, for augmentation, and so are the `companions` of the piece.
        """

    def encode_target(
        self, piece: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> Tree:
        """Encode only the target of a piece, as `encode` does for the same `rng`; None without one.

        A replay of recorded features reads no input, so a task overrides this if it can make the
        target without opening the input.
        """
        return self.encode(piece, preprocess, rng).get("target")

    def collate(self, encoded: list[dict[str, Tree]], preprocess: Preprocess) -> Batch:
        """Make a batch of encoded pieces; raises DataError if only some of them have a target.

        A task overrides this if `encode` yields more than the network reads.
        """
        targets = targets_of(encoded)
        inputs = preprocess.collate(
            [{name: tree for name, tree in piece.items() if name != "target"} for piece in encoded]
        )
        target = self.collate_targets(targets) if targets else None
        return Batch(inputs, target, mask=preprocess.mask(inputs))

    def collate_targets(self, targets: list[Tree]) -> Tree:
        """Join the targets of several pieces; a task overrides this to pad them."""
        return trees.stack(targets)

    @abstractmethod
    def loss(self, output: Output, batch: Batch) -> Tensor:
        """Return the mean loss of the batch, a scalar."""

    def loss_weight(self, batch: Batch) -> float | Tensor:
        """Return the total weight that `loss` averages over, more than 0; by default 1 per example.

        A batch that is computed in parts has the gradient of the whole batch: each part counts by
        its share of this weight.
        """
        return len(batch)

    @abstractmethod
    def rows(self, output: Output, batch: Batch) -> Sequence[Any]:
        """Return the outputs per piece that scoring needs later, moved to the CPU."""

    def losses(self, output: Output, batch: Batch, rows: Sequence[Any]) -> tuple[float, float]:
        """Return the weighted sum of the losses of a batch with these `rows`, and its weight."""
        weight = float(self.loss_weight(batch))
        return self.loss(output, batch).item() * weight, weight

    @abstractmethod
    def scores(self, rows: Sequence[Any], windows: Windows) -> np.ndarray:
        """Join the rows of the pieces of each sample to one entry per sample."""

    @abstractmethod
    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Return the ground truth of each sample, to which metrics compare the scores."""

    def tune(self, scores: np.ndarray, targets: np.ndarray) -> Self:
        """Return the task with what is chosen on validation after training: a threshold."""
        return self

    @abstractmethod
    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """Turn scores into one row per example for the user, as JSON: `prediction` and more.

        `confidence`, if a prediction has one, is between 0 and 1.
        """

    def answer(self, sample: Sample) -> Any:
        """Return the target of a sample in the form of a `prediction`."""
        return sample.roles[self.target_role]

    def is_right(self, prediction: Any, target: Any) -> bool:
        """Whether a prediction is right, given the target as `answer` returns it."""
        return prediction == target

    def say(self, value: Any) -> str:
        """Write a prediction or a target in one line for a person."""
        return str(value)

    def generate(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """Generate a text for each sample; only for a task that `generates`."""
        raise NotImplementedError

    def write(
        self, model: Model, samples: Sequence[Sample], decoding: Decoding, timed: bool = False
    ) -> Generated:
        """Generate as `generate` does, `timed` if the task `times_texts`."""
        texts = self.generate(model, samples, decoding)
        pairs = zip(samples, texts, strict=True)
        whole = [Sample(s.id, {**s.roles, self.target_role: text}) for s, text in pairs]
        return Generated(texts, self.windows(whole, model.backbone.preprocess))

    @property
    def decoding(self) -> Decoding:
        """The default settings of generation."""
        return Decoding()

    def with_texts(self, scores: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """Add the generated texts to the scores; only for a task that `measures_texts`."""
        raise NotImplementedError

    def samples(self, model: Model, samples: Sequence[Sample]) -> list[dict[str, str]]:
        """Generate texts for a few of the test samples, for the report.

        Each has a `prompt`, an `output`, and a `reference` if there is one.
        """
        return []

    def severity(self, row: Mapping[str, Any]) -> float | None:
        """Rate how bad a wrong prediction is, by default by its confidence; None if it is right.

        `row` is a row of `decode` with the `target` of `answer`.
        """
        is_right = self.is_right(row["prediction"], row["target"])
        return None if is_right else row.get("confidence") or 0.0

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        """Return what a report shows of the test predictions in addition to the metrics."""
        return Details()

    @abstractmethod
    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        """Prepare the sample for a report, with its prediction and its target if given.

        Both are as in a row of predictions. Without a caption, the report prints both.
        """

    def draw(self, sample: Sample, prediction: Any) -> Image.Image:
        """Draw a prediction, as in a row of predictions, on the picture; of a task that `draws`."""
        raise NotImplementedError

    @abstractmethod
    def right_output(self, batch: Batch) -> Output:
        """Return the output of a network that is right about the batch: its loss is close to 0."""

    @property
    @abstractmethod
    def metrics(self) -> dict[str, Metric]:
        """The metrics by name, starting with the primary one."""

    @property
    def watched(self) -> dict[str, Metric]:
        """The metrics of validation; the first one is reported after each epoch.

        They differ from `metrics` if those need texts, which only the test split has generated.
        """
        return self.metrics

    @property
    @abstractmethod
    def baselines(self) -> tuple[Baseline, ...]:
        """The trivial predictors that a transfer must beat."""

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make the same task again, `type(self)(**settings)`, as JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }

    @classmethod
    @abstractmethod
    def tiny_data(cls) -> Data:
        """Make a learnable data set of a few dozen samples, for the contract tests."""
