"""The heads that torchvision has: what a person who lists them sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graft.backbones.pyramids.detector_head import DetectorHead

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TorchvisionDetector(DetectorHead):
    """A detector that torchvision makes around any backbone with a feature pyramid."""

    saved_by: ClassVar[str | None] = "torchvision"
    trunk: ClassVar[str] = "backbone.body"


class DenseDetector(TorchvisionDetector):
    """One that predicts at each place of its maps."""

    paths: ClassVar[tuple[str, ...]] = ("backbone.fpn", "anchor_generator", "head")

    def rows_of_classes(self, tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        """Each anchor of a place has a row for each class."""
        import numpy as np

        if not tensor.startswith("head.classification_head.cls_logits."):
            return None
        return np.arange(num_rows).reshape(-1, outputs).T
