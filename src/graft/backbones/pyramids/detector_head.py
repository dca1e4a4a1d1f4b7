"""What the heads share that find boxes, whatever their library."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graft.backbones.pyramids.pyramid_head import PyramidHead
from graft.base.job import Form

if TYPE_CHECKING:
    from graft.base.trees import Tree


class DetectorHead(PyramidHead):
    """A head that finds boxes.

    Its library and torch are imported where a network is made, so that heads are listed quickly.
    """

    gives: ClassVar[dict[Form, frozenset[str]]] = {"pyramid": frozenset({"boxes"})}

    @staticmethod
    def compared(raw: Tree) -> Tree:
        """The dense outputs of a detector, before it selects detections among them."""
        return raw["dense"]
