"""A detector in two stages: regions that may hold an object, then what each of them holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from graft.backbones.pyramids.torchvision_detector import TorchvisionDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn
    from torchvision.models.detection import FasterRCNN as Network
    from torchvision.models.detection.image_list import ImageList
    from torchvision.models.detection.roi_heads import RoIHeads

    from graft.backbones.backbone import Backbone
    from graft.backbones.pyramids.torchvision_network import Target
    from graft.base.records import Batch
    from graft.base.trees import Tree

SIDES = ((16, 25), (39, 61), (95, 148), (231, 360))
"""Sides of the anchors of each level, in pixels of the input: evenly spread over the sizes that
objects have, so that any square overlaps one of them by 0.64."""
RATIOS = (0.5, 1.0, 2.0)
PROPOSALS = 300
"""Regions of a picture that are looked at, in training and after. As many in both, so that one pass
gives losses and detections."""
BEFORE_NMS = 1000
CELLS, FEATURES = 7, 512
"""Each region is looked at in so many cells a side, from which so many features are made: half of
torchvision's, as there are half the channels."""
ANCHORS, REGIONS = 256, 128
"""Anchors and regions of a picture that are learned from: half and a quarter of them objects at
most."""


class FasterRcnn(TorchvisionDetector):
    """Faster R-CNN: regions that may hold an object are proposed, then classified and corrected.

    Source: Ren et al.: Faster R-CNN, arXiv:1506.01497; Lin et al.: Feature Pyramid Networks,
    arXiv:1612.03144; the network is torchvision's, with a pyramid of 128 channels at strides 8 to
    64, where torchvision's own begins at 4, which takes four times as long.
    When: the default; learns from few pictures.
    When not: objects of less than some 12 pixels of the input: set a larger size.
    """

    paths: ClassVar[tuple[str, ...]] = ("backbone.fpn", "rpn", "roi_heads")
    first_class: ClassVar[int] = 1

    @staticmethod
    def limits() -> dict[str, Any]:
        from graft.backbones.pyramids.detections import DETECTIONS, LEAST_SCORE

        return {
            "rpn_pre_nms_top_n_train": BEFORE_NMS,
            "rpn_pre_nms_top_n_test": BEFORE_NMS,
            "rpn_post_nms_top_n_train": PROPOSALS,
            "rpn_post_nms_top_n_test": PROPOSALS,
            "box_score_thresh": LEAST_SCORE,
            "box_detections_per_img": DETECTIONS,
        }

    @staticmethod
    def prepare(network: Network) -> None:
        from graft.backbones.pyramids import torchvision_network as library

        # torchvision makes this part itself; the subclass has the same weights and other losses.
        network.rpn.__class__ = library.RegionProposals
        network.rpn.fg_bg_sampler = library.Sampler(ANCHORS, 0.5)
        network.roi_heads.fg_bg_sampler = library.Sampler(REGIONS, 0.25)
        library.give_float32(network.rpn.head)
        library.give_float32(network.roi_heads.box_predictor)

    def build(self, trunk: nn.Module, backbone: Backbone, outputs: int) -> nn.Module:
        from torchvision.models.detection import FasterRCNN as Network
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
        from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
        from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

        from graft.backbones.pyramids import torchvision_network as library

        channels = library.CHANNELS
        levels = backbone.levels.at(library.STRIDES)
        names = [str(number) for number in range(len(levels.strides))]
        fpn = FeaturePyramidNetwork(list(levels.channels), channels, LastLevelMaxPool())
        network = Network(
            library.WithPyramid(trunk, levels, fpn),
            box_head=TwoMLPHead(channels * CELLS**2, FEATURES),
            box_predictor=FastRCNNPredictor(FEATURES, outputs + self.first_class),
            rpn_anchor_generator=AnchorGenerator(SIDES, (RATIOS,) * len(SIDES)),
            box_roi_pool=MultiScaleRoIAlign(names, CELLS, sampling_ratio=2),
            **self.limits(),
            **library.pictures_as_they_are(backbone.preprocess),
        )
        self.prepare(network)
        return network

    def rows_of_classes(self, tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        """Each class has a row of scores and four of corners, those of the background first."""
        import numpy as np

        if not tensor.startswith("roi_heads.box_predictor."):
            return None
        return np.arange(num_rows).reshape(outputs + 1, -1)[1:]

    @staticmethod
    def call(network: Network, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
        """Losses where the batch has targets; detections but for a training step."""
        from graft.backbones.pyramids.detections import pad_detections, wants_detections
        from graft.backbones.pyramids.torchvision_network import list_of, set_training, targets_of

        (pictures,) = batch.inputs.values()
        images = list_of(pictures)
        maps = network.backbone(pictures)
        targets = targets_of(batch, first=1)
        with set_training(network.rpn, targets is not None):
            proposals, losses = network.rpn(images, maps, targets)
        if targets is not None:
            losses |= _losses_of_regions(network.roi_heads, images, maps, proposals, targets)
        if not wants_detections(batch):
            return None, losses
        with set_training(network.roi_heads, False):
            detections, _ = network.roi_heads(maps, proposals, images.image_sizes)
        raw = pad_detections(detections, first=1, dense=_dense_outputs(network, images, maps))
        return raw, losses or None


def _dense_outputs(network: Network, images: ImageList, maps: dict[str, Tensor]) -> Tree:
    """The outputs of both stages where these do not depend on each other: on the coarsest maps, and
    on the whole picture."""
    height, width = images.image_sizes[0]
    pictures = [maps["0"].new_tensor([[0.0, 0.0, width, height]])] * len(images.image_sizes)
    objectness, box_deltas = network.rpn.head(list(maps.values())[-2:])
    heads = network.roi_heads
    features = heads.box_head(heads.box_roi_pool(maps, pictures, images.image_sizes))
    class_logits, box_regression = heads.box_predictor(features)
    return {
        "objectness": tuple(objectness),
        "box_deltas": tuple(box_deltas),
        "class_logits": class_logits,
        "box_regression": box_regression,
    }


def _losses_of_regions(
    heads: RoIHeads,
    images: ImageList,
    maps: dict[str, Tensor],
    proposals: list[Tensor],
    targets: Target,
) -> dict[str, Tensor]:
    """The losses of regions, as means over pictures: these may differ in how many they have."""
    import torch
    from torchvision.models.detection.roi_heads import fastrcnn_loss

    proposals, _, labels, box_targets = heads.select_training_samples(proposals, targets)
    features = heads.box_head(heads.box_roi_pool(maps, proposals, images.image_sizes))
    counts = [len(each) for each in proposals]
    outputs = (each.split(counts) for each in heads.box_predictor(features))
    pairs = [
        fastrcnn_loss(logits, regression, [classes], [wanted])
        for logits, regression, classes, wanted in zip(*outputs, labels, box_targets, strict=True)
    ]
    means = [torch.stack(losses).mean() for losses in zip(*pairs, strict=True)]
    return dict(zip(("loss_classifier", "loss_box_reg"), means, strict=True))
