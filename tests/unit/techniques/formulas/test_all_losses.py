"""What holds for every loss: its gradient is that of its value, in full precision."""

from __future__ import annotations

import pytest
import torch

from graft.techniques.formulas.bi_tuning import category_contrast, classifier_contrast
from graft.techniques.formulas.bnm import nuclear_norm_loss
from graft.techniques.formulas.bss import spectral_shrinkage
from graft.techniques.formulas.byol import regression_loss
from graft.techniques.formulas.co_tuning import co_tuning
from graft.techniques.formulas.coral import coral
from graft.techniques.formulas.deep_clustering import cluster_loss
from graft.techniques.formulas.deepjdot import joint_cost
from graft.techniques.formulas.delta import map_distance
from graft.techniques.formulas.diet import diet
from graft.techniques.formulas.dino import dino
from graft.techniques.formulas.domain_loss import domain_loss
from graft.techniques.formulas.label_smoothing import uniform_cross_entropy
from graft.techniques.formulas.mae import masked_pixel_loss
from graft.techniques.formulas.mcc import class_confusion
from graft.techniques.formulas.mdd import margin_disparity
from graft.techniques.formulas.mmd import mmd
from graft.techniques.formulas.nt_xent import nt_xent
from graft.techniques.formulas.pseudo_labels import pseudo_label_loss
from graft.techniques.formulas.r_drop import symmetric_divergence
from graft.techniques.formulas.shot import information_loss
from graft.techniques.formulas.tent import entropy_loss
from tests.unit.techniques.formulas.waves import (
    LABELS,
    SOURCE,
    SOURCE_LOGITS,
    TARGET,
    TARGET_LOGITS,
    wave,
)

WIDTHS = torch.tensor([1.0, 4.0]).double()
HIDDEN = torch.tensor([[True, False, True]])
VIEWS = wave(9, 4).view(3, 3, 4)
LOSSES = {
    "coral": lambda s, t: coral(s, t),
    "mmd": lambda s, t: mmd(s, t, WIDTHS),
    "biased mmd": lambda s, t: mmd(s, t, WIDTHS, unbiased=False),
    "joint cost": lambda s, t: joint_cost(s, t, LABELS, TARGET_LOGITS).square().sum(),
    "domain loss": lambda s, t: domain_loss(s[:, 0], t[:, 0]),
    "margin disparity": lambda s, t: margin_disparity(SOURCE_LOGITS, s, TARGET_LOGITS, t),
    "nuclear norm": lambda s, t: nuclear_norm_loss(s),
    "entropy": lambda s, t: entropy_loss(s),
    "information": lambda s, t: information_loss(t),
    "pseudo-labels": lambda s, t: pseudo_label_loss(s, LABELS, LABELS > 0),
    "nt-xent": lambda s, t: nt_xent(s[:5], t),
    "byol": lambda s, t: regression_loss(s, SOURCE_LOGITS[:, [0, 1, 2, 0]]),
    "dino": lambda s, t: dino(s.view(2, 3, 4), VIEWS[:2], torch.zeros(4).double()),
    "diet": lambda s, t: diet(s, LABELS),
    "clusters": lambda s, t: cluster_loss(s, LABELS, SOURCE_LOGITS[:, 0].square()),
    "spectral": lambda s, t: spectral_shrinkage(s + 0.1 * s.square(), 2),
    "co-tuning": lambda s, t: co_tuning(s, TARGET_LOGITS.softmax(1)[:, [0, 1, 2, 0]], LABELS),
    "uniform": lambda s, t: uniform_cross_entropy(s),
    "uniform of several": lambda s, t: uniform_cross_entropy(s, multi_label=True),
    "divergence": lambda s, t: symmetric_divergence(s[:5], t),
    "map distance": lambda s, t: map_distance(s, SOURCE + 1),
    "classifier contrast": lambda s, t: classifier_contrast(s, t[:3], t[:3, 0], LABELS, 0.5),
    "category contrast": lambda s, t: category_contrast(s, LABELS, 0.5),
    "mae": lambda s, t: masked_pixel_loss(s[:3][None], VIEWS[:1], HIDDEN),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_that_of_the_value(name):
    source, target = SOURCE.clone().requires_grad_(), TARGET.clone().requires_grad_()
    assert torch.autograd.gradcheck(LOSSES[name], (source, target))


@pytest.mark.parametrize("formula", [coral, mmd, nt_xent])
def test_half_precision_is_computed_in_float32(formula):
    source, target = SOURCE[:5].bfloat16(), TARGET.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = formula(source, target)
    assert torch.equal(loss, formula(source.float(), target.float()))


def test_class_confusion_ignores_autocast():
    logits = TARGET_LOGITS.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = class_confusion(logits)
    assert torch.equal(loss, class_confusion(logits))
