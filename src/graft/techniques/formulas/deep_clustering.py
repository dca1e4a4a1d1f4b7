"""Deep clustering: clusters of whitened features serve as labels."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.base.errors import BadValue


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
    return torch.nn.functional.normalize(axes, dim=1).to(features)


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


def _number_by_appearance(labels: Tensor) -> Tensor:
    """Return labels (N,) from 0, numbered anew in the order in which they first appear."""
    number: dict[int, int] = {}
    return torch.tensor([number.setdefault(label, len(number)) for label in labels.tolist()])
