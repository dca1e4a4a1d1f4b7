"""The objective of techniques that `+` adds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.records import Batches, Outputs
from graft.tasks.pretexts.source_task import SourceTask
from graft.techniques.technique import Backward, Look, Objective, Phase


class SumObjective(Objective):
    """The outputs and losses of `main`, plus the extra losses of `extra`.

    The outputs are those of the plain batch, on which the losses of both can be computed: what
    `extra` makes of other inputs, as mixup, it computes in `extra_losses`.
    """

    def __init__(self, main: Objective, extra: Objective):
        super().__init__(main.model, main.task)
        self.main, self.extra = _detach_model(main), _detach_model(extra)
        self.references = self._join("references")
        self.read_again = self._join("read_again")
        self.looks = {**self.main.looks, **self.extra.looks}

    def _join(self, listed: str) -> tuple[str, ...]:
        """The names of submodules of both parts that they list there."""
        parts = {"main": self.main, "extra": self.extra}
        return tuple(f"{at}.{name}" for at, part in parts.items() for name in getattr(part, listed))

    @property
    def teachers(self) -> dict[str, Model]:
        return self.main.teachers | self.extra.teachers

    @property
    def source(self) -> SourceTask | None:
        return self.main.source or self.extra.source

    @property
    def parts(self) -> tuple[Objective, ...]:
        return (*self.main.parts, *self.extra.parts)

    def prepare(self, counts: Mapping[str, int]) -> None:
        self.main.prepare(counts)
        self.extra.prepare(counts)

    def outputs(self, batches: Batches) -> Outputs:
        return self.main.outputs(batches)

    def begin(self, phase: Phase) -> None:
        self.main.begin(phase)
        self.extra.begin(phase)

    def before_epoch(self, look: Look) -> None:
        self.main.before_epoch(look)
        self.extra.before_epoch(look)

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        losses = dict(self.main.losses(outputs, batches, progress))
        for name, loss in self.extra.extra_losses(outputs, batches, progress).items():
            losses[name] = losses[name] + loss if name in losses else loss
        return losses

    def backward(self, losses: dict[str, Tensor], backward: Backward) -> None:
        """Compute the gradients as the part does that weighs tasks, if one does."""
        (self.extra if weighs_tasks(self.extra) else self.main).backward(losses, backward)

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {**self.extra.loss_weights(batches), **self.main.loss_weights(batches)}

    def before_step(self) -> None:
        self.main.before_step()
        self.extra.before_step()

    def after_step(self, progress: float) -> None:
        self.main.after_step(progress)
        self.extra.after_step(progress)

    @contextmanager
    def measured_model(self) -> Iterator[Model]:
        with self.main.measured_model(), self.extra.measured_model():
            yield self.model

    def notes(self) -> list[str]:
        return [*self.main.notes(), *self.extra.notes()]

    def untouched(self) -> Collection[str]:
        return self.main.untouched()

    def finish(self) -> Model:
        self.extra.finish()  # first, as it was made last, around what main had added
        return self.main.finish()


def weighs_tasks(objective: Objective) -> bool:
    """Whether it takes other gradients than those of the sum of the losses."""
    if isinstance(objective, SumObjective):
        return weighs_tasks(objective.main) or weighs_tasks(objective.extra)
    return type(objective).backward is not Objective.backward


def _detach_model(part: Objective) -> Objective:
    """Make the model a plain attribute of the objective: only the sum registers the model."""
    part.__dict__["model"] = part._modules.pop("model")
    return part
