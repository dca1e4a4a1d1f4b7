"""YOLOX: boxes without anchors, and a choice of grid cells by cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graft.backbones.pyramids.detector_head import DetectorHead

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from graft.backbones.backbone import Backbone
    from graft.backbones.heads.layers.yolox.detector import Yolox as Network
    from graft.base.records import Batch
    from graft.base.trees import Tree

CHANNELS, DEPTH = 96, 1
"""Those of YOLOX-Tiny: its neck and head are about the size of a small trunk."""


class Yolox(DetectorHead):
    """YOLOX: each grid cell of three levels predicts one box, whether it is there, and its class.

    A neck joins the levels in both directions; separate branches predict classes and boxes; in
    training each object chooses the cells that find it most cheaply (SimOTA).
    Source: Ge et al.: YOLOX, arXiv:2107.08430; outputs and losses equal those of the official code.
    When: a small and fast detector; objects of very different sizes and shapes.
    """

    saved_by: ClassVar[str | None] = "yolox"
    trunk: ClassVar[str] = "trunk"
    paths: ClassVar[tuple[str, ...]] = ("neck", "head")

    def build(self, trunk: nn.Module, backbone: Backbone, outputs: int) -> nn.Module:
        """A trunk of an official detector gets the neck and the head of that detector."""
        from graft.backbones.heads.layers.yolox.darknet import CspDarknet
        from graft.backbones.heads.layers.yolox.detector import Yolox as Network

        levels = backbone.levels
        if isinstance(trunk, CspDarknet):
            channels = 4 * trunk.width
            return Network(trunk, levels, outputs, channels, trunk.depth, trunk.depthwise)
        return Network(trunk, levels, outputs, CHANNELS, DEPTH)

    def rows_of_classes(self, tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        """Each class has a row in the last layer of each level."""
        import numpy as np

        if not tensor.startswith("head.cls_preds."):
            return None
        return np.arange(num_rows)[:, None]

    @staticmethod
    def call(network: Network, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
        """Losses where the batch has targets; detections but for a training step."""
        from graft.backbones.heads.layers.yolox.detector import detect
        from graft.backbones.heads.layers.yolox.losses import losses
        from graft.backbones.pyramids.detections import pad_detections, wants_detections

        predictions = network(*batch.inputs.values())
        raw: Tree = None
        if wants_detections(batch):
            dense = {"offsets": predictions.offsets, "scores": predictions.scores}
            raw = pad_detections(detect(predictions), first=0, dense=dense)
        if batch.target is None:
            return raw, None
        return raw, losses(predictions, batch.target["boxes"], batch.target["classes"])
