"""U-Net as a head of semantic segmentation."""

from __future__ import annotations

from typing import ClassVar

from graft.backbones.pyramids.segmentation_decoder import SegmentationDecoder


class Unet(SegmentationDecoder):
    """U-Net: from the coarsest map to the picture step by step, each joined with a finer map.

    Source: Ronneberger et al.: U-Net, arXiv:1505.04597.
    The network is that of segmentation-models-pytorch.
    When: the default; thin objects and sharp borders, few pictures, medicine.
    """

    architecture: ClassVar[str] = "Unet"
