"""The path aggregation network of YOLOX (PAFPN): levels of a pyramid exchange features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graft.backbones.heads.layers.yolox.blocks import ConvBlock, CspLayer, spatial_block


class Pafpn(nn.Module):
    """From coarse to fine, and back from fine to coarse (PANet, arXiv:1803.01534).

    The way down carries semantics to the fine levels, the way up exact positions to the coarse
    ones. Maps of two levels are joined by their channels, not added as in a feature pyramid network
    (arXiv:1612.03144), so that levels of any trunk fit.

        P5 ---- lateral_conv0 ----+--------------------------- C3_n4 -> N5
                                  | twice as large         |
        P4 ---------------------- C3_p4 - reduce_conv1 - C3_n3 -> N4
                                              |        |
        P3 -------------------------------- C3_p3 ----------------> N3

    `entering` are the channels of the trunk at strides 8, 16 and 32; those that leave are C, 2 C
    and 4 C, with `channels` = C. `depth` bottlenecks are in each of the four layers.
    """

    def __init__(self, entering: Sequence[int], channels: int, depth: int, depthwise: bool = False):
        super().__init__()
        fine, middle, coarse = entering
        c, conv = channels, spatial_block(depthwise)

        def csp(joined: int, leaving: int) -> CspLayer:
            return CspLayer(joined, leaving, depth, shortcut=False, depthwise=depthwise)

        self.lateral_conv0 = ConvBlock(coarse, 2 * c, 1)
        self.C3_p4 = csp(2 * c + middle, 2 * c)
        self.reduce_conv1 = ConvBlock(2 * c, c, 1)
        self.C3_p3 = csp(c + fine, c)
        self.bu_conv2 = conv(c, c, 3, 2)
        self.C3_n3 = csp(2 * c, 2 * c)
        self.bu_conv1 = conv(2 * c, 2 * c, 3, 2)
        self.C3_n4 = csp(4 * c, 4 * c)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Levels at strides 8, 16 and 32, the finest first -> (B, C | 2 C | 4 C, H, W)."""
        fine, middle, coarse = levels
        down_coarse = self.lateral_conv0(coarse)
        joined = torch.cat((self.upsample(down_coarse), middle), 1)
        down_middle = self.reduce_conv1(self.C3_p4(joined))
        up_fine = self.C3_p3(torch.cat((self.upsample(down_middle), fine), 1))
        up_middle = self.C3_n3(torch.cat((self.bu_conv2(up_fine), down_middle), 1))
        up_coarse = self.C3_n4(torch.cat((self.bu_conv1(up_middle), down_coarse), 1))
        return up_fine, up_middle, up_coarse
