"""The head that a network was pretrained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graft.backbones.heads.head import Head
from graft.base.job import Form

if TYPE_CHECKING:
    from graft.backbones.backbone import Backbone


class Own(Head):
    """The head that a network was pretrained with.

    It predicts tokens of its vocabulary, or objects or masks: rows of classes that it knows by name
    are kept, and those of others are new.
    """

    gives: ClassVar[dict[Form, frozenset[str]]] = {
        "causal": frozenset({"text"}),
        "seq2seq": frozenset({"text"}),
        "masked": frozenset({"tokens"}),
        "finished": frozenset({"boxes", "mask"}),
    }
    pretrained: ClassVar[bool] = True

    def initialize(self, backbone: Backbone) -> None:
        """Keep the pretrained weights."""
