"""Preprocessing of a network that writes what it hears: sounds, and the tokens of its decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graft.backbones.preprocess.preprocess import pad_decoders, pad_right
from graft.backbones.preprocess.sound import SoundPreprocess
from graft.base.errors import BackboneError


@dataclass(frozen=True, kw_only=True)
class TranscriptPreprocess(SoundPreprocess):
    """A sound of its true length, and the `decoder_input_ids` (N,).

    Without a text these are the `prompt` alone: the start token, of a network for several languages
    the language and the task, and that no times are written.
    """

    tokenizer: Any = field(repr=False)
    generation: Any = field(repr=False)
    """The generation config of transformers, which knows the special tokens."""
    max_length: int
    """The positions of the decoder."""
    language: str = ""
    """The language that is spoken, of a network for several; empty is what the generation config
    says."""

    @property
    def prompt(self) -> list[int]:
        """The tokens that the decoder reads before those of a text without times."""
        return self.timed_prompt if self.timeless is None else [*self.timed_prompt, self.timeless]

    @property
    def timed_prompt(self) -> list[int]:
        """The tokens that the decoder reads before those of a text with times."""
        return [self.generation.decoder_start_token_id, *self._language_tokens()]

    @property
    def timeless(self) -> int | None:
        """The token by which the decoder writes no times; those of the times are behind it."""
        return getattr(self.generation, "no_timestamps_token_id", None)

    def check(self) -> None:
        """Raise BackboneError for an unknown language, and for none of several."""
        codes = sorted(name.strip("<|>") for name in self._languages)
        if not codes and self.language:
            raise BackboneError(
                f"The network knows one language, and language={self.language} was asked for. "
                "Leave it out, or use a network for several, as transformers:openai/whisper-base."
            )
        if codes and not self._language_tokens():
            asked = f"{self.language!r} is none of them" if self.language else "none was named"
            raise BackboneError(
                f"The network is for {len(codes)} languages, and {asked}. "
                f"Set the option language to one of: {', '.join(codes)}."
            )

    @property
    def _languages(self) -> dict[str, int]:
        return getattr(self.generation, "lang_to_id", None) or {}

    def _language_tokens(self) -> list[int]:
        """The tokens of the language and of transcription; none of a network for one language."""
        language = self.language or getattr(self.generation, "language", None) or ""
        known = self._languages.get(f"<|{language.strip('<|>').lower()}|>")
        return [] if known is None else [known, self.generation.task_to_id["transcribe"]]

    def __call__(
        self, value: NDArray[np.float32], rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        return {**super().__call__(value, rng), "decoder_input_ids": torch.tensor(self.prompt)}

    def collate(self, encoded: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Pad the sounds to the longest, and the tokens on the right, with a mask of their own."""
        rows = [piece["decoder_input_ids"] for piece in encoded]
        ids, mask = pad_right(rows, self.generation.pad_token_id)
        tokens = {"decoder_input_ids": ids, "decoder_attention_mask": mask}
        return {**super().collate(encoded), **tokens}

    def with_distinct_lengths(self, several: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        """Pad the tokens of each batch: see `pad_decoders`."""
        return pad_decoders(several, {n for one in several for n in self.mask(one).shape})

    def blank(self, count: int, lengths: Sequence[int] | None) -> None:
        """None: the decoder reads the tokens."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "language": self.language}
