"""Streams: the samples that a step of a technique draws from, a batch of each."""

from __future__ import annotations

from dataclasses import dataclass

from graft.backbones.preprocess.augment import Augment

LABELED, UNLABELED, TEXTS = "labeled", "unlabeled", "texts"
"""The usual names of streams: of training samples with their labels, of samples without, and of
running text."""


@dataclass(frozen=True)
class Stream:
    """What the batches of one stream hold.

    A technique names its streams, and each step gets a batch of every one. The first says what an
    epoch is; the others go on in an order of their own, from pass to pass, for as long as it lasts.
    """

    splits: tuple[str, ...] = ("train",)
    """The splits whose samples it holds."""
    labels: bool = True
    """Whether its batches have targets."""
    augment: Augment | None = None
    """The augmentation of its pictures and sounds; None is that of the technique."""
    rows_of: str | None = None
    """The stream whose samples it shows in every step, in a view of its own."""
    share: float = 1.0
    """The samples of a batch for each one of the first stream."""
    passages: bool = False
    """Whether it holds the texts of the samples as running text, each once. A part of them is held
    out to validate on, since no labels say how well they are learned."""

    @property
    def is_rehearsed(self) -> bool:
        """Whether it holds samples of what the network was pretrained on."""
        return self.splits == (REHEARSED,)


REHEARSED = "source"
"""The stream of samples of what the network was pretrained on, and the split that holds them. They
are run under the pretrained head, so `Objective.outputs` leaves them out."""

SUPERVISED = {LABELED: Stream()}
"""The streams of most techniques."""


def beside_rehearsed(share: float) -> dict[str, Stream]:
    """Labeled samples, and for each of them so many of what the network was pretrained on."""
    return {LABELED: Stream(), REHEARSED: Stream((REHEARSED,), share=share)}


BESIDE_UNLABELED = {LABELED: Stream(), UNLABELED: Stream(("unlabeled",), labels=False)}
"""Labeled samples, and as many without labels, which may be of another domain."""
