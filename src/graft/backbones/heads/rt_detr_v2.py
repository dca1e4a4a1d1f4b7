"""RT-DETRv2: queries that find objects, selected among the locations of a pyramid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graft.backbones.pyramids.transformers_detector import TransformersDetector

if TYPE_CHECKING:
    from torch import nn


class RtDetrV2(TransformersDetector):
    """RT-DETRv2: each of a number of queries finds one object or none, without suppression.

    An encoder joins the levels of the pyramid; its locations of the highest scores become queries,
    which a decoder refines layer by layer.
    Source: Zhao et al.: DETRs Beat YOLOs on Real-time Object Detection, arXiv:2304.08069; Lv et
    al.: RT-DETRv2, arXiv:2407.17140; the network is transformers', in a small size.
    When: crowded pictures, in which boxes of different objects overlap. It learns slower from
    scratch than heads that suppress repeated boxes.
    """

    @staticmethod
    def create(**settings: Any) -> nn.Module:
        from transformers import RTDetrV2Config, RTDetrV2ForObjectDetection

        return RTDetrV2ForObjectDetection(RTDetrV2Config(hidden_expansion=0.5, **settings))
