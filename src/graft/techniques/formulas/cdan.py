"""Conditional adversarial adaptation: the domain classifier sees features and classes together."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.metrics.unlabeled.entropy import entropies
from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def multilinear_map(features: Tensor, logits: Tensor) -> Tensor:
    """Return the products (N, D C) of features (N, D) and probabilities, from logits (N, C).

    Formula: f outer p, flattened: entry d C + c is f_d p_c, p = softmax(logits). No gradient flows
    through the probabilities, as in the authors' code.
    Source: Long et al.: Conditional Adversarial Domain Adaptation (CDAN), arXiv:1705.10667.
    """
    return torch.einsum("nd,nc->ndc", features, _probabilities(logits)).flatten(1)


def draw_projections(
    width: int, classes: int, size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return fixed random matrices (D, size) and (C, size) of standard normal numbers."""
    return (
        torch.randn(width, size, generator=generator),
        torch.randn(classes, size, generator=generator),
    )


@in_full_precision
def random_multilinear_map(
    features: Tensor, logits: Tensor, of_features: Tensor, of_classes: Tensor
) -> Tensor:
    """Return a random map (N, size) of the multilinear one, for large D C.

    Formula: (f R_f) * (p R_p) / sqrt(size), elementwise, R from `draw_projections`. Its inner
    products are those of `multilinear_map` in expectation.
    Source: arXiv:1705.10667 (randomized multilinear conditioning).
    """
    size = of_features.shape[1]
    return (features @ of_features) * (_probabilities(logits) @ of_classes) / size**0.5


@in_full_precision
def entropy_weights(logits: Tensor) -> Tensor:
    """Return weights (N,) of mean 1 of predictions with logits (N, C): confident ones count more.

    Formula: w = 1 + exp(-H(p)), over its mean. No gradient flows.
    Source: arXiv:1705.10667 (CDAN+E), and arXiv:1912.03699 (MCC).
    """
    weights = 1 + torch.exp(-entropies(logits.detach()))
    return weights / weights.mean()


def _probabilities(logits: Tensor) -> Tensor:
    return logits.detach().softmax(dim=1)
