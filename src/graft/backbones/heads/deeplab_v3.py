"""DeepLabv3 as a head of semantic segmentation."""

from __future__ import annotations

from typing import ClassVar

from graft.backbones.pyramids.segmentation_decoder import SegmentationDecoder


class DeeplabV3(SegmentationDecoder):
    """DeepLabv3: dilated convolutions of several reaches on the coarsest map.

    Source: Chen et al.: Rethinking Atrous Convolution, arXiv:1706.05587.
    The network is that of segmentation-models-pytorch.
    When: large objects and scenes; borders at an eighth of the resolution, much work.
    """

    architecture: ClassVar[str] = "DeepLabV3"
