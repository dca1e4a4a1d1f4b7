"""Frozen work is done once: where only the head trains on plain examples, its inputs are recorded and trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.techniques.technique import Phase
from graft.training.engine import Engine
from graft.training.evaluate import in_order
from graft.training.feed import Feed

TOLERANCE = 1e-2
"""The largest allowed difference between logits of recorded and of whole forwards: what bf16 leaves of equality."""


def applies(model: Model, phase: Phase, names: Sequence[str]) -> bool:
    """Is everything before the head frozen, the same at each epoch, and a vector?"""
    index = model.group_indices()
    return phase.views == 1 and model.backbone.token is None and all(index[name] == -1 for name in names)


def record(model: Model, feed: Feed, engine: Engine) -> Tensor | None:
    """The features (N, D) of every sample of the feed; None where the head on them does not give the model's own logits.

    The model is left in eval mode.
    """
    model.eval()
    rows, found = [], []
    with torch.no_grad():
        for batch in feed.stream(feed.plan(None)):
            with engine.autocast():
                output = model(batch.inputs)
                if not found and not _head_reproduces(model, output.features, output.logits):
                    return None
            rows.extend(batch.rows)
            found.append(output.features.float().cpu())
    return in_order(torch.cat(found), rows)


def _head_reproduces(model: Model, features: Tensor, logits: Tensor) -> bool:
    again = model.classify(features)
    return again.shape == logits.shape and torch.allclose(again.float(), logits.float(), atol=TOLERANCE, rtol=TOLERANCE)
