"""What heads on a pyramid share: they make a finished network of their library around a trunk."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from graft.backbones.heads.head import Head

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from graft.backbones.backbone import Backbone, Call
    from graft.base.trees import Tree


class PyramidHead(Head):
    """A head that reads feature maps at several resolutions and is a network of its own."""

    trunk: ClassVar[str]
    """Where the trunk is in the finished network."""
    paths: ClassVar[tuple[str, ...]]
    """The modules of the head in the finished network, in forward order. The pyramid enters the
    first."""
    call: ClassVar[Call]
    """How the finished network is run: a static method."""

    def rows_of_classes(self, tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        """Which rows (outputs, R) of a tensor of the network belong to each class.

        None if none does. Other rows belong to all classes.
        """
        return None

    @staticmethod
    def compared(raw: Tree) -> Tree:
        """The part of the outputs that a small difference changes little: see `Backbone`."""
        return raw

    @abstractmethod
    def build(self, trunk: nn.Module, backbone: Backbone, outputs: int) -> nn.Module:
        """The finished network of the library around the trunk, its head drawn at random.

        `backbone` describes the trunk. A head reads it by `levels.read(trunk(pictures))`, and no
        other picture.
        """

    def attach(self, backbone: Backbone, outputs: int | None) -> Backbone:
        """Return a finished network; one that has another head on a pyramid loses that."""
        from graft.backbones import layer_groups

        trunk = backbone.network.get_submodule(backbone.trunk)
        network = self.build(trunk, backbone, outputs).eval()
        groups = layer_groups.find(network, self.paths, backbone.preprocess.example(), self.call)
        architecture: dict[str, Any] = {"trunk": backbone.architecture["trunk"], "outputs": outputs}
        return replace(
            backbone,
            network=network,
            head=self.paths,
            groups=groups,
            architecture=architecture,
            call=self.call,
            compared=self.compared,
            trunk=self.trunk,
        )

    def initialize(self, backbone: Backbone) -> None:
        """Draw its weights as the library does when it makes such a network."""
        trunk = backbone.network.get_submodule(backbone.trunk)
        outputs = backbone.architecture["outputs"]
        again = self.build(trunk, backbone, outputs)
        for path in backbone.head:
            drawn = again.get_submodule(path).state_dict()
            backbone.network.get_submodule(path).load_state_dict(drawn)
