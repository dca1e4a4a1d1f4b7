"""A detector in two stages: regions that may hold an object, then what each of them holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graft.backbones.pyramids.torchvision_detector import (
    CHANNELS,
    DETECTIONS,
    LEAST_SCORE,
    TorchvisionDetector,
    WithPyramid,
    give_float32,
    giving_losses,
    list_of,
    padded,
    pictures_as_they_are,
    targets_of,
    wants_detections,
)

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torchvision.models.detection import FasterRCNN as Network

    from graft.backbones.preprocess.preprocess import ImagePreprocess
    from graft.backbones.pyramids.levels import Levels
    from graft.base.records import Batch
    from graft.base.trees import Tree

LEAST_ANCHOR = 4
"""Sides of the smallest anchors of a level, in cells of it: 16 pixels at stride 4."""
RATIOS = (0.5, 1.0, 2.0)
PROPOSALS = 500
"""Regions of a picture that are looked at, in training and after. As many in both, so that one pass
gives losses and detections."""
BEFORE_NMS = 1000
REGIONS = 128
"""Regions of a picture that are learned from, a quarter of them objects at most."""


class FasterRcnn(TorchvisionDetector):
    """Faster R-CNN: regions that may hold an object are proposed, then classified and corrected.

    Source: Ren et al.: Faster R-CNN, arXiv:1506.01497; Lin et al.: Feature Pyramid Networks,
    arXiv:1612.03144; the network is torchvision's, with a pyramid of 128 channels.
    When: the default; learns from few pictures.
    """

    strides: ClassVar[tuple[int, ...]] = (4, 8, 16, 32)
    paths: ClassVar[tuple[str, ...]] = ("backbone.fpn", "rpn", "roi_heads")

    def build(
        self, trunk: nn.Module, levels: Levels, outputs: int, preprocess: ImagePreprocess
    ) -> nn.Module:
        from torchvision.models.detection import FasterRCNN as Network
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.ops import FeaturePyramidNetwork
        from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

        levels = levels.at(self.strides)
        fpn = FeaturePyramidNetwork(list(levels.channels), CHANNELS, LastLevelMaxPool())
        strides = (*self.strides, 2 * self.strides[-1])
        # Two anchors an octave: any square object then overlaps one of them by 0.7.
        sides = tuple(
            (LEAST_ANCHOR * stride, round(LEAST_ANCHOR * stride * 2**0.5)) for stride in strides
        )
        network = Network(
            WithPyramid(trunk, levels, fpn),
            outputs + 1,
            rpn_anchor_generator=AnchorGenerator(sides, (RATIOS,) * len(sides)),
            rpn_pre_nms_top_n_train=BEFORE_NMS,
            rpn_pre_nms_top_n_test=BEFORE_NMS,
            rpn_post_nms_top_n_train=PROPOSALS,
            rpn_post_nms_top_n_test=PROPOSALS,
            box_batch_size_per_image=REGIONS,
            box_score_thresh=LEAST_SCORE,
            box_detections_per_img=DETECTIONS,
            **pictures_as_they_are(preprocess),
        )
        give_float32(network.rpn.head)
        give_float32(network.roi_heads.box_predictor)
        return network

    @staticmethod
    def call(network: Network, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
        """Losses where the batch has targets; detections but for a training step."""
        (pictures,) = batch.inputs.values()
        images = list_of(pictures)
        maps = network.backbone(pictures)
        targets = targets_of(batch, first=1)
        raw: Tree = None
        losses: dict[str, Tensor] | None = None
        if targets is None:
            proposals, _ = network.rpn(images, maps)
        else:
            with giving_losses(network.rpn, network.roi_heads):
                proposals, regions = network.rpn(images, maps, targets)
                _, losses = network.roi_heads(maps, proposals, images.image_sizes, targets)
            losses = {**regions, **losses}
        if wants_detections(batch):
            detections, _ = network.roi_heads(maps, proposals, images.image_sizes)
            raw = padded(detections, first=1)
        return raw, losses
