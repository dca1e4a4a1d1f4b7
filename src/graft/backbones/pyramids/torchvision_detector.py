"""The heads that torchvision has: what a person who lists them sees."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from graft.backbones.pyramids.detector_head import DetectorHead

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from graft.backbones.backbone import Backbone


class TorchvisionDetector(DetectorHead):
    """A detector that torchvision makes around any backbone with a feature pyramid."""

    saved_by: ClassVar[str | None] = "torchvision"
    trunk: ClassVar[str] = "backbone.body"
    first_class: ClassVar[int]
    """How torchvision numbers the first class: 1 where 0 is the background."""

    @staticmethod
    @abstractmethod
    def limits() -> dict[str, Any]:
        """The arguments of torchvision's network that limit its proposals and detections."""

    @staticmethod
    @abstractmethod
    def prepare(network: nn.Module) -> None:
        """Change a network of torchvision so that `call` runs it."""


class DenseDetector(TorchvisionDetector):
    """One that predicts at each place of its maps."""

    paths: ClassVar[tuple[str, ...]] = ("backbone.fpn", "anchor_generator", "head")
    first_class: ClassVar[int] = 0

    @staticmethod
    @abstractmethod
    def network_class() -> type[nn.Module]:
        """The class of the network in torchvision."""

    @staticmethod
    def limits() -> dict[str, Any]:
        from graft.backbones.pyramids.detections import DETECTIONS, LEAST_SCORE

        return {"score_thresh": LEAST_SCORE, "detections_per_img": DETECTIONS}

    @staticmethod
    def prepare(network: nn.Module) -> None:
        from graft.backbones.pyramids.torchvision_network import give_float32

        give_float32(network.head)

    def build(self, trunk: nn.Module, backbone: Backbone, outputs: int) -> nn.Module:
        from graft.backbones.pyramids import torchvision_network as library

        network = self.network_class()(
            library.dense_pyramid(trunk, backbone.levels.at(library.STRIDES)),
            outputs,
            **self.limits(),
            **library.pictures_as_they_are(backbone.preprocess),
        )
        self.prepare(network)
        return network

    def rows_of_classes(self, tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        """Each anchor of a place has a row for each class."""
        import numpy as np

        if not tensor.startswith("head.classification_head.cls_logits."):
            return None
        return np.arange(num_rows).reshape(-1, outputs).T
