"""Whisper with its decoder, on sounds of their true length.

It imports transformers at its top, since it is a network of that library with another forward; so
only `recognizer_folder` imports it, when such a network is opened.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel, WhisperConfig
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from graft.backbones.language.quiet import quiet
from graft.backbones.speech.frames import mask_frames
from graft.backbones.speech.readers import WhisperReader, keep_one_row

CACHE = "cache" if "cache" in Seq2SeqLMOutput.__annotations__ else "past_key_values"
"""The argument for the states of earlier tokens, which transformers 5.24 gave another name."""


class WhisperWriter(nn.Module):
    """Whisper's decoder; it attends to the frames (B, T, D) that are no padding."""

    def __init__(self, decoder: Any):
        super().__init__()
        self.config = decoder.config
        self.embed_tokens, self.embed_positions = decoder.embed_tokens, decoder.embed_positions
        self.dropout = nn.Dropout(decoder.dropout)
        self.layers, self.layer_norm = decoder.layers, decoder.layer_norm

    def forward(self, ids: Tensor, frames: Tensor, frame_mask: Tensor, cache: Any = None) -> Tensor:
        past = 0 if cache is None else cache.get_seq_length()
        places = torch.arange(past, past + ids.shape[1], device=ids.device)
        positions = self.embed_positions(ids, position_ids=places)
        hidden = self.dropout(self.embed_tokens(ids) + positions)
        mask = create_bidirectional_mask(
            config=self.config,
            inputs_embeds=hidden,
            attention_mask=frame_mask,
            encoder_hidden_states=frames,
        )
        mask = keep_one_row(mask)
        for layer in self.layers:
            # Without a mask of the tokens each attends to those before it. Padding is behind all.
            hidden = layer(
                hidden,
                None,
                frames,
                encoder_attention_mask=mask,
                use_cache=cache is not None,
                **{CACHE: cache},
            )
        return self.layer_norm(hidden)


class WhisperRecognizer(PreTrainedModel, GenerationMixin):
    """Sounds (B, M, S) with their mask (B, S), and tokens (B, N), to logits (B, N, V).

    `reader` and `writer` are Whisper's encoder and decoder, `lm_head` the embeddings again.
    """

    config: WhisperConfig
    main_input_name = "input_features"
    _supports_sdpa = True

    def __init__(self, whole: Any):
        super().__init__(whole.config)
        self.reader = WhisperReader(whole.model.encoder)
        self.writer = WhisperWriter(whole.model.decoder)
        self.lm_head = whole.proj_out
        self.convolutions = self.reader.convolutions(whole.config)
        self.generation_config = whole.generation_config

    def forward(
        self,
        attention_mask: Tensor,
        input_features: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: Any = None,
        use_cache: bool | None = None,
        **options: Any,
    ) -> Seq2SeqLMOutput:
        """`encoder_outputs`, `use_cache` and the cache among `options` are of `generate`."""
        frame_mask = mask_frames(attention_mask, self.convolutions)
        if encoder_outputs is None:
            frames = self.reader(input_features, attention_mask, frame_mask)
        else:
            frames = encoder_outputs[0]
        cache = options.get(CACHE) if use_cache else None
        hidden = self.writer(decoder_input_ids, frames, frame_mask, cache)
        return Seq2SeqLMOutput(logits=self.lm_head(hidden), **{CACHE: cache})

    def generate(self, input_features: Tensor, attention_mask: Tensor, **options: Any) -> Tensor:
        """Write tokens after `decoder_input_ids`, as any encoder-decoder of transformers does.

        Its own Whisper generates from thirty seconds alone.
        """
        frame_mask = mask_frames(attention_mask, self.convolutions)
        frames = self.reader(input_features, attention_mask, frame_mask)
        encoded = BaseModelOutput(last_hidden_state=frames)
        with quiet():  # a maximum length of the checkpoint's, beside the one that is asked for
            return super().generate(
                encoder_outputs=encoded, attention_mask=attention_mask, **options
            )

    def library_state(self) -> dict[str, Tensor]:
        """The tensors under the names of transformers."""
        parts = {
            "model.encoder": self.reader.library_state(),
            "model.decoder": self.writer.state_dict(),
            "proj_out": self.lm_head.state_dict(),
        }
        return {
            f"{part}.{name}": tensor
            for part, state in parts.items()
            for name, tensor in state.items()
        }
