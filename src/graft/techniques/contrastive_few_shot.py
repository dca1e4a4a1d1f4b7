"""The encoder learns which texts belong together, then the head which class they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model
from graft.base import trees
from graft.base.errors import BadValue
from graft.base.ranges import Count, Epochs
from graft.base.records import RECORDED, Batch, Batches, Output, Outputs
from graft.tasks.task import Task
from graft.techniques.specs.candidates import SolvedHead
from graft.techniques.specs.checks import check_classes
from graft.techniques.specs.places import all_but_head, head_only
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import PROBE_PATIENCE, Objective, Phase, Technique

PAIRS = "contrastive"
TOGETHER = 16
"""Texts that are read at a time."""


@dataclass(frozen=True)
class ContrastiveFewShot(Technique):
    """Fine-tune the encoder on pairs of training examples, so that those of a class are alike.

    Then solve for the head.
    Formula: min over the encoder's weights of mean over pairs of (cos(f(x), f(y)) - s)^2, s = 1 for
    two of a class and 0 for others, both kinds with half the weight; then the head of
    feature-extraction on the f that comes out.
    Source: Tunstall et al.: Efficient Few-Shot Learning Without Prompts (SetFit), arXiv:2209.11055.
    There, pairs are drawn, as many of either kind for each class, and each is two forwards. Here a
    batch of n examples makes all its n (n - 1) / 2 pairs in n forwards, weights balance the kinds,
    and `epochs` are passes over the examples. Examples that share a label are of a class where
    there are several labels. Where `accumulate` or too little memory cuts a batch into pieces,
    pairs are within a piece, and there are fewer of them.
    When: eight to some hundred labels a class, and a sentence encoder.
    When not: thousands of labels, where full-fine-tuning is simpler; many more classes than a batch
    has examples.
    Example: graft fit reviews.csv -t contrastive-few-shot --shots 16
    """

    epochs: Epochs | None = 20
    batch_size: Count | None = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patience is not None:
            raise BadValue(
                "'contrastive-few-shot' takes no patience: while pairs are learned no head can be "
                "validated. Choose its epochs."
            )

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_classes("contrastive-few-shot", task)
        if backbone.form != "vector":
            raise BadValue(
                f"'contrastive-few-shot' compares vectors, and {backbone.name} yields "
                f"{backbone.form} features. Use 'lp-ft' or 'lora'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue where `check` does."""
        self.check(model.backbone, task)
        return PairObjective(model, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        probe = {"candidates": SolvedHead(), "views": 1, "patience": PROBE_PATIENCE}
        return [
            Phase(PAIRS, epochs, all_but_head, **self.rates(model), mixed=True),
            Phase("probe", 100, head_only, 3e-3, 3e-3, "adamw", **probe),
        ]


class PairObjective(Objective):
    """The loss of a batch's pairs while the encoder trains, the task's in other phases.

    After a `+`, both.
    """

    alone = False

    def begin(self, phase: Phase) -> None:
        self.alone = phase.name == PAIRS

    def outputs(self, batches: Batches) -> Outputs:
        return {name: run_by_length(self.model, batch) for name, batch in batches.items()}

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        if self.alone:
            return {"pairs": self._pair_loss(outputs, batches)}
        return {"task": self.task.loss(outputs[LABELED], batches[LABELED])}

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        if not outputs[LABELED].features.requires_grad:
            return {}
        return {"pairs": self._pair_loss(outputs, batches)}

    def _pair_loss(self, outputs: Outputs, batches: Batches) -> Tensor:
        return pair_loss(outputs[LABELED].features, alike(batches[LABELED].target))


def run_by_length(model: Model, batch: Batch) -> Output:
    """Run the model on a batch, texts of similar length at a time.

    Batches ignore lengths, so most of a batch is padding. On recorded features, only the
    head has to run, and it runs on the whole batch.
    """
    if batch.mask is None or RECORDED in batch.extras or len(batch) <= TOGETHER:
        return model(batch)
    order = batch.mask.sum(1).argsort()
    outputs = []
    for rows in order.split(TOGETHER):
        read = batch.mask[rows].any(0)
        inputs, mask = trees.map_leaves(
            lambda tensor, rows=rows, read=read: tensor[rows][:, read], (batch.inputs, batch.mask)
        )
        outputs.append(model(Batch(inputs, mask=mask)))
    back = order.argsort()
    raw, features = trees.join([(output.raw, output.features) for output in outputs])
    return Output(trees.take(raw, back), trees.take(features, back))


def alike(target: Tensor) -> Tensor:
    """(B, B), true where two examples are of a class, or have a label in common.

    From class numbers (B) or labels (B, K).
    """
    if target.dim() == 1:
        return target[:, None] == target
    bare = target.sum(1) == 0
    return (target @ target.T > 0) | (bare[:, None] & bare)


def pair_loss(features: Tensor, same: Tensor) -> Tensor:
    """The mean squared error of the cosines of all pairs of `features` (B, D), a scalar.

    A cosine should be 1 where `same` (B, B), else 0.
    The two kinds of pairs weigh the same. Computed in float32 whatever the precision around it.
    """
    with torch.autocast(features.device.type, enabled=False):
        unit = nn.functional.normalize(features.float(), dim=1)
        cosine = unit @ unit.T
        once = torch.ones_like(same).triu(1)
        kinds = [(1 - cosine)[same & once].square(), cosine[~same & once].square()]
        means = [kind.mean() for kind in kinds if len(kind)]
        if not means:  # a batch of one example has no pair
            return 0 * cosine.sum()
        return torch.stack(means).mean()
