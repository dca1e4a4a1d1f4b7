"""A feature pyramid as a head of semantic segmentation."""

from __future__ import annotations

from typing import ClassVar

from graft.backbones.pyramids.segmentation_decoder import SegmentationDecoder


class Fpn(SegmentationDecoder):
    """A feature pyramid: the maps of all resolutions, from coarse to fine, are added up.

    Source: Kirillov et al.: Panoptic Feature Pyramid Networks, arXiv:1901.02446.
    The network is that of segmentation-models-pytorch.
    When: fewer weights and less work than a U-Net; borders at a quarter of the resolution.
    """

    architecture: ClassVar[str] = "FPN"
