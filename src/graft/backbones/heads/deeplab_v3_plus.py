"""DeepLabv3+ as a head of semantic segmentation."""

from __future__ import annotations

from typing import ClassVar

from graft.backbones.pyramids.segmentation_decoder import SegmentationDecoder


class DeeplabV3Plus(SegmentationDecoder):
    """DeepLabv3+: dilated convolutions of several reaches, joined with a fine map.

    Source: Chen et al.: Encoder-Decoder with Atrous Separable Convolution, arXiv:1802.02611.
    The network is that of segmentation-models-pytorch.
    When: street scenes and other large objects whose borders matter.
    """

    architecture: ClassVar[str] = "DeepLabV3Plus"
