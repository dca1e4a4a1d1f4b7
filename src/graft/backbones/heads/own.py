"""The head that a network was pretrained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graft.backbones.heads.head import Head
from graft.base.job import Form

if TYPE_CHECKING:
    from graft.backbones.backbone import Backbone


class Own(Head):
    """The head that a network was pretrained with, which predicts tokens of its vocabulary."""

    gives: ClassVar[dict[Form, frozenset[str]]] = {
        "causal": frozenset({"text"}),
        "seq2seq": frozenset({"text"}),
        "masked": frozenset({"tokens"}),
    }
    pretrained: ClassVar[bool] = True

    def initialize(self, backbone: Backbone) -> None:
        """Keep the pretrained weights."""
