"""The blocks that YOLOX is made of: a convolution with its norm, and CSP layers of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPS, MOMENTUM = 1e-3, 0.03
"""Those of the official batch norms; torch's defaults are 1e-5 and 0.1."""


class ConvBlock(nn.Module):
    """Convolution, batch norm, SiLU: (B, C, H, W) -> (B, D, H / stride, W / stride)."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(
            entering, leaving, kernel, stride, padding=kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(leaving, EPS, MOMENTUM)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class DepthwiseBlock(nn.Module):
    """The same in two steps, as in YOLOX-Nano: each channel by itself, then across channels."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int = 1):
        super().__init__()
        self.dconv = ConvBlock(entering, entering, kernel, stride, groups=entering)
        self.pconv = ConvBlock(entering, leaving, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pconv(self.dconv(x))


def spatial_block(depthwise: bool) -> type[ConvBlock | DepthwiseBlock]:
    """The kind of block for convolutions wider than 1 x 1."""
    return DepthwiseBlock if depthwise else ConvBlock


class Bottleneck(nn.Module):
    """1 x 1, then 3 x 3, both of the same width, with or without a shortcut around them."""

    def __init__(self, channels: int, shortcut: bool, depthwise: bool):
        super().__init__()
        self.conv1 = ConvBlock(channels, channels, 1)
        self.conv2 = spatial_block(depthwise)(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class CspLayer(nn.Module):
    """A cross-stage partial layer (arXiv:1911.11929): half of the channels skip the bottlenecks.

    Formula: y = conv3([m(conv1(x)), conv2(x)]), the brackets for joined channels, m a chain of
    bottlenecks. Half the channels in the chain cost a quarter, and gradients have a short way.
    """

    def __init__(
        self, entering: int, leaving: int, depth: int, shortcut: bool, depthwise: bool = False
    ):
        super().__init__()
        half = leaving // 2
        self.conv1 = ConvBlock(entering, half, 1)
        self.conv2 = ConvBlock(entering, half, 1)
        self.conv3 = ConvBlock(2 * half, leaving, 1)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut, depthwise) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(torch.cat((self.m(self.conv1(x)), self.conv2(x)), 1))
