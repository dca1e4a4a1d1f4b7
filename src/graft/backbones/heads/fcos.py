"""One stage without anchors: locations predict how far the edges of their object are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graft.backbones.pyramids.torchvision_detector import DenseDetector

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torchvision.models.detection import FCOS

    from graft.base.records import Batch
    from graft.base.trees import Tree


class Fcos(DenseDetector):
    """FCOS: each location near the center of an object predicts how far its four edges are.

    There are no anchors, so nothing depends on the shapes that were thought of.
    Source: Tian et al.: FCOS, arXiv:1904.01355; the network is torchvision's, with a pyramid of 128
    channels.
    When: objects of unusual shapes, such as very long ones.
    """

    @staticmethod
    def network_class() -> type[nn.Module]:
        from torchvision.models.detection import FCOS

        return FCOS

    @staticmethod
    def call(network: FCOS, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
        """Losses where the batch has targets; detections but for a training step."""
        from graft.backbones.pyramids.torchvision_network import run_dense

        return run_dense(network, batch, network.compute_loss)
