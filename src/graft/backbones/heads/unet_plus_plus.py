"""U-Net++ as a head of semantic segmentation."""

from __future__ import annotations

from typing import ClassVar

from graft.backbones.pyramids.segmentation_decoder import SegmentationDecoder


class UnetPlusPlus(SegmentationDecoder):
    """U-Net++: a U-Net whose finer maps pass through nested convolutions first.

    Source: Zhou et al.: UNet++, arXiv:1807.10165.
    The network is that of segmentation-models-pytorch.
    When: objects of very different sizes; about twice the work of a U-Net.
    """

    architecture: ClassVar[str] = "UnetPlusPlus"
