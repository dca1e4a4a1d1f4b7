"""The contract of a task: what is predicted, how it is encoded, learnt, decoded and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar, Literal, Self

import numpy as np
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import attach_head, check_head, form_for, heads_for
from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import plugins, trees
from graft.base.errors import BadValue, DataError
from graft.base.evidence import Details, Shown
from graft.base.job import Form, Job
from graft.base.records import Batch, Output, Sample, targets_of
from graft.base.trees import Tree
from graft.data.data import Data
from graft.metrics.metric import Metric
from graft.tasks.text.generation import Decoding


@dataclass(frozen=True)
class Baseline:
    """A trivial predictor that transfer must beat, learnt without a network.

    `words` is what a report calls it; `predict` takes the training and the test samples and returns
    scores of the latter in the form that `Task.scores` has.
    """

    name: str
    words: str
    predict: Callable[[Sequence[Sample], Sequence[Sample]], np.ndarray]


@dataclass(frozen=True)
class Windows:
    """The pieces in which a network reads samples.

    Those that are `cut`, in order, and the sample's number of each; else each sample is one piece.
    """

    samples: Sequence[Sample]
    cut: Sequence[Sample] | None = None
    owners: Sequence[int] | None = None

    @classmethod
    def of(cls, samples: Sequence[Sample], pieces: Callable[[Sample], Sequence[Sample]]) -> Windows:
        """Each sample in the `pieces` that are made of it, one at least."""
        parts = [pieces(sample) for sample in samples]
        owners = [number for number, several in enumerate(parts) for _ in several]
        return cls(samples, [piece for several in parts for piece in several], owners)

    @property
    def pieces(self) -> Sequence[Sample]:
        return self.samples if self.cut is None else self.cut

    def by_sample(self, rows: Sequence[Any]) -> Iterator[list[tuple[Sample, Any]]]:
        """For each sample its pieces, each with its entry of `rows`, which has one a piece."""
        owners = range(len(self.pieces)) if self.owners is None else self.owners
        held: list[tuple[Sample, Any]] = []
        for number, (piece, owner, row) in enumerate(zip(self.pieces, owners, rows, strict=True)):
            held.append((piece, row))
            if number + 1 == len(self.pieces) or owners[number + 1] != owner:
                yield held
                held = []


PREVIEW = 600
"""Characters of a text that a person is shown."""


def objects(values: Sequence[Any]) -> np.ndarray:
    """An object array (N,) of these, whatever their shapes."""
    array = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        array[number] = value
    return array


@dataclass(frozen=True)
class Task(ABC):
    """One kind of prediction.

    Its name is the Hugging Face pipeline id; `classes` are the head's outputs by name. In training,
    `encode` and `collate` make batches of pieces (see `windows`) and `loss` is what is minimised.
    In evaluation, `rows` is what is kept of each piece, `scores` joins them to one entry a sample,
    and `targets` says what is true: arrays (N, ...), or object arrays (N,), so that a metric can be
    recomputed on any resampling of the examples.
    """

    name: ClassVar[str]
    roles: ClassVar[frozenset[str]]
    """The roles that the data must have."""
    or_roles: ClassVar[tuple[frozenset[str], ...]] = ()
    """Other sets of roles that will do as well."""
    reads: ClassVar[str]
    """What a network must read: `image` or `text`."""
    gives: ClassVar[str]
    """What a head must give: see `Head.gives`."""
    heads: ClassVar[dict[Form, str]]
    """The usual head by what a network yields, or by how it writes; the first form is asked for."""
    target_role: ClassVar[str] = "label"
    """The role that is predicted: None or absent in data to predict."""
    options: ClassVar[tuple[str, ...]] = ()
    """The fields that a user may set beside `head`, `name:field=value`; `settings` has them, so
    that a saved model keeps them."""
    generates: ClassVar[bool] = False
    """Whether a prediction is a text that the network writes: see `generated`."""
    measures_texts: ClassVar[bool] = False
    """Whether its metrics are of texts that the network writes. That takes long, so it is done
    once, for the test split."""
    backbone: ClassVar[str | None] = None
    """The built-in backbone to use by default; None is the one for what it reads."""
    batch_size: ClassVar[int | None] = None
    """Pieces a step and an evaluation by default, where the usual number takes too much memory."""
    augments: ClassVar[bool] = False
    """Whether what `encode` yields depends on `rng` whatever the preprocessing."""
    tokens: ClassVar[int | None] = None
    """Unless epochs are asked for, one pass over the training split, or part of one: no more tokens
    than these. None: as many passes as its number of examples tells."""
    patience: ClassVar[int | None] = None
    """Unless the technique says how many, a training ends after so many epochs without better
    weights, and keeps the best; None: it runs to its end, and keeps the last."""
    best_by: ClassVar[Literal["loss", "metric"]] = "loss"
    """What of validation tells which weights are better: its loss; or the first watched metric, the
    loss breaking ties."""

    classes: tuple[str, ...]
    _: KW_ONLY
    head: str | None = None
    """The head in place of the usual one."""

    def __post_init__(self) -> None:
        """Raise BadValue for a head that does not give what the task needs."""
        if self.head is not None and self.head not in (fitting := heads_for(self.gives)):
            raise BadValue(
                f"The 'head' of {self.name} must give {self.gives}, as {', '.join(fitting)} "
                f"{'does' if len(fitting) == 1 else 'do'}. Got {self.head!r} instead. See: graft "
                "list heads"
            )

    @property
    def is_least_squares(self) -> bool:
        """Whether `loss` is the mean squared difference between the outputs and the target.

        Both are (B, K) then, and a linear head on frozen features has an exact solution.
        """
        return False

    @classmethod
    @abstractmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """The task with what the training split tells: classes, their weights if `weighted`."""

    def job(self) -> Job:
        """What a network is to do for it."""
        form = form_for(self.head, self.gives) if self.head else next(iter(self.heads))
        head = plugins.load("head", self.head or self.heads[form])
        return Job(self.name, self.reads, form, None if head.pretrained else self.outputs)

    @property
    def outputs(self) -> int:
        """The outputs of a fresh head: one a class."""
        return len(self.classes)

    @property
    def fresh_head(self) -> bool:
        """Whether the network gets a new head; else it keeps the one it was pretrained with."""
        return self.job().outputs is not None

    @classmethod
    def fits(cls, roles: Collection[str]) -> bool:
        """Do data with these roles have what it needs?"""
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

    def check(self, backbone: Backbone) -> None:  # noqa: B027 - most networks will do
        """Raises BackboneError if the network cannot read what the task makes of its samples."""

    def with_head(self, backbone: Backbone) -> Backbone:
        """The backbone under the head of the task; a finished network has it already.

        Raises BackboneError if the head cannot sit on its features.
        """
        if backbone.form == "finished":
            return backbone
        name = self.head or self.heads.get(backbone.form, next(iter(self.heads.values())))
        check_head(name, self.gives, backbone)
        return attach_head(name, backbone, self.job().outputs)

    @property
    def problem(self) -> str | None:
        """What it is to transformers, where that has a word for it: see its `problem_type`."""
        return None

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """The samples as the network reads them: whole, unless a task cuts long ones."""
        return Windows(samples)

    def cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        """Count the samples with more tokens than the network reads; 0 if `windows` reads all."""
        return 0

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        """A cheap estimate of how long it is to the network, to batch pieces of like length."""
        return preprocess.length(piece.roles[self.reads])

    @property
    def inputs(self) -> list[str]:
        """The roles that decide what the network reads."""
        return sorted(self.roles - {self.target_role} | {"window"})

    def unlabeled(self, sample: Sample) -> Sample:
        """The sample without what is to be predicted.

        Raises DataError where it lacks what is read.
        """
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
        """The tensors of one piece, and its `target` where it has one.

        `rng` is given for augmentation only.
        """

    def encode_target(
        self, piece: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> Tree:
        """The target that `encode` gives a piece for the same `rng`, None where it has none.

        Behind a recording the network reads no input, so a task overrides this where it can tell
        the target without opening the input.
        """
        return self.encode(piece, preprocess, rng).get("target")

    def collate(self, encoded: list[dict[str, Tree]], preprocess: Preprocess) -> Batch:
        """Make a batch of encoded pieces, with targets if all have one; of some is a DataError.

        A task overrides this if `encode` yields more than the network reads.
        """
        targets = targets_of(encoded)
        inputs = preprocess.collate(
            [{name: tree for name, tree in piece.items() if name != "target"} for piece in encoded]
        )
        target = self.collate_targets(targets) if targets else None
        return Batch(inputs, target, mask=preprocess.mask(inputs))

    def collate_targets(self, targets: list[Tree]) -> Tree:
        """The targets of several pieces as those of a batch; a task overrides it to pad them."""
        return trees.stack(targets)

    @abstractmethod
    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean loss of the batch, a scalar."""

    def loss_weight(self, batch: Batch) -> float | Tensor:
        """The weight of what `loss` averages in the batch, more than 0; by default one an example.

        A batch computed in pieces has the gradient of the whole: each piece counts by its share of
        this weight.
        """
        return len(batch)

    @abstractmethod
    def rows(self, output: Output, batch: Batch) -> Sequence[Any]:
        """What is kept of each piece of the batch, on the CPU."""

    def losses(self, output: Output, batch: Batch, rows: Sequence[Any]) -> tuple[float, float]:
        """The weighted sum of the losses of a batch with these `rows`, and their weight."""
        weight = float(self.loss_weight(batch))
        return self.loss(output, batch).item() * weight, weight

    @abstractmethod
    def scores(self, rows: Sequence[Any], windows: Windows) -> np.ndarray:
        """One entry a sample, from the rows of its pieces."""

    @abstractmethod
    def targets(self, samples: Sequence[Sample]) -> np.ndarray: ...

    def fitted_on(self, scores: np.ndarray, targets: np.ndarray) -> Self:
        """The task with what is chosen on validation once training has ended: a threshold."""
        return self

    @abstractmethod
    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """One row an example for the user, as JSON: `prediction` and what else there is.

        `confidence` is between 0 and 1, if a prediction has one.
        """

    def answer(self, sample: Sample) -> Any:
        """The target of a sample in the form of a `prediction`."""
        return sample.roles[self.target_role]

    def right(self, prediction: Any, target: Any) -> bool:
        """Is a prediction what `answer` gives?"""
        return prediction == target

    def say(self, value: Any) -> str:
        """A prediction or a target in one line for a person."""
        return str(value)

    def generated(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """What the network writes for each sample, of a task that `generates`."""
        raise NotImplementedError

    @property
    def decoding(self) -> Decoding:
        """How the network writes unless something else is asked for."""
        return Decoding()

    def with_texts(self, scores: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """The scores with what the network wrote, of a task that `measures_texts`."""
        raise NotImplementedError

    def samples(self, model: Model, samples: Sequence[Sample]) -> list[dict[str, str]]:
        """What the network writes for a few of the test samples.

        Each has a `prompt`, an `output`, and a `reference` if there is one.
        """
        return []

    def severity(self, row: Mapping[str, Any]) -> float | None:
        """How bad a row of predictions is, None if it is right: by default how confident it is.

        `row` is what `decode` gives, with the `target` as `answer` gives it.
        """
        is_right = self.right(row["prediction"], row["target"])
        return None if is_right else row.get("confidence") or 0.0

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        """What a report shows of the test predictions beside the metrics."""
        return Details()

    @abstractmethod
    def shown(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        """The sample as a person sees it, with what was predicted and what is true if given.

        Both are as in a row of predictions. A caption says both; without one, a report does.
        """

    @abstractmethod
    def right_output(self, batch: Batch) -> Output:
        """The output of a network that is right about the batch: its loss is next to nothing."""

    @property
    @abstractmethod
    def metrics(self) -> dict[str, Metric]:
        """The metrics by name, the primary one first."""

    @property
    def watched(self) -> dict[str, Metric]:
        """The metrics of validation, the first one reported after each epoch.

        They differ from `metrics` if those need a text that is generated for the test split alone.
        """
        return self.metrics

    @property
    @abstractmethod
    def baselines(self) -> tuple[Baseline, ...]:
        """The trivial predictors that a transfer must beat."""

    def settings(self) -> dict[str, Any]:
        """What `type(self)(**settings)` needs to be the same task again, as JSON."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }

    @classmethod
    @abstractmethod
    def tiny_data(cls) -> Data:
        """A learnable data set of a few dozen samples, for the contract tests."""
