"""What techniques share that learn from predicted labels of unlabeled samples."""

from __future__ import annotations

from torch import Tensor

from graft.base.records import Batches
from graft.techniques.domains.adaptation import AdaptationObjective
from graft.techniques.formulas.pseudo_labels import pseudo_label_loss, pseudo_label_weight
from graft.techniques.specs.stream import UNLABELED


class PredictedLabelsObjective(AdaptationObjective):
    """The task's loss, and one of predicted labels, whose weight rises during the phase."""

    def weigh_loss(
        self, logits: Tensor, labels: Tensor, is_confident: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """The loss of labels (N,) of logits (N, C), of those that are confident."""
        loss = pseudo_label_loss(logits, labels, is_confident)
        return {"pseudo": self.settings.weight * pseudo_label_weight(progress) * loss}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {**super().loss_weights(batches), "pseudo": len(batches[UNLABELED])}
