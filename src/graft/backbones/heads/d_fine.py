"""D-FINE: queries that find objects, their edges as distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graft.backbones.pyramids.transformers_detector import TransformersDetector

if TYPE_CHECKING:
    from torch import nn


class DFine(TransformersDetector):
    """D-FINE: as RT-DETR, but the decoder refines a distribution over the place of each edge.

    Later layers correct the distributions of earlier ones, which learn from the last.
    Source: Peng et al.: D-FINE, arXiv:2410.13842; the network is transformers', in its smallest
    published size.
    When: boxes must be tight; crowded pictures.
    """

    @staticmethod
    def create(**settings: Any) -> nn.Module:
        from transformers import DFineConfig, DFineForObjectDetection

        sizes = {"hidden_expansion": 0.5, "depth_mult": 0.34}
        return DFineForObjectDetection(DFineConfig(**sizes, **settings))
