"""One stage: anchors at each location, and the focal loss, which counts easy ones little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graft.backbones.pyramids.torchvision_detector import DenseDetector

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torchvision.models.detection import RetinaNet

    from graft.base.records import Batch
    from graft.base.trees import Tree


class Retinanet(DenseDetector):
    """RetinaNet: nine anchors at each location are classified and corrected.

    The focal loss keeps the many easy anchors of the background from outweighing the few hard ones.
    Source: Lin et al.: Focal Loss for Dense Object Detection, arXiv:1708.02002; the network is
    torchvision's, with a pyramid of 128 channels.
    When: one stage is wanted: faster than faster-rcnn where pictures have many objects.
    """

    @staticmethod
    def network_class() -> type[nn.Module]:
        from torchvision.models.detection import RetinaNet

        return RetinaNet

    @staticmethod
    def call(network: RetinaNet, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
        """Losses where the batch has targets; detections but for a training step."""
        from graft.backbones.pyramids.torchvision_network import run_dense

        return run_dense(
            network,
            batch,
            lambda *args: network.compute_loss(*args[:-1]),  # needs no counts
        )
