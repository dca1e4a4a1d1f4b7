"""Plans of optimal transport and the joint cost; numbers said to be of POT are of 0.9.7.post1."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch

from graft.base.errors import BadValue
from graft.techniques.formulas.deepjdot import joint_cost
from graft.techniques.formulas.distances import squared_distances
from graft.techniques.formulas.optimal_transport import exact_plan, sinkhorn_plan
from tests.unit.techniques.formulas.waves import LABELS, SOURCE, TARGET, TARGET_LOGITS

COST = squared_distances(SOURCE, TARGET)


def test_the_exact_plan_of_a_square_cost_is_the_best_permutation():
    square = COST[:5]
    best = min(
        sum(float(square[i, j]) for i, j in enumerate(order)) / 5
        for order in permutations(range(5))
    )
    total = float((exact_plan(square) * square).sum())
    assert total == pytest.approx(best)
    assert total == pytest.approx(2.861356844722346, rel=1e-12), "POT"


def test_the_exact_plan_of_any_cost_has_the_right_sums_and_the_cost_of_pot():
    plan = exact_plan(COST)
    assert torch.allclose(plan.sum(1), torch.full((6,), 1 / 6).double(), atol=1e-9)
    assert torch.allclose(plan.sum(0), torch.full((5,), 1 / 5).double(), atol=1e-9)
    # HiGHS solves to 1e-7.
    assert float((plan * COST).sum()) == pytest.approx(2.2907934846924087, abs=1e-6)


def test_sinkhorn_is_that_of_pot():
    plan = sinkhorn_plan(COST, 0.5, tolerance=1e-13)
    assert float((plan * COST).sum()) == pytest.approx(2.3119060307589496, rel=1e-10)
    row = [1.15661835e-08, 4.59185278e-07, 4.68550226e-04, 3.20936352e-09, 1.66197642e-01]
    assert plan[0].tolist() == pytest.approx(row, rel=1e-8)


def test_sinkhorn_of_two_by_two_is_known():
    cost = torch.tensor([[0.0, 1.0], [2.0, 0.5]]).double()
    # P is [[a, 1/2 - a], [1/2 - a, a]], and a^2 / (1/2 - a)^2 = exp((c12 + c21 - c11 - c22) / e).
    ratio = math.exp((1.0 + 2.0 - 0.0 - 0.5) / (2 * 0.7))
    share = 0.5 * ratio / (1 + ratio)
    plan = sinkhorn_plan(cost, 0.7, tolerance=1e-13)
    expected = torch.tensor([[share, 0.5 - share], [0.5 - share, share]]).double()
    assert torch.allclose(plan, expected)


def test_sinkhorn_with_little_regularization_approaches_the_exact_plan():
    exact = float((exact_plan(COST) * COST).sum())
    gap = float((sinkhorn_plan(COST, 0.02, tolerance=1e-9) * COST).sum()) - exact
    # Entropy regularization costs at most e log(N M).
    assert -1e-6 < gap < 0.02 * math.log(30)


def test_sinkhorn_of_float32_keeps_its_tolerance():
    plan = sinkhorn_plan(COST.float(), 0.1, tolerance=1e-4)
    assert torch.allclose(plan.sum(1), torch.full((6,), 1 / 6), rtol=2e-4)
    assert torch.allclose(plan.sum(0), torch.full((5,), 1 / 5), rtol=2e-4)


def test_sinkhorn_that_does_not_converge_says_so():
    with pytest.raises(BadValue, match="Use a larger regularization"):
        sinkhorn_plan(COST, 1e-3, tolerance=1e-12, most_rounds=3)


def test_the_joint_cost_is_the_sum_of_its_definition():
    logits = TARGET_LOGITS.clone().requires_grad_()
    cost = joint_cost(SOURCE, TARGET, LABELS, logits, feature_weight=0.5, label_weight=2.0)
    for i, j in [(0, 0), (4, 2), (5, 4)]:
        distance = float((SOURCE[i] - TARGET[j]).square().sum())
        surprise = -math.log(TARGET_LOGITS[j].softmax(0)[LABELS[i]])
        assert cost[i, j].item() == pytest.approx(0.5 * distance + 2 * surprise)
    (exact_plan(cost.detach()) * cost).sum().backward()
    assert logits.grad.abs().sum() > 0


def test_an_empty_domain_has_no_joint_cost():
    with pytest.raises(BadValue, match="got 0 of the target"):
        joint_cost(SOURCE, TARGET[:0], LABELS, TARGET_LOGITS[:0])
