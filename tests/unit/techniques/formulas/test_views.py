"""Self-supervision by views and by examples as classes: NT-Xent, BYOL, DINO, DIET.

Numbers said to be of lightly are of its version 1.6.0.
"""

from __future__ import annotations

import math

import pytest
import torch

from graft.base.errors import BadValue
from graft.techniques.formulas.byol import regression_loss
from graft.techniques.formulas.diet import diet, first_rows
from graft.techniques.formulas.dino import dino, update_center
from graft.techniques.formulas.moving_average import teacher_momentum
from graft.techniques.formulas.nt_xent import nt_xent
from tests.unit.techniques.formulas.waves import SOURCE, wave

CENTER = torch.tensor([0.1, -0.2, 0.05, 0.0], dtype=torch.float64)
STUDENT = torch.stack([wave(3, 4, phase) for phase in (0.2, 1.3)])
TEACHER = torch.stack([wave(3, 4, phase) for phase in (0.0, 1.0)])


def test_nt_xent_is_that_of_lightly():
    loss = nt_xent(SOURCE, wave(6, 4, 3.0), temperature=0.5)
    assert float(loss) == pytest.approx(5.0689592797533285, rel=1e-12)


def test_nt_xent_of_orthogonal_pairs_is_known():
    views = torch.eye(3).double()
    # Each view has one other at cosine 1 and four at cosine 0.
    expected = -math.log(math.exp(2) / (math.exp(2) + 4))
    assert float(nt_xent(views, 5 * views, temperature=0.5)) == pytest.approx(expected)


def test_nt_xent_of_one_example_is_refused():
    with pytest.raises(BadValue, match="batch_size of at least 2"):
        nt_xent(SOURCE[:1], SOURCE[:1])


def test_the_loss_of_byol_is_the_squared_distance_of_directions():
    predictions, targets = SOURCE.clone().requires_grad_(), wave(6, 4, 3.0).requires_grad_()
    directions = [view / view.norm(dim=1, keepdim=True) for view in (predictions, targets)]
    expected = (directions[0] - directions[1]).square().sum(1).mean()
    loss = regression_loss(predictions, targets)
    assert loss.item() == pytest.approx(expected.item())
    loss.backward()
    assert targets.grad is None
    assert float(regression_loss(SOURCE, 3 * SOURCE)) == pytest.approx(0, abs=1e-15)
    assert float(regression_loss(SOURCE, -SOURCE)) == pytest.approx(4)


def test_the_momentum_of_a_teacher_grows_to_one():
    assert teacher_momentum(0.0, 0.9) == pytest.approx(0.9)
    assert teacher_momentum(0.5, 0.9) == pytest.approx(0.95)
    assert teacher_momentum(1.0, 0.9) == 1


def test_dino_is_that_of_lightly():
    teacher = torch.stack([wave(3, 4, phase) for phase in (0.2, 1.3)])
    student = torch.stack([wave(3, 4, phase) for phase in (0.0, 1.0, 2.5, 4.0)])
    assert float(dino(student, teacher, CENTER)) == pytest.approx(6.91650811066884, rel=1e-12)
    center = update_center(CENTER, teacher, momentum=0.9)
    assert center.tolist() == pytest.approx([0.1, -0.1575, 0.0694, 0.0149], abs=5e-5)


def test_the_teacher_of_dino_gets_no_gradient():
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    dino(student, teacher, CENTER).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


def test_dino_of_even_outputs_is_the_logarithm_of_their_number():
    even = torch.zeros(2, 3, 8).double()
    assert float(dino(even, even, torch.zeros(8).double())) == pytest.approx(math.log(8))


def test_dino_of_one_view_is_refused():
    with pytest.raises(BadValue, match="Use at least 2"):
        dino(STUDENT[:1], TEACHER[:1], CENTER)


def test_diet_is_the_smoothed_cross_entropy():
    logits, indices, smoothing = wave(3, 7), torch.tensor([4, 0, 6]), 0.8
    log_p = logits.log_softmax(1)
    expected = [
        -(1 - smoothing) * row[i] - smoothing / 7 * row.sum()
        for row, i in zip(log_p, indices, strict=True)
    ]
    assert float(diet(logits, indices, smoothing)) == pytest.approx(float(sum(expected)) / 3)
    assert float(diet(torch.zeros(2, 7), indices[:2])) == pytest.approx(math.log(7))


def test_the_first_rows_of_diet_tell_an_example_by_its_distance_to_the_others():
    features = torch.nn.functional.normalize(wave(7, 5))
    logits = features @ first_rows(features, 0.8).T
    distances = torch.cdist(features, features).square()
    variance = features.var(0, correction=0).sum()
    gap = math.log(1 + 0.2 * 7 / 0.8)
    # The features have one length, so the logits differ as distances do.
    expected = (-distances * gap / (2 * variance)).softmax(1)
    assert torch.allclose(logits.softmax(1), expected)
    # Two examples are 2 v apart on average, each with itself included.
    above = logits.diagonal() - logits.mean(1)
    assert float(above.mean()) == pytest.approx(gap)


def test_the_first_rows_are_finite_for_equal_examples_and_without_smoothing():
    assert first_rows(torch.ones(4, 3), 0.8).isfinite().all()
    assert first_rows(wave(4, 3), 0.0).isfinite().all()
