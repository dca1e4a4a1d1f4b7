"""Two small batches of a feed, of different size and length, on which a cut is tried."""

from __future__ import annotations

from dataclasses import replace

from graft.base.records import Batch
from graft.training.feeds.feed import Feed


def make_probes(feed: Feed) -> list[Batch]:
    """Make a batch of the shortest sample twice, and one of the longest with two others, padded.

    They have no targets: what a network returns is compared, and losses that it computes from
    targets may draw samples at random.
    """
    order = sorted(range(len(feed.pieces)), key=lambda row: feed.lengths[row])
    short, middle, long = order[0], order[len(order) // 2], order[-1]
    batches = list(
        replace(feed, views=1, beside={}).stream([[short, short], [long, middle, short]])
    )
    inputs = feed.preprocess.with_distinct_lengths([batch.inputs for batch in batches])
    return [
        replace(batch, inputs=distinct, target=None)
        for batch, distinct in zip(batches, inputs, strict=True)
    ]
