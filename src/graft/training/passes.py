"""One pass of a model over a feed, in which nothing is learned."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from graft.backbones.backbone import Model, evaluating
from graft.base.records import Batch, Output
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed


def run_pass(
    model: Model, feed: Feed, engine: Engine, seed: tuple[int, int] | None = None
) -> Iterator[tuple[Batch, Output]]:
    """Yield each batch of the feed, with the outputs of the model.

    Examples are not augmented, unless a `seed` says which versions of them are taken.
    The model is in evaluation mode while it runs, and as before between two batches.
    """
    for batch in feed.stream(feed.plan(None), seed):
        # No inference mode: techniques keep what they learn from outputs as buffers.
        with torch.no_grad(), evaluating(model), engine.autocast():
            output = model(batch)
        yield batch, output
