"""The trunk that official YOLOX checkpoints have: a Darknet of cross-stage partial layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.backbones.heads.layers.yolox.blocks import ConvBlock, CspLayer, spatial_block

POOLED = (5, 9, 13)
"""The sides of the max-pooling windows on the coarsest level."""
GRAY = 114.0
"""What the official pictures are padded with, of 0 to 255."""


class Focus(nn.Module):
    """Rearrange each 2 x 2 pixels into 12 channels of one cell: half the size, nothing lost."""

    def __init__(self, leaving: int):
        super().__init__()
        self.conv = ConvBlock(12, leaving, 3)

    def forward(self, x: Tensor) -> Tensor:
        top, bottom = x[..., ::2, :], x[..., 1::2, :]
        corners = (top[..., ::2], bottom[..., ::2], top[..., 1::2], bottom[..., 1::2])
        return self.conv(torch.cat(corners, 1))


class SpatialPooling(nn.Module):
    """Join a map with its max-pooling over windows of several sizes (SPP).

    Source: He et al.: Spatial pyramid pooling, arXiv:1406.4729, as in YOLOv3-SPP.
    """

    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        self.conv1 = ConvBlock(channels, half, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(side, 1, side // 2) for side in POOLED)
        self.conv2 = ConvBlock(half * (1 + len(POOLED)), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        return self.conv2(torch.cat((x, *(pool(x) for pool in self.m)), 1))


class CspDarknet(nn.Module):
    """Five stages, each half the size of the one before; returns those at strides 4, 8, 16, 32.

    `width` are the channels of the first stage, doubled by each; `depth` the bottlenecks of the
    shortest stages. Pictures enter with red first, as levels from 0 to 255 less `GRAY`; the weights
    were made for blue first, and for the levels themselves.
    """

    def __init__(self, width: int, depth: int, depthwise: bool = False):
        super().__init__()
        self.width = width
        self.depth = depth
        self.depthwise = depthwise
        conv = spatial_block(depthwise)

        def stage(factor: int, depth: int) -> nn.Sequential:
            entering, leaving = width * factor // 2, width * factor
            csp = CspLayer(leaving, leaving, depth, shortcut=True, depthwise=depthwise)
            return nn.Sequential(conv(entering, leaving, 3, 2), csp)

        self.stem = Focus(width)
        self.dark2 = stage(2, depth)
        self.dark3, self.dark4 = stage(4, 3 * depth), stage(8, 3 * depth)
        last = CspLayer(16 * width, 16 * width, depth, shortcut=False, depthwise=depthwise)
        self.dark5 = nn.Sequential(
            conv(8 * width, 16 * width, 3, 2), SpatialPooling(16 * width), last
        )

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) -> maps with 2, 4, 8 and 16 times `width` channels."""
        x = self.stem(pixels.flip(1) + GRAY)
        maps = []
        for stage in (self.dark2, self.dark3, self.dark4, self.dark5):
            x = stage(x)
            maps.append(x)
        return tuple(maps)
