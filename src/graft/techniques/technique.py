"""The contract of a technique: hyper-parameters, a list of phases, and an objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import head_of
from graft.backbones.preprocess.augment import Augment
from graft.base import plugins
from graft.base.errors import BadValue
from graft.base.ranges import Count, Epochs, NotNegative, Positive, Share, read_numbers
from graft.base.records import Batch, Batches, Output, Outputs
from graft.tasks.pretexts.source_task import SourceTask
from graft.tasks.task import Task
from graft.techniques.specs.phase import Optimizer, Phase, Schedule
from graft.techniques.specs.stream import LABELED, REHEARSED, SUPERVISED, Stream

Backward = Callable[..., None]
"""Adds the gradients of a loss; `retain_graph` as of `Tensor.backward`."""

Look = Callable[[str], Iterator[tuple[Batch, Output]]]
"""Name of a stream -> its batches, each example once and not augmented, or in one of a fixed number
of views, with the outputs of the model in evaluation mode."""

HowOften = Literal["once", "each epoch"]

MANY = 5
"""Passes over the training samples that SGD needs to get ahead of AdamW where the head is new."""

DEEP_HEAD = 3.0
"""The highest rate of a head that is a network of its own, in multiples of the usual rate: as deep
as a trunk it bears no more."""

PROBE_PATIENCE = 5
"""For heads that are stepped alone: so many epochs without a better validation loss are enough."""


def probe_rate(model: Model) -> float:
    """The rate at which a head is trained alone."""
    backbone = model.backbone
    return DEEP_HEAD * backbone.lr if backbone.has_deep_head else head_of(backbone).probe_rate


@dataclass(frozen=True)
class Technique(ABC):
    """The settings that every technique shares; a technique overrides defaults and adds its own.

    The types of `graft.base.ranges` say which numbers a setting allows; others are refused when it
    is made. `None`, in words `auto`, is chosen from the model and the data.
    """

    transfer: ClassVar[str] = "inductive"
    """The kind of transfer: `inductive` learns from labels of the task; `transductive` has labels
    in one domain, and adapts to samples of another one without labels; `unsupervised` learns
    without any labels."""
    pretrained: ClassVar[bool] = True
    control_words: ClassVar[str] = ""
    """What a comparison calls it if it is a control, which others are held against."""
    control_lacks: ClassVar[str] = ""
    """What others have that it does without, and that a gain over it is due to."""
    controls: ClassVar[tuple[str, ...]] = ("from-scratch",)
    """The controls that a comparison holds it against: the best of them counts."""
    controls_of_head: ClassVar[tuple[str, ...]] = ()
    """The controls beside a technique that trains the head alone, if they are others: after it and
    a `+`, or after it and `then`."""
    trains_head_alone: ClassVar[bool] = False
    about_head: ClassVar[bool] = False
    """Whether it is about a new head, so that it says nothing to a task that keeps the network's
    own."""
    adds_layers: ClassVar[bool] = False
    """Whether it adds layers to the network while it trains, such as adapters."""
    weighs_tasks: ClassVar[bool] = False
    """Whether it says how the losses or gradients of several tasks are joined."""
    about_tasks: ClassVar[bool] = False
    """Whether it is about several tasks, so that it says nothing to one of them alone."""
    can_be_added: ClassVar[bool] = True
    """Whether it may follow a `+`, which takes its losses alone; not if it needs its own phases."""

    epochs: Epochs | None = None
    """Passes over the training split; `auto` goes by the number of examples."""
    lr: Positive | None = None
    """The learning rate of the pretrained layers; `auto` is the usual one for the kind of network
    and optimizer."""
    head_lr: Positive | None = None
    """The learning rate of the head; `auto` is a multiple of `lr`, mostly ten times."""
    layer_decay: Positive = 1.0
    """The factor of the rate for each layer group below the head, so that lower layers change less
    (ULMFiT's discriminative rates, arXiv:1801.06146); 1 is one rate for all."""
    optimizer: Optimizer | None = None
    """`auto` is SGD with momentum for most networks with batch normalization, else AdamW."""
    weight_decay: NotNegative = 0.01
    """The weight decay of the optimizer; biases and normalizations are not decayed."""
    schedule: Schedule = "cosine"
    """How the rate falls to 0 after it has risen: along a cosine, `one-cycle` after a rise over a
    quarter of the phase at least, or linearly; `constant` keeps it."""
    warmup: Share = 0.1
    """The share of a phase over which the rate rises to its full value."""
    batch_size: Count | None = None
    """Examples a step; `auto` goes by the task and the number of examples."""
    accumulate: Count = 1
    """The number of pieces in which a batch is computed, one after the other, to take less
    memory."""
    clip: NotNegative = 1.0
    """The gradient norm above which gradients are scaled down; 0 never does."""
    batch_norm: Literal["frozen", "updated"] = "frozen"
    """Whether pretrained batch-norm statistics stay as they are, or follow the (small) batches that
    are trained on, as those of a new head always do."""
    views: Count | None = None
    """How many augmented versions of an example are seen, in turn; `auto` is a new one each epoch,
    1 the plain one. The layers before the first that trains see each version once, so that few of
    them save time."""
    augment: Augment | None = None
    """The augmentation of pictures and sounds in training: `none`, `weak`, `usual` or `strong`;
    `auto` is `usual` for pictures and `none` for sounds."""
    patience: Count | None = None
    """Stop a phase after so many epochs without better weights, by the validation loss or the
    metric that the task goes by; `auto` is five where a head alone is stepped, and elsewhere
    what the task says, mostly none."""

    def __post_init__(self) -> None:
        """Raise BadValue for numbers that are out of range.

        A technique that has one of its own calls this one.
        """
        read_numbers(self, f" of {plugins.name_of(type(self))!r}")

    def streams(self) -> dict[str, Stream]:
        """The streams of which each step gets a batch; the first says what an epoch is."""
        return SUPERVISED

    @property
    def learns_labels(self) -> bool:
        """Whether it learns from labels, so that a new head is of use after it."""
        return any(stream.labels for part in self.parts for stream in part.streams().values())

    @property
    def keeps_adapter(self) -> bool:
        """Whether the model that comes out is also kept as an adapter of the network it was."""
        return False

    @property
    def models(self) -> tuple[str, ...]:
        """The specs of models that it reads beside the network. If they change, so does the run."""
        return ()

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue where it is not made for this network, this task or its classes.

        Asked before anything is written.
        Most are made for all of them; those that are `about_head` are for tasks with a new one.
        """
        if self.augment is not None and backbone.preprocess.reads == "text":
            raise BadValue(
                f"Only pictures and sounds are augmented, and {task.name} reads texts. "
                f"Leave out augment={self.augment}."
            )
        if self.augment not in (None, "none") and self.views == 1:
            raise BadValue(
                f"views=1 is the plain example, which augment={self.augment} does not change. "
                "Set views=4, say, for so many versions of each example."
            )
        if self.about_head and not task.fresh_head:
            raise BadValue(
                f"{plugins.name_of(type(self))!r} trains a new head, and {task.name} keeps "
                "the network's own. Use lora, full-fine-tuning or partial-fine-tuning."
            )

    def leave(self, backbone: Backbone) -> AbstractContextManager[None]:
        """While this lasts the network has the layers that stay in it after this technique.

        So that what comes after `then` can be checked before anything is trained.
        """
        return nullcontext()

    def objective(self, model: Model, task: Task) -> Objective:
        """The objective of a technique: the losses that it minimizes.

        May change the model in place (adapters, a head); called once, before `phases`.
        """
        return Objective(model, task)

    def learned(self, task: Task) -> Task:
        """Return the task as it is learned: of several tasks all, unless it leaves some out."""
        return task

    def own_epochs(self, model: Model) -> float | None:
        """The passes that it makes whatever is asked of a whole study; None: those of the study."""
        return self.epochs

    def more_epochs(self, counts: Mapping[str, int], usual: Callable[[int], float]) -> float:
        """The passes over the training split that it makes beyond its budget.

        `counts` are the samples of each split, `usual` are the passes over so many samples.
        """
        return 0.0

    @abstractmethod
    def phases(self, model: Model, epochs: float) -> list[Phase]:
        """The phases in order, none where nothing is trained.

        `epochs` is the whole budget, in passes over the training split.
        """

    def closing_phases(self, last: Phase) -> list[Phase]:
        """Return what follows `last`, the last phase of the technique to which this one is added.

        Without a `+` they are the last of its own `phases`.
        """
        return []

    def rates(
        self, model: Model, body: float = 1.0, head: float = 10.0, epochs: float = MANY
    ) -> dict[str, Any]:
        """Optimizer, rates and views of a phase.

        The rate is the user's, else so many times the one at which the network is usually
        fine-tuned. Networks with batch normalization are fine-tuned by SGD with momentum, at ten
        times AdamW's rate: measured here, it is as accurate and far better calibrated on few
        images. A phase that says it has few `epochs` takes AdamW at half the rate, since SGD would
        end before a new head has learned its classes. All other networks are fine-tuned by AdamW. A
        fresh head learns at `head` times the rate, ten times. A network under a head that is deep
        is trained by AdamW, and the head at `DEEP_HEAD` times the usual rate at most.
        """
        deep = model.backbone.has_deep_head
        normalized = any(
            isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()
        )
        short = normalized and epochs < MANY
        by_sgd = normalized and not short and not deep
        optimizer = self.optimizer or ("sgd" if by_sgd else "adamw")
        halved = short and not deep
        usual = model.backbone.lr * (10 if optimizer == "sgd" else 0.5 if halved else 1)
        lr = self.lr or body * usual
        head_lr = min(head * lr, DEEP_HEAD * usual) if deep else head * lr
        return {
            "lr": lr,
            "head_lr": self.head_lr or head_lr,
            "optimizer": optimizer,
            "views": self.views,
        }

    @cached_property
    def parts(self) -> tuple[Technique, ...]:
        """The techniques that run in turn: itself, unless made by `then`."""
        return (self,)

    def then(self, other: Technique) -> Technique:
        """Run this technique, then `other` on the model that comes out."""
        from graft.techniques.specs.combine import run_in_turn

        return run_in_turn(self, other)

    def __add__(self, other: Technique) -> Technique:
        """Add the losses of `other` to those of this technique, in this technique's phases."""
        from graft.techniques.specs.combine import add_losses

        return add_losses(self, other)


class Objective(nn.Module):
    """The model and what the technique adds.

    `forward` returns named losses whose sum is minimized.
    """

    references: tuple[str, ...] = ()
    """Names of submodules that losses compare with, such as start weights: no step changes them.

    Neither a checkpoint nor the weights of the best epoch hold a copy of them."""
    read_again: tuple[str, ...] = ()
    """Those of the references that are read from files whenever the objective is made, so that no
    file of a run holds them."""

    looks: Mapping[str, HowOften] = MappingProxyType({})
    """How often `before_epoch` runs the model over the examples of each stream."""

    def __init__(self, model: Model, task: Task):
        super().__init__()
        self.model = model
        self.task = task

    @property
    def is_task_loss(self) -> bool:
        """Whether the task's loss alone is minimized: the technique adds none and changes none."""
        steps = ("forward", "outputs", "losses", "extra_losses", "loss_weights", "backward")
        return all(getattr(type(self), step) is getattr(Objective, step) for step in steps)

    @property
    def teachers(self) -> dict[str, Model]:
        """Frozen models, by name.

        Under the name, the `extras` of a batch of the first stream have the `inputs` and the `mask`
        that the teacher reads, recorded features among them. Without these it reads the batch.
        """
        return {}

    @property
    def source(self) -> SourceTask | None:
        """The task of the pretrained head, if samples of it are rehearsed."""
        return None

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The objectives that it is made of by a `+`: itself, if by none."""
        return (self,)

    def prepare(self, counts: Mapping[str, int]) -> None:
        """Make what is as large as a stream, of which `counts` has the number of examples.

        Called once, before the first phase; a run that goes on calls it too.
        """

    def forward(self, batches: Batches, progress: float) -> dict[str, Tensor]:
        """The losses of a step, which has a batch of each stream.

        `progress` in [0, 1] is how far the phase has come.
        """
        return self.losses(self.outputs(batches), batches, progress)

    def outputs(self, batches: Batches) -> Outputs:
        """Run the model on each batch; overridden by techniques that read one in another way."""
        return {name: self.model(batch) for name, batch in batches.items() if name != REHEARSED}

    def begin(self, phase: Phase) -> None:
        """Called as each phase begins, also in a run that goes on in it."""

    def before_epoch(self, look: Look) -> None:
        """Called before each epoch; `look` runs the model over the examples of a stream in `looks`.

        What is learned from them must be buffers, of whatever size: a run that goes on inside an
        epoch reads them from its checkpoint and does not look again.
        """

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        """The task's loss, or that of each of several tasks by its name, and the extra ones."""
        output, batch = outputs[LABELED], batches[LABELED]
        tasks = self.task.named_losses(output, batch)
        return {**tasks, **self.extra_losses(outputs, batches, progress)}

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        """Return losses in addition to that of the task; techniques with a loss override it."""
        return {}

    def backward(self, losses: dict[str, Tensor], backward: Backward) -> None:
        """Compute the gradients of the losses of a step, or of a piece of it.

        They add up to those that are there; overridden by techniques that weigh tasks.
        """
        total = sum(losses.values())
        if total.requires_grad:  # nothing trains where only statistics are taken up
            backward(total)

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        """The weight of what each loss averages in the batches, more than 0.

        By default one an example of the first stream. A batch may be computed in pieces: the loss
        of each counts by its share of the weight, so that the gradient is that of the whole batch,
        except for losses between the examples of a batch.
        """
        return {"task": self.task.loss_weight(batches[LABELED])}

    def before_step(self) -> None:
        """Called before the losses of a step are computed, and again where memory ran out in it.

        What pieces of the batch have left in the objective is then to be forgotten.
        """

    def after_step(self, progress: float) -> None:
        """Called after each optimizer step, in the precision of the losses (moving averages)."""

    @contextmanager
    def measured_model(self) -> Iterator[Model]:
        """Yield the model that validation measures, such as one with averaged weights.

        `finish` returns the same one.
        """
        yield self.model

    def notes(self) -> list[str]:
        """What it chose by itself in a phase, for the result; asked for as the phase ends."""
        return []

    def untouched(self) -> Collection[str]:
        """What the phase could train of the network and left as it was; asked for as it ends."""
        return ()

    def finish(self) -> Model:
        """The model as an ordinary network again: adapters merged, additions dropped."""
        return self.model
