"""Two small batches of a feed, of unlike size and length: a cut is tried on them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch
from torch import Tensor

from graft.training.feeds.feed import Feed


def make_probes(feed: Feed) -> list[dict[str, Tensor]]:
    """Two batches of unlike size and length: the shortest sample twice, and the longest with two others, padded."""
    order = sorted(range(len(feed.pieces)), key=lambda row: feed.lengths[row])
    short, middle, long = order[0], order[len(order) // 2], order[-1]
    return _told_apart(
        [
            batch.inputs
            for batch in replace(feed, views=1).stream([[short, short], [long, middle, short]])
        ]
    )


def _told_apart(probes: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
    """The probes, what a decoder beside an encoder reads in each padded to a length that nothing else in them has."""
    if "decoder_attention_mask" not in probes[0]:
        return probes
    taken = {size for inputs in probes for size in inputs["attention_mask"].shape}
    found = []
    for inputs in probes:
        own = inputs["decoder_attention_mask"].shape[1]
        length = next(size for size in itertools.count(own) if size not in taken)
        taken.add(length)
        decoder = {name: tensor for name, tensor in inputs.items() if name.startswith("decoder_")}
        found.append(
            inputs
            | {
                name: torch.nn.functional.pad(tensor, (0, length - own))
                for name, tensor in decoder.items()
            }
        )
    return found
