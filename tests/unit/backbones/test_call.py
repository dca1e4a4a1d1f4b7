"""What is kept of what a network returns."""

from __future__ import annotations

import torch
from torch import nn

from graft.backbones.backbone import call
from graft.base import trees
from graft.base.records import Batch, Output

INPUTS = {"pixels": torch.rand(3, 2)}
LOGITS, BOXES = torch.rand(3, 4, 5), torch.rand(3, 4, 4)


class Returns(nn.Module):
    """A network that returns these outputs."""

    def __init__(self, **outputs) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, pixels):
        return self.outputs


def raw_of(**outputs):
    raw, losses = call(Returns(**outputs), Batch(INPUTS))
    assert losses is None
    return raw


def test_logits_alone_are_one_tensor():
    assert raw_of(logits=LOGITS) is LOGITS


def test_what_a_detector_returns_beside_its_logits_is_kept():
    raw = raw_of(logits=LOGITS, pred_boxes=BOXES)
    assert raw == {"logits": LOGITS, "pred_boxes": BOXES}
    assert Output(raw, None).logits is LOGITS


def test_trees_beside_logits_are_kept():
    raw = raw_of(logits=LOGITS, pyramid=(torch.rand(3, 2), torch.rand(3, 1)))
    assert set(trees.named_leaves(raw)) == {"logits", "pyramid.0", "pyramid.1"}


def test_states_of_layers_and_what_has_no_row_an_example_are_left_out():
    raw = raw_of(
        logits=LOGITS,
        encoder_last_hidden_state=torch.rand(3, 7, 2),
        cross_attentions=(torch.rand(3, 2, 7, 7),),
        past_key_values=object(),
        loss=torch.tensor(1.0),
        codes=torch.rand(6, 2),
    )
    assert raw is LOGITS


def test_without_logits_everything_is_kept():
    states = torch.rand(3, 7, 2)
    assert raw_of(last_hidden_state=states) == {"last_hidden_state": states}
