"""How many frames of features the convolutions of an encoder make of a sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Convolution(NamedTuple):
    """One convolution over time."""

    kernel: int
    stride: int
    padding: int = 0


def count_frames(lengths: Tensor, convolutions: Sequence[Convolution]) -> Tensor:
    """The lengths (B,) of the features of inputs of these lengths."""
    for kernel, stride, padding in convolutions:
        lengths = (lengths + 2 * padding - kernel) // stride + 1
    return lengths


def fewest_inputs(convolutions: Sequence[Convolution], frames: int = 1) -> int:
    """The length of the shortest input that gives so many frames."""
    length = frames
    for kernel, stride, padding in reversed(convolutions):
        length = max(1, (length - 1) * stride + kernel - 2 * padding)
    return length


def mask_frames(input_mask: Tensor, convolutions: Sequence[Convolution]) -> Tensor:
    """The mask (B, T) of the frames of features, of the mask (B, S) of the inputs."""
    lengths = count_frames(input_mask.sum(1), convolutions)
    whole = int(count_frames(torch.tensor(input_mask.shape[1]), convolutions))
    return (torch.arange(whole, device=lengths.device) < lengths[:, None]).long()
