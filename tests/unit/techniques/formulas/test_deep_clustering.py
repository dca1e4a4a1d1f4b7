"""Clusters of whitened features as labels."""

from __future__ import annotations

import pytest
import torch
from sklearn.decomposition import PCA

from graft.base.errors import BadValue
from graft.techniques.formulas.deep_clustering import (
    assign_clusters,
    centroid_classifier,
    cluster_loss,
    uniform_weights,
    whiten,
)
from tests.unit.techniques.formulas.waves import wave


def test_whitening_is_that_of_scikit_learn_but_for_signs():
    features = wave(30, 6) + wave(30, 6, 1.0).square()
    expected = torch.from_numpy(PCA(3, whiten=True).fit_transform(features.numpy()))
    expected = expected / expected.norm(dim=1, keepdim=True)
    assert torch.allclose(whiten(features, 3).abs(), expected.abs(), atol=1e-9)


def test_axes_without_variance_are_left_out():
    features = torch.cat([wave(20, 2), torch.ones(20, 3).double()], dim=1)
    assert whiten(features, 5).shape == (20, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distant_groups_are_the_clusters(dtype):
    centers = torch.tensor([[0.0, 9.0], [9.0, 0.0], [-9.0, 0.0]])
    group = torch.tensor([1, 0, 2, 2, 1, 0, 0, 1, 2, 1])
    features = (centers[group] + 0.1 * wave(10, 2).float()).to(dtype)
    assert assign_clusters(features, 3, seed=0).tolist() == [0, 1, 2, 2, 0, 1, 1, 0, 2, 0]


def test_the_same_seed_gives_the_same_clusters():
    features = wave(50, 4)
    first, second = (assign_clusters(features, 7, seed=5) for _ in range(2))
    assert torch.equal(first, second)


def test_more_clusters_than_examples_are_refused():
    with pytest.raises(BadValue, match="Use fewer clusters"):
        assign_clusters(wave(3, 2), 4, seed=0)


def test_clusters_are_drawn_equally_often():
    clusters = torch.tensor([0, 0, 0, 4, 4, 7])
    weights = uniform_weights(clusters)
    assert weights.tolist() == pytest.approx([1 / 9] * 3 + [1 / 6] * 2 + [1 / 3])


def test_the_classifier_of_centroids_goes_by_the_distance_to_them():
    features, clusters = wave(12, 3), torch.tensor([0, 1, 3] * 4)
    weight, bias = centroid_classifier(features, clusters, 4)
    centroids = torch.stack(
        [features[clusters == k].mean(0) if k != 2 else torch.zeros(3) for k in range(4)]
    )
    distances = torch.cdist(features, centroids.double()).square()
    spread = distances.gather(1, clusters[:, None]).mean()
    expected = (-distances / (2 * spread)).softmax(1)
    assert torch.allclose((features @ weight.T + bias).softmax(1), expected)


def test_equal_features_have_a_finite_classifier():
    weight, bias = centroid_classifier(torch.zeros(4, 3), torch.tensor([0, 0, 1, 1]), 2)
    assert torch.cat([weight.flatten(), bias]).isfinite().all()


def test_the_weighted_loss_is_that_of_examples_drawn_by_the_weights():
    logits, clusters = wave(6, 3), torch.tensor([0, 0, 0, 1, 1, 2])
    losses = torch.nn.functional.cross_entropy(logits, clusters, reduction="none")
    expected = torch.stack([losses[clusters == k].mean() for k in range(3)]).mean()
    loss = cluster_loss(logits, clusters, uniform_weights(clusters))
    assert float(loss) == pytest.approx(float(expected))
