"""One pass of a model over a feed, in which nothing is learned."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from graft.backbones.backbone import Model, evaluating
from graft.base.records import Batch, Output
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed


def run_pass(model: Model, feed: Feed, engine: Engine) -> Iterator[tuple[Batch, Output]]:
    """Yield each batch of the feed, not augmented, with the outputs of the model.

    The model is in evaluation mode while it runs, and as before between two batches.
    """
    for batch in feed.stream(feed.plan(None)):
        # No inference mode: techniques keep what they learn from outputs as buffers.
        with torch.no_grad(), evaluating(model), engine.autocast():
            output = model(batch)
        yield batch, output
