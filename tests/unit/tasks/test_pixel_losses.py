"""The losses of pixels equal those of segmentation-models-pytorch, picture by picture."""

from __future__ import annotations

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from graft.base.errors import BadValue
from graft.tasks.pictures.pixel_losses import LOSSES, cross_entropy, dice, focal, parse_losses

IGNORED = 255


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(3, 4, 6, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def target() -> Tensor:
    numbers = torch.randint(0, 4, (3, 6, 5), generator=torch.Generator().manual_seed(1))
    numbers[0, :2] = IGNORED
    numbers[1][numbers[1] == 3] = 0  # a class that is not in one of the pictures
    return numbers


EVEN, UNEVEN = torch.ones(4), torch.tensor([1.0, 2.0, 0.5, 4.0])


@pytest.mark.parametrize("weights", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_cross_entropy_is_that_of_each_picture(logits, target, weights):
    wanted = [
        nn.functional.cross_entropy(one, true, weights, ignore_index=IGNORED)
        for one, true in zip(logits.split(1), target.split(1), strict=True)
    ]
    torch.testing.assert_close(cross_entropy(logits, target, weights), torch.stack(wanted))


@pytest.mark.parametrize(
    ("loss", "theirs"), [(dice, smp.losses.DiceLoss), (focal, smp.losses.FocalLoss)]
)
def test_others_are_those_of_segmentation_models_pytorch(logits, target, loss, theirs):
    reference = theirs("multiclass", ignore_index=IGNORED)
    wanted = [
        reference(one, true) for one, true in zip(logits.split(1), target.split(1), strict=True)
    ]
    torch.testing.assert_close(loss(logits, target, EVEN), torch.stack(wanted))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_picture_without_a_known_pixel_has_no_loss_and_no_gradient(loss, logits):
    logits.requires_grad_()
    nothing = torch.full((3, 6, 5), IGNORED)
    losses = loss(logits, nothing, UNEVEN)
    losses.sum().backward()
    assert losses.tolist() == [0.0, 0.0, 0.0]
    assert not logits.grad.any()


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_class_of_more_weight_counts_more(loss, logits, target):
    of_class = logits.clone()
    of_class[:, 3] -= 5  # wrong about the class that weighs most
    even, uneven = (loss(of_class, target, weights)[0] for weights in (EVEN, UNEVEN))
    assert uneven > even


def test_sums_are_named_by_plus_and_other_words_are_refused():
    assert parse_losses("cross-entropy+dice") == [cross_entropy, dice]
    with pytest.raises(BadValue, match=r"one of cross-entropy, dice, focal, or a sum.*'lovasz'"):
        parse_losses("dice + lovasz")
