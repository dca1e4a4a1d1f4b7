"""Mixed examples: a weighted mean of two, or one with a box of the other."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor


def mix(tensor: Tensor, partners: Tensor, share: float) -> Tensor:
    """Return each row of a tensor (N, ...) mixed with another one of the batch.

    Formula: share x_n + (1 - share) x_partner(n). Of whole numbers, such as masks, it is the larger
    of both.
    Source: Zhang et al.: mixup, arXiv:1710.09412.
    """
    if not tensor.is_floating_point():
        return torch.maximum(tensor, tensor[partners])
    return tensor.lerp(tensor[partners], 1 - share)


def cut_box(height: int, width: int, share: float, center: tuple[float, float]) -> tuple[int, ...]:
    """Return the box (top, bottom, left, right) that hides 1 - share of a picture.

    Formula: it is sqrt(1 - share) as high and as wide as the picture, around the center, a pair of
    numbers from 0 to 1, and cut at the rim.
    Source: Yun et al.: CutMix, arXiv:1905.04899.
    """
    size = sqrt(1 - share)
    edges: list[int] = []
    for length, middle in ((height, center[0]), (width, center[1])):
        half, at = int(size * length) // 2, min(int(middle * length), length - 1)
        edges += [max(at - half, 0), min(at + half, length)]
    return tuple(edges)


def paste(pictures: Tensor, partners: Tensor, box: tuple[int, ...]) -> tuple[Tensor, float]:
    """Return pictures (N, 3, H, W) with a box of their partners, and the share that is their own.

    Formula: M x_n + (1 - M) x_partner(n), M 0 in the box; the share is the mean of M.
    Source: as above.
    """
    top, bottom, left, right = box
    height, width = pictures.shape[-2:]
    mixed = pictures.clone()
    mixed[..., top:bottom, left:right] = pictures[partners][..., top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)
