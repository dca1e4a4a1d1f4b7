"""Learn from pictures without labels: clusters of their features serve as labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Model
from graft.base.passes import join_by_row
from graft.base.ranges import Count, SeveralCount
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.deep_clustering import (
    assign_clusters,
    centroid_classifier,
    cluster_loss,
    uniform_weights,
    whiten,
)
from graft.techniques.technique import HowOften, Look, Objective
from graft.techniques.unlabeled.self_supervision import (
    SAMPLES,
    OnFeatures,
    SelfSupervisedObjective,
)


@dataclass(frozen=True)
class DeepClustering(OnFeatures):
    """Clusters found in unlabeled pictures serve as labels, before the task is learned.

    So a representation that is learned from an unlabeled source serves a supervised target.
    Formula: before each epoch, clusters c of whitened features by k-means; then min of sum w_n
    (-log p_n[c_n]) / sum w_n, w_n = 1 / (K n_c) so that all K clusters count alike, n_c the size
    of n's cluster, p = softmax(V f(x~)), x~ an augmented view; V begins an epoch at the
    centroids, and is dropped.
    Pictures: those of the training split, without their labels, and of the split `unlabeled`.
    Source: Caron et al.: Deep Clustering for Unsupervised Learning of Visual Features,
    arXiv:1807.05520; the centroids as in arXiv:2006.09882, appendix A.
    When: thousands of pictures without labels, of which the pretrained features already group some
    that belong together.
    When not: features that group by color or background alone, which it reinforces; less than twice
    as many pictures as labels; without a technique after `then` that learns the task.
    Example: graft fit photos --unlabeled more_photos -t "deep-clustering:clusters=100 then lp-ft"
    """

    clusters: SeveralCount | None = None
    """The number of clusters; `auto` is the square root of the number of pictures."""
    axes: Count = 64
    """The principal axes of the features that k-means reads."""

    def objective(self, model: Model, task: Task) -> Objective:
        return DeepClusteringObjective(model, task, self)


class DeepClusteringObjective(SelfSupervisedObjective):
    """The cross-entropy of the clusters, which are found anew before each epoch."""

    looks: ClassVar[dict[str, HowOften]] = {SAMPLES: "each epoch"}

    def __init__(self, model: Model, task: Task, settings: DeepClustering):
        super().__init__(model, task)
        self.settings = settings
        self.seed = int(torch.randint(2**31, ()))

    def prepare(self, counts: Mapping[str, int]) -> None:
        """Before the first epoch all are in one cluster: a step may be tried before it."""
        count = counts[SAMPLES]
        clusters = self.settings.clusters or max(2, round(math.sqrt(count)))
        self.classifier = self.place(nn.Linear(self.width, clusters))
        self.register_buffer("labels", torch.zeros(count, dtype=torch.long, device=self.device))
        self.register_buffer("weights", torch.ones(count, device=self.device))

    @torch.no_grad()
    def before_epoch(self, look: Look) -> None:
        (features,) = join_by_row(look(SAMPLES), lambda _, output: output.features.float())
        whitened = whiten(features, self.settings.axes)
        self.labels = assign_clusters(whitened, len(self.classifier.weight), self.seed)
        weights = uniform_weights(self.labels)
        self.weights = (weights / weights.mean()).to(features)
        weight, bias = centroid_classifier(features, self.labels, len(self.classifier.weight))
        self.classifier.weight.copy_(weight)
        self.classifier.bias.copy_(bias)

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        rows = batches[SAMPLES].rows
        logits = self.classifier(outputs[SAMPLES].features)
        return {"cluster": cluster_loss(logits, self.labels[rows], self.weights[rows])}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {"cluster": self.weights[batches[SAMPLES].rows].sum()}
