"""Optimal transport: which source example goes to which target example at the least cost."""

from __future__ import annotations

import math

import torch
from numpy.typing import NDArray
from torch import Tensor

from graft.base.errors import BadValue


@torch.no_grad()
def exact_plan(cost: Tensor) -> Tensor:
    """Return the plan (N, M) of least total cost, from costs (N, M); all examples weigh the same.

    Formula: min over P >= 0 of sum P C, rows of P sum to 1 / N and columns to 1 / M. For N = M the
    minimum is at a permutation over N, else by linear programming.
    Source: Kantorovich; `linear_sum_assignment` and HiGHS of SciPy.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = cost.shape
    matrix = cost.cpu().double().numpy()
    if rows != columns:
        return _solve_program(matrix).reshape(rows, columns).to(cost)
    chosen = linear_sum_assignment(matrix)
    plan = torch.zeros_like(cost)
    plan[tuple(torch.from_numpy(indices).to(cost.device) for indices in chosen)] = 1 / rows
    return plan


@torch.no_grad()
def sinkhorn_plan(
    cost: Tensor, regularization: float, tolerance: float = 1e-4, most_rounds: int = 10_000
) -> Tensor:
    """Return the plan (N, M) of least cost less entropy; all examples weigh the same.

    Formula: min over P of sum P C + e sum P (log P - 1) with rows of 1 / N and columns of 1 / M.
    The solution is exp((f_i + g_j - C_ij) / e), f and g alternately from the sums of rows and
    columns, in log space, until no sum is off by more than `tolerance` of what it should be.
    `regularization` e is in units of the cost: the smaller, the nearer to `exact_plan`, and the
    slower.
    Source: Cuturi: Sinkhorn Distances, arXiv:1306.0895; Peyre and Cuturi, arXiv:1803.00567,
    section 4.4.
    Raises BadValue if that takes more than `most_rounds`.
    """
    scaled = -cost / regularization
    rows, columns = cost.shape
    by_column = torch.zeros_like(scaled[0])
    for _ in range(most_rounds):
        by_row = -math.log(rows) - (scaled + by_column).logsumexp(1)
        sums = (scaled + by_row[:, None]).logsumexp(0)
        error = (sums + by_column + math.log(columns)).expm1().abs().max()
        by_column = -math.log(columns) - sums
        if error <= tolerance:
            return (scaled + by_row[:, None] + by_column).exp()
    raise BadValue(
        f"Sinkhorn's algorithm has not converged after {most_rounds:,} rounds with a "
        f"regularization of {regularization:g} and costs up to {float(cost.max()):g}. Use a larger "
        "regularization."
    )


def _solve_program(cost: NDArray) -> Tensor:
    """Solve the transport problem of any shape as a linear program; returns (N M,)."""
    import numpy as np
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack

    rows, columns = cost.shape
    sums = vstack(
        [
            kron(eye_array(rows), np.ones((1, columns))),
            kron(np.ones((1, rows)), eye_array(columns)),
        ]
    )
    weights = np.concatenate([np.full(rows, 1 / rows), np.full(columns, 1 / columns)])
    return torch.from_numpy(linprog(cost.ravel(), A_eq=sums, b_eq=weights, method="highs").x)
