"""YOLOX as one network: trunk, neck and head, and boxes from the predictions of its head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from graft.backbones.heads.layers.yolox.neck import Pafpn
from graft.backbones.heads.layers.yolox.predictor import STRIDES, DecoupledHead, Predictions
from graft.backbones.pyramids.detections import DETECTIONS, LEAST_SCORE
from graft.backbones.pyramids.levels import Levels

NMS_THRESHOLD = 0.65
"""Of two boxes of a class with a higher IoU, non-maximum suppression drops the lower score."""


class Yolox(nn.Module):
    """Pictures (B, 3, H, W) -> what the head predicts in each cell of their pyramid."""

    def __init__(
        self,
        trunk: nn.Module,
        levels: Levels,
        num_classes: int,
        channels: int,
        depth: int,
        depthwise: bool = False,
    ):
        """`channels` leave the neck at the finest level; `depth` bottlenecks are in its layers."""
        super().__init__()
        self.levels = levels.at(STRIDES)
        self.trunk = trunk
        self.neck = Pafpn(self.levels.channels, channels, depth, depthwise)
        leaving = (channels, 2 * channels, 4 * channels)
        self.head = DecoupledHead(leaving, channels, num_classes, depthwise)

    def forward(self, pixels: Tensor) -> Predictions:
        return self.head(self.neck(self.levels.read(self.trunk(pixels))))


@torch.no_grad()
def detect(predictions: Predictions) -> list[dict[str, Tensor]]:
    """The boxes (D, 4) of each picture with their scores and classes (D,), by score.

    Boxes are left, top, right, bottom in pixels of the network's input. Of each cell the likeliest
    class counts alone.
    """
    scores, classes = predictions.scores.max(-1)  # (B, P)
    centers, sides = predictions.boxes.split(2, -1)
    boxes = torch.cat((centers - sides / 2, centers + sides / 2), -1)
    return [_suppress(*rows) for rows in zip(boxes, scores, classes, strict=True)]


def _suppress(boxes: Tensor, scores: Tensor, classes: Tensor) -> dict[str, Tensor]:
    """Drop a picture's boxes of low scores and those that repeat others (NMS)."""
    likely = scores >= LEAST_SCORE
    boxes, scores, classes = boxes[likely], scores[likely], classes[likely]
    kept = batched_nms(boxes, scores, classes, NMS_THRESHOLD)[:DETECTIONS]
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": classes[kept]}
