"""The decoupled head of YOLOX: a box, an objectness and classes in each grid cell of each level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.backbones.heads.layers.yolox.blocks import ConvBlock, spatial_block

STRIDES = (8, 16, 32)
PRIOR = 0.01
"""The probability of an object and of each class with which a new head begins: most cells show
none, and the sum of their losses would drown that of the others in the first steps (RetinaNet,
arXiv:1708.02002)."""


@dataclass(frozen=True)
class Grid:
    """The cells of all levels in a row, the finest level first: P of them."""

    corners: Tensor
    """The left upper corner of each cell, in cells (P, 2)."""
    strides: Tensor
    """The pixels of a cell's side (P, 1)."""

    @classmethod
    def of(cls, maps: Sequence[Tensor]) -> Grid:
        """The cells of maps (B, C, H, W) at the strides of the head."""
        corners, strides = [], []
        for stride, each in zip(STRIDES, maps, strict=True):
            height, width = each.shape[-2:]
            rows = torch.arange(height, device=each.device, dtype=torch.float32)
            columns = torch.arange(width, device=each.device, dtype=torch.float32)
            y, x = torch.meshgrid(rows, columns, indexing="ij")
            corners.append(torch.stack((x, y), -1).flatten(0, 1))
            strides.append(torch.full_like(corners[-1][:, :1], stride))
        return cls(torch.cat(corners), torch.cat(strides))

    @property
    def centers(self) -> Tensor:
        """The middle of each cell in pixels (P, 2)."""
        return (self.corners + 0.5) * self.strides


@dataclass(frozen=True)
class Predictions:
    """What the head predicts in each of P cells of B pictures, in float32."""

    offsets: Tensor
    """Boxes as the network gives them (B, P, 4)."""
    objectness: Tensor
    """The logit of there being an object (B, P)."""
    logits: Tensor
    """Those of its class, each by itself (B, P, C)."""
    grid: Grid

    @property
    def boxes(self) -> Tensor:
        """Center x and y, width and height, in pixels (B, P, 4).

        Formula: x = (o_x + corner_x) s, w = exp(o_w) s, with s the stride; y and h likewise.
        """
        corners, strides = self.grid.corners, self.grid.strides
        centers = (self.offsets[..., :2] + corners) * strides
        return torch.cat((centers, self.offsets[..., 2:].exp() * strides), -1)

    @property
    def scores(self) -> Tensor:
        """How likely an object of each class is: P(object) P(class | object), (B, P, C)."""
        return self.objectness.sigmoid()[..., None] * self.logits.sigmoid()


class DecoupledHead(nn.Module):
    """Predict classes in one branch, box and objectness in another.

    What something is and where its edges are need different features; coupled in one branch, they
    compete and training converges later (arXiv:2107.08430, 2.2). `entering` are the channels of the
    three levels; `width` are those of both branches.
    """

    def __init__(
        self, entering: Sequence[int], width: int, num_classes: int, depthwise: bool = False
    ):
        super().__init__()
        conv = spatial_block(depthwise)

        def branches() -> nn.ModuleList:
            pairs = [(conv(width, width, 3), conv(width, width, 3)) for _ in STRIDES]
            return nn.ModuleList(nn.Sequential(*pair) for pair in pairs)

        def predictors(leaving: int) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(width, leaving, 1) for _ in STRIDES)

        self.stems = nn.ModuleList(ConvBlock(channels, width, 1) for channels in entering)
        self.cls_convs, self.reg_convs = branches(), branches()
        self.cls_preds = predictors(num_classes)
        self.reg_preds, self.obj_preds = predictors(4), predictors(1)
        for layer in (*self.cls_preds, *self.obj_preds):
            nn.init.constant_(layer.bias, -math.log((1 - PRIOR) / PRIOR))

    def forward(self, levels: Sequence[Tensor]) -> Predictions:
        """Levels at strides 8, 16 and 32, the finest first."""
        maps = [self._predict(number, level) for number, level in enumerate(levels)]
        rows = torch.cat([each.flatten(2).transpose(1, 2) for each in maps], 1).float()  # (B, P, K)
        return Predictions(rows[..., :4], rows[..., 4], rows[..., 5:], Grid.of(maps))

    def _predict(self, number: int, level: Tensor) -> Tensor:
        """Box, objectness and classes of one level (B, 4 + 1 + C, H, W)."""
        stem = self.stems[number](level)
        of_classes, of_boxes = self.cls_convs[number](stem), self.reg_convs[number](stem)
        boxes, objectness = self.reg_preds[number](of_boxes), self.obj_preds[number](of_boxes)
        return torch.cat((boxes, objectness, self.cls_preds[number](of_classes)), 1)
