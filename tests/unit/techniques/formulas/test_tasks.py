"""Formulas that join the losses or gradients of tasks, against closed forms."""

from __future__ import annotations

import pytest
import torch

from graft.techniques.formulas.conflicts import project_conflicts, project_on_cone
from graft.techniques.formulas.dwa import average_weights
from graft.techniques.formulas.famo import famo_weights, update_logits

BOTH = [[0, 1], [0, 1]]


def test_a_task_that_is_learned_slowly_gets_the_larger_weight():
    weights = average_weights(torch.tensor([0.9, 0.5]), torch.tensor([1.0, 1.0]), 2.0)
    expected = 2 * torch.tensor([0.45, 0.25]).softmax(0)
    torch.testing.assert_close(weights, expected)
    assert weights.sum() == pytest.approx(2.0)


def test_weights_of_famo_let_all_logarithms_fall_alike():
    weights = famo_weights(torch.zeros(2), torch.tensor([4.0, 1.0]))
    torch.testing.assert_close(weights, torch.tensor([0.2, 0.8]))
    assert famo_weights(torch.zeros(2), torch.tensor([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_logits_of_famo_follow_the_gradient_of_the_weighted_falls():
    """The slope is that of sum z_k (log before - log after), by autograd."""
    logits = torch.tensor([0.3, -0.1, 0.2], requires_grad=True)
    before, after = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.9, 3.1])
    falls = (before.log() - after.log()).detach()
    (logits.softmax(0) * falls).sum().backward()
    expected = logits.detach() - 0.1 * (logits.grad + 0.01 * logits.detach())
    torch.testing.assert_close(update_logits(logits.detach(), before, after, 0.1, 0.01), expected)


def test_gradients_that_do_not_conflict_are_added():
    gradients = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    for joined in (project_conflicts(gradients, BOTH), project_on_cone(gradients)):
        torch.testing.assert_close(joined, gradients.sum(0))


def test_two_gradients_that_conflict_are_projected_on_the_normal_planes_of_each_other():
    """Of two tasks both methods project each on the plane that is normal to the other."""
    gradients = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    expected = torch.tensor([0.5, 0.5]) + torch.tensor([0.0, 1.0])
    torch.testing.assert_close(project_conflicts(gradients, BOTH), expected)
    torch.testing.assert_close(project_on_cone(gradients), expected)


def test_a_projection_on_the_cone_is_against_no_task():
    torch.manual_seed(0)
    for _ in range(20):
        gradients = torch.randn(4, 6)
        joined = project_on_cone(gradients)
        assert (gradients @ joined).min() > -1e-4  # float32, of products near 10


def test_the_cone_of_gradients_without_a_common_direction_is_nothing():
    gradients = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    torch.testing.assert_close(project_on_cone(gradients), torch.zeros(2))
    assert project_on_cone(torch.zeros(2, 3)).tolist() == [0.0, 0.0, 0.0]


def test_the_same_as_torchjd():
    """Written against torchjd 0.18: there the mean of the projections, here their sum."""
    aggregation = pytest.importorskip("torchjd.aggregation")
    torch.manual_seed(1)
    gradients = torch.randn(3, 8)
    expected = 3 * aggregation.UPGrad(norm_eps=0.0, reg_eps=0.0)(gradients)
    torch.testing.assert_close(project_on_cone(gradients), expected, rtol=1e-3, atol=1e-3)
