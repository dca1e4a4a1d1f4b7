"""Join the gradients of several tasks that conflict.

`gradients` are (K, D), one row a task; the result (D) has the scale of their sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor


def project_conflicts(gradients: Tensor, orders: Sequence[Sequence[int]]) -> Tensor:
    """Remove from each gradient its component against any other gradient, and sum them.

    `orders` says for each task in which order the others are looked at. Source: Yu et al.: Gradient
    Surgery for Multi-Task Learning, arXiv:2001.06782, algorithm 1.
    """
    projected = gradients.clone()
    squares = gradients.square().sum(1).clamp(min=torch.finfo(gradients.dtype).tiny)
    for row, order in enumerate(orders):
        for other in order:
            overlap = projected[row] @ gradients[other]
            if other != row and overlap < 0:
                projected[row] -= overlap / squares[other] * gradients[other]
    return projected.sum(0)


def project_on_cone(gradients: Tensor) -> Tensor:
    """Project each gradient on the cone of what conflicts with no task, and sum them.

    A direction in the cone makes no loss larger in the first order. The projection of gradient k is
    J^T w with the w >= e_k of the least |J^T w|: of u = w - e_k >= 0 a problem of least squares in
    K numbers. Source: Quinton, Rey: Jacobian Descent for Multi-Objective Optimization,
    arXiv:2406.16232, proposition 1 (UPGrad, there the mean).
    """
    gram = (gradients @ gradients.T).cpu().double().numpy()
    scale = max(float(np.trace(gram)), np.finfo(float).tiny)
    values, vectors = np.linalg.eigh(gram / scale)
    root = np.sqrt(values.clip(min=0))[:, None] * vectors.T  # root^T root = gram / scale
    weights = np.zeros(len(gram))
    for task in np.eye(len(gram)):
        weights += task + nnls(root, -root @ task)[0]
    return torch.from_numpy(weights).to(gradients) @ gradients
