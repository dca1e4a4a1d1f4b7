"""The learning rate at which a kind of pretrained network is commonly fine-tuned with AdamW."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def usual(
    network: nn.Module,
    reads: str,
    width: int,
    token: Literal["first", "last"] | None,
    each: bool = False,
) -> float:
    """Return the rate by the input, the normalization and `width`, the number of features.

    `each` where every token is told. Pictures: 3e-4 with batch normalization, 1e-4 without (ViT,
    ConvNeXt, Swin). Text: 5e-5 for decoders and encoders of 512 features and more, 1e-4 for smaller
    encoders, which take and need larger steps, and 2e-4 for these where every token has its own
    answer: many to a text, the gradient is less noisy.
    """
    if reads == "image":
        return 3e-4 if any(isinstance(module, _BatchNorm) for module in network.modules()) else 1e-4
    if width >= 512 or token == "last":
        return 5e-5
    return 2e-4 if each else 1e-4
