"""Losses of the classes of pixels. Each is the mean over the pictures of that of a picture.

A picture computed alone thus has the same gradient as in a batch, whatever is ignored in it.
Logits are (B, C, H, W), targets (B, H, W); pixels with another number than those of the classes
count for nothing. Of a picture in which all pixels are ignored the loss is 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from graft.base.errors import BadValue

GAMMA = 2.0
"""How far the focal loss turns from pixels that are classified well: that of the paper."""
EPSILON = 1e-7

PixelLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits, target, weights (C,)) -> the loss (B,) of each picture."""


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean over the pixels of the negative logarithm of the right probability."""
    known = _is_known(logits, target)
    right = torch.where(known, target, 0)
    losses = nn.functional.cross_entropy(logits, right, weights, reduction="none")
    counted = weights[right] * known
    return (losses * known).sum((1, 2)) / counted.sum((1, 2)).clamp(min=EPSILON)


def dice(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """1 - Dice of the probabilities (arXiv:1606.04797), the mean over the classes.

    A class that is not in the picture has a loss of 0.
    """
    true = _one_hot(logits, target)
    known = _is_known(logits, target)[:, None]
    guessed = logits.softmax(1) * known
    both = (guessed * true).sum((2, 3))
    either = (guessed + true).sum((2, 3)).clamp(min=EPSILON)
    losses = (1 - 2 * both / either) * (true.sum((2, 3)) > 0)
    return losses @ weights / weights.sum()


def focal(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """The focal loss (arXiv:1708.02002) of each class against the rest, the mean over both."""
    true = _one_hot(logits, target)
    known = _is_known(logits, target)[:, None]
    losses = nn.functional.binary_cross_entropy_with_logits(logits, true, reduction="none")
    losses = (1 - torch.exp(-losses)) ** GAMMA * losses * known
    by_class = losses.sum((2, 3)) / known.sum((2, 3)).clamp(min=1)
    return by_class @ weights / weights.sum()


LOSSES: dict[str, PixelLoss] = {"cross-entropy": cross_entropy, "dice": dice, "focal": focal}


def parse_losses(text: str) -> list[PixelLoss]:
    """The losses in a sum such as `cross-entropy+dice`; raises BadValue for another word."""
    names = [name.strip() for name in text.split("+")]
    if unknown := [name for name in names if name not in LOSSES]:
        raise BadValue(
            f"The 'criterion' must be one of {', '.join(LOSSES)}, or a sum such as "
            f"cross-entropy+dice. Got {unknown[0]!r} instead."
        )
    if len({*names}) < len(names):
        raise BadValue(f"The 'criterion' names a loss twice: {text!r}. Write it once.")
    return [LOSSES[name] for name in names]


def _is_known(logits: Tensor, target: Tensor) -> Tensor:
    """Which pixels (B, H, W) count."""
    return target < logits.shape[1]


def _one_hot(logits: Tensor, target: Tensor) -> Tensor:
    """Which class (B, C, H, W) each pixel has; none if it is ignored."""
    classes = torch.arange(logits.shape[1], device=logits.device)[None, :, None, None]
    return (target[:, None] == classes).to(logits)
