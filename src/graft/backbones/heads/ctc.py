"""One linear layer for each frame: connectionist temporal classification."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from graft.backbones.heads.head import Head
from graft.base.job import Form

if TYPE_CHECKING:
    from torch import nn

    from graft.backbones.backbone import Backbone


class Ctc(Head):
    """One linear layer on each frame of a sound, from which a text is read off (CTC).

    Formula: log p(text) = log sum over paths of prod_t softmax(W z_t + b)[path_t], z_t the state of
    frame t, standardized over the frames of training; a path of characters and blanks is the text
    where equal neighbors are joined and blanks left out. In the saved network W and b include the
    standardization. On wav2vec2, HuBERT and WavLM that is transformers' network for CTC with its
    tokenizer, on Whisper's encoder a classifier of frames, which Graft alone reads as a text.
    Source: Graves et al.: Connectionist Temporal Classification, ICML 2006.
    When: encoders without a decoder; a script, a language or sounds that no decoder knows; a few
    words; little time, since on a frozen encoder only this layer trains.
    When not: little speech in a language that a decoder writes already: it knows words and
    spelling, which this layer must learn from the transcripts alone.
    """

    gives: ClassVar[dict[Form, frozenset[str]]] = {"sequence": frozenset({"text"})}
    reads: ClassVar[frozenset[str]] = frozenset({"audio"})
    sits_on: ClassVar[str | None] = "transformers"
    # At 3e-3 a head on whisper-tiny.en made more errors, on 3 minutes of speech and on 13.
    probe_rate: ClassVar[float] = 1e-3

    def attach(self, backbone: Backbone, outputs: int | None) -> Backbone:
        """Insert the standardization before the classifier of frames."""
        from graft.backbones.heads.layers.frame_norm import FrameNorm
        from graft.backbones.heads.layers.masked_layer import first_linear, insert_layer

        return insert_layer(backbone, FrameNorm(first_linear(backbone).in_features))

    def detach(self, backbone: Backbone) -> nn.Module:
        """Return the classifier of frames, whose weights include the standardization."""
        from graft.backbones.heads.layers.frame_norm import fold
        from graft.backbones.heads.layers.masked_layer import first_linear, without_layer

        norm, *others = backbone.head
        path = norm.removesuffix(".0")
        network = without_layer(backbone.network, path)
        plain = replace(backbone, network=network, head=(path, *others[1:]))
        fold(backbone.network.get_submodule(norm), first_linear(plain))
        return network
