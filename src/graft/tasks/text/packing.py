"""Packing: several pieces of text share one sequence, each read as if it were alone.

Positions count from 0 in every piece. A network of transformers that is given such positions and no
mask lets no token see another piece; whether one does is tried before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graft.backbones.backbone import Backbone, evaluating
from graft.backbones.preprocess.preprocess import pad_right
from graft.base.errors import BackboneError
from graft.base.records import Batch, Sample, Windows
from graft.tasks.text.token_loss import pad_targets

TOLERANCE = 1e-4
"""The tolerance between logits in a pack and of the piece alone, in fp32."""


@dataclass(frozen=True)
class Packs(Windows):
    """Windows of which several share a sequence.

    `packed` are the sequences, `members` the numbers of the pieces in each.
    """

    packed: Sequence[Sample] = ()
    members: Sequence[Sequence[int]] = ()

    @property
    def pieces(self) -> Sequence[Sample]:
        return self.packed

    def by_sample(self, rows: Sequence[Sequence[Any]]) -> Iterator[list[tuple[Sample, Any]]]:
        """Yield for each sample its pieces with their entries.

        `rows` has one row per pack, with an entry for every piece in it.
        """
        windows = Windows(self.samples, self.cut, self.owners)
        by_piece: list[Any] = [None] * len(windows.pieces)
        for numbers, entries in zip(self.members, rows, strict=True):
            for number, entry in zip(numbers, entries, strict=True):
                by_piece[number] = entry
        return windows.by_sample(by_piece)


def pack_windows(windows: Windows, encoded: Sequence[dict[str, Tensor]], most: int) -> Packs:
    """Pack the windows, up to `most` tokens per pack.

    `encoded` are their pieces as `input_ids` (T,) and `target` (T,).
    """
    members = first_fit([len(piece["input_ids"]) for piece in encoded], most)
    packs = [
        _pack(windows.pieces[numbers[0]].id, [encoded[number] for number in numbers])
        for numbers in members
    ]
    return Packs(windows.samples, windows.cut, windows.owners, packs, members)


def first_fit(lengths: Sequence[int], most: int) -> list[list[int]]:
    """The numbers of the pieces in each pack, no pack being over `most`.

    One piece after the other goes into the first that has room. They come in an order that is
    drawn, so that neighbors in the data do not always stand together; it is the same each time.
    """
    room = np.full(len(lengths), most)
    packs: list[list[int]] = []
    for number in np.random.default_rng(0).permutation(len(lengths)).tolist():
        place = int((room[: len(packs) + 1] >= lengths[number]).argmax())
        if place == len(packs):
            packs.append([])
        packs[place].append(number)
        room[place] -= lengths[number]
    return packs


def _pack(name: str, encoded: Sequence[dict[str, Tensor]]) -> Sample:
    positions = [np.arange(len(piece["input_ids"])) for piece in encoded]
    ids, target = (
        torch.cat([piece[key] for piece in encoded]).numpy() for key in ("input_ids", "target")
    )
    return Sample(name, {"ids": ids, "positions": np.concatenate(positions), "target": target})


def encode_pack(pack: Sample) -> dict[str, Tensor]:
    """Return the tensors (T,) of a pack."""
    keys = {"ids": "input_ids", "positions": "position_ids", "target": "target"}
    return {key: torch.from_numpy(pack.roles[role]) for role, key in keys.items()}


def collate_packs(encoded: Sequence[dict[str, Tensor]], padding: int) -> Batch:
    """Make a batch of packs, padded on the right.

    Each padding token is a piece of its own, which nothing reads.
    """
    ids, mask = pad_right([pack["input_ids"] for pack in encoded], padding)
    positions, _ = pad_right([pack["position_ids"] for pack in encoded], 0)
    target = pad_targets([pack["target"] for pack in encoded])
    return Batch({"input_ids": ids, "position_ids": positions}, target, mask=mask)


def lengths(batch: Batch) -> list[list[int]]:
    """Return the lengths of the pieces of each pack."""
    lengths = []
    for positions, length in zip(
        batch.inputs["position_ids"].cpu(), batch.mask.sum(1).tolist(), strict=True
    ):
        starts = (positions[:length] == 0).nonzero()[:, 0].tolist()
        lengths.append([after - start for start, after in pairwise([*starts, length])])
    return lengths


def check(backbone: Backbone) -> None:
    """Raises BackboneError if the network does not read each piece of a pack alone."""
    tokenizer = backbone.preprocess.tokenizer
    one, other = (
        torch.tensor(tokenizer(text)["input_ids"]) for text in ("one two three four", "five six")
    )
    ids, positions = (
        torch.cat([one, other]),
        torch.cat([torch.arange(len(one)), torch.arange(len(other))]),
    )
    with evaluating(backbone.network), torch.no_grad():
        alone = torch.cat(
            [backbone.network(input_ids=piece[None]).logits[0] for piece in (one, other)]
        )
        together = backbone.network(
            input_ids=ids.expand(2, -1), position_ids=positions.expand(2, -1)
        ).logits
    if not torch.allclose(together, alone.expand_as(together), atol=TOLERANCE):
        raise BackboneError(
            f"{backbone.name} is of the kind {backbone.network.config.model_type!r}, "
            "which does not keep the texts of a pack apart. Leave packed=true away, or "
            "take a network that does: smollm2-135m, transformers:openai-community/gpt2."
        )
