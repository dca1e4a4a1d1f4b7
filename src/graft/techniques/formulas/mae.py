"""Masked autoencoding: predict the pixels of hidden patches."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.base.errors import BadValue
from graft.techniques.formulas.precision import in_full_precision


def draw_masks(count: int, patches: int, generator: torch.Generator, share: float = 0.75) -> Tensor:
    """Return which patches of each picture are hidden, (count, patches) of bool.

    In each picture as many are hidden: `share` of them, rounded, but at least one, and at least
    one is left to see.
    Source: He et al.: Masked Autoencoders Are Scalable Vision Learners, arXiv:2111.06377.
    Raises BadValue for fewer than two patches.
    """
    if patches < 2:
        raise BadValue(
            f"Masking hides some patches and shows others, and the pictures have {patches}. Use "
            "larger pictures or smaller patches."
        )
    hidden = min(max(round(share * patches), 1), patches - 1)
    order = torch.rand(count, patches, generator=generator).argsort(1)
    return torch.zeros(count, patches, dtype=torch.bool).scatter(1, order[:, :hidden], True)


def cut_patches(images: Tensor, size: int) -> Tensor:
    """Return the square patches (N, L, size size C) of images (N, C, H, W), row by row.

    The pixels of a patch are row by row, the channels of a pixel side by side.
    Raises BadValue if the patches do not fill the images.
    """
    count, channels, height, width = images.shape
    if height % size or width % size:
        raise BadValue(
            f"Patches of {size} pixels do not fill images of {width} x {height}. Use images whose "
            f"sides are multiples of {size}."
        )
    cells = images.reshape(count, channels, height // size, size, width // size, size)
    return cells.permute(0, 2, 4, 3, 5, 1).reshape(count, -1, size * size * channels)


@in_full_precision
def masked_pixel_loss(
    predictions: Tensor, patches: Tensor, is_hidden: Tensor, normalized: bool = True
) -> Tensor:
    """Return the mean squared error of hidden patches, a scalar.

    `predictions` and `patches` are (N, L, P), `is_hidden` is (N, L) of bool.
    Formula: mean over hidden patches and pixels of (prediction - x)^2; normalized, x of each patch
    has mean 0 and variance 1, but for 1e-6 that keeps even patches finite.
    Source: arXiv:2111.06377.
    """
    if normalized:
        mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
        patches = (patches - mean) / (variance + 1e-6).sqrt()
    return (predictions - patches)[is_hidden].square().mean()
