"""Deep clustering: clusters of whitened features serve as labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.base.errors import BadValue
from graft.techniques.formulas.precision import in_full_precision


@torch.no_grad()
def whiten(features: Tensor, size: int) -> Tensor:
    """Return the features (N, D) whitened along their first principal axes, rows of length 1.

    Formula: Z = sqrt(N - 1) U of X - mean(X) = U S V', the first `size` columns; then z / |z|.
    Axes along which the features do not vary are left out. Returns (N, at most size).
    Source: Caron et al.: Deep Clustering for Unsupervised Learning of Visual Features,
    arXiv:1807.05520.
    """
    centered = (features - features.mean(0)).cpu().double()
    left, values, _ = torch.linalg.svd(centered, full_matrices=False)
    # What is smaller than the rounding of the features' own precision is noise.
    rounding = torch.finfo(features.dtype).eps * max(features.shape)
    axes = left[:, :size][:, values[:size] > rounding * values[0]]
    return nn.functional.normalize(axes, dim=1).to(features)


@torch.no_grad()
def assign_clusters(features: Tensor, clusters: int, seed: int) -> Tensor:
    """Return the cluster (N,) of each example by k-means on features (N, D).

    The number of the cluster is by first appearance, so that equal clusters have equal numbers.
    Source: arXiv:1807.05520; k-means of scikit-learn.
    Raises BadValue for fewer examples than clusters.
    """
    from sklearn.cluster import KMeans

    if len(features) < clusters:
        raise BadValue(
            f"{clusters:,} clusters need at least as many examples, and there are "
            f"{len(features):,}. Use fewer clusters, or give more examples."
        )
    search = KMeans(clusters, n_init=3, random_state=seed)
    assigned = torch.from_numpy(search.fit_predict(features.cpu().double().numpy())).long()
    _, first = torch.unique(assigned, return_inverse=True)
    return _number_by_appearance(first).to(features.device)


def uniform_weights(clusters: Tensor) -> Tensor:
    """Return the chance (N,) to draw each example, so that clusters (N,) are drawn equally often.

    Formula: 1 / (K n_k), K the clusters that have examples, n_k the examples of n's cluster.
    Source: arXiv:1807.05520: without it most clusters would collapse into few.
    """
    _, position, counts = clusters.unique(return_inverse=True, return_counts=True)
    return 1 / (len(counts) * counts[position].cpu().double())


@torch.no_grad()
def centroid_classifier(features: Tensor, clusters: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return weight (count, D) and bias (count,) that tell clusters (N,) by their centroids.

    Formula: logits -|x - m_k|^2 / (2 v) but for what is the same for all k, m_k the centroid of the
    features (N, D) of cluster k, v the mean of |x_n - m_(c_n)|^2. A cluster without examples has a
    centroid at 0.
    Source: the centroids of the clusters are the classifier of DeepCluster-v2, arXiv:2006.09882,
    appendix A.
    """
    members = nn.functional.one_hot(clusters, count).to(features)  # (N, count)
    sizes = members.sum(0).clamp(min=1)
    centroids = members.T @ features / sizes[:, None]
    spread = (features - centroids[clusters]).square().sum(1).mean()
    spread = spread.clamp(min=torch.finfo(features.dtype).tiny)
    return centroids / spread, -centroids.square().sum(1) / (2 * spread)


@in_full_precision
def cluster_loss(logits: Tensor, clusters: Tensor, weights: Tensor) -> Tensor:
    """Return the cross-entropy of clusters (N,) by logits (N, K), weighted by (N,), a scalar.

    Formula: sum_n w_n (-log p_n[c_n]) / sum_n w_n. With the weights of `uniform_weights` it is in
    expectation that of examples which are drawn by them.
    Source: arXiv:1807.05520, equation 1 and section 3.3.
    """
    losses = nn.functional.cross_entropy(logits, clusters, reduction="none")
    return (weights * losses).sum() / weights.sum()


def _number_by_appearance(labels: Tensor) -> Tensor:
    """Return labels (N,) from 0, numbered anew in the order in which they first appear."""
    number: dict[int, int] = {}
    return torch.tensor([number.setdefault(label, len(number)) for label in labels.tolist()])
