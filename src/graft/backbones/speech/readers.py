"""Encoders of transformers that read padded sounds as each of them alone, of its true length.

transformers' Whisper takes nothing but thirty seconds, and its encoders with a group norm over time
(wav2vec2, HuBERT and WavLM of the base size) mix padding into it. Here padding changes nothing:
each layer that could see it is masked.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.speech.frames import Convolution, mask_frames


class WhisperReader(nn.Module):
    """Whisper's encoder: log-mel spectra (B, M, S) to states (B, T, D), twice as far apart."""

    def __init__(self, encoder: Any):
        super().__init__()
        self.config = encoder.config
        self.stem = WhisperStem(encoder)
        self.layers = encoder.layers
        self.layer_norm = encoder.layer_norm

    @staticmethod
    def convolutions(config: Any) -> tuple[Convolution, ...]:
        return Convolution(3, 1, 1), Convolution(3, 2, 1)

    def forward(self, inputs: Tensor, input_mask: Tensor, frame_mask: Tensor) -> Tensor:
        from transformers.masking_utils import create_bidirectional_mask

        hidden = self.stem(inputs, input_mask)
        mask = create_bidirectional_mask(
            config=self.config, inputs_embeds=hidden, attention_mask=frame_mask
        )
        mask = keep_one_row(mask)
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return self.layer_norm(hidden)

    def library_state(self) -> dict[str, Tensor]:
        """The tensors under the names of transformers."""
        renamed = {"stem.positions": "embed_positions.weight"}
        return {
            renamed.get(name, name.removeprefix("stem.")): tensor
            for name, tensor in self.state_dict().items()
        }


def keep_one_row(mask: Tensor | None) -> Tensor | None:
    """The first row of a mask (B, 1, N, T) in which all N are alike, as where all see all frames.

    Each layer keeps a float copy of its mask for the gradient: of 30 seconds 9 MB a sound.
    """
    return mask[:, :, :1] if mask is not None and mask.ndim == 4 else mask


class WhisperStem(nn.Module):
    """The two convolutions and the positions, of which the first T are used."""

    def __init__(self, encoder: Any):
        super().__init__()
        self.conv1, self.conv2 = encoder.conv1, encoder.conv2
        self.dropout = nn.Dropout(encoder.dropout)
        # Sinusoids that transformers never trains.
        self.register_buffer("positions", encoder.embed_positions.weight.detach())

    def forward(self, inputs: Tensor, input_mask: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.conv1(inputs))
        # The second convolution must see zeros beyond the sound, as at the end of the batch.
        hidden = nn.functional.gelu(self.conv2(hidden * input_mask[:, None].to(hidden)))
        hidden = hidden.transpose(1, 2)  # (B, T, D)
        return self.dropout(hidden + self.positions[: hidden.shape[1]])


class WaveReader(nn.Module):
    """The encoders of wav2vec2, HuBERT and WavLM: samples (B, S) to states (B, T, D)."""

    def __init__(self, encoder: Any):
        super().__init__()
        config = encoder.config
        self.feature_extractor = WaveStem(
            encoder.feature_extractor.conv_layers, self.convolutions(config)
        )
        self.feature_projection = encoder.feature_projection
        self.encoder = encoder.encoder

    @staticmethod
    def convolutions(config: Any) -> tuple[Convolution, ...]:
        return tuple(map(Convolution, config.conv_kernel, config.conv_stride))

    def forward(self, inputs: Tensor, input_mask: Tensor, frame_mask: Tensor) -> Tensor:
        hidden = self.feature_projection(self.feature_extractor(inputs, input_mask))
        # Of HuBERT the states, of the others also what they were projected from.
        hidden = hidden if isinstance(hidden, Tensor) else hidden[0]
        with warnings.catch_warnings():
            # transformers gives PyTorch's attention WavLM's mask and bias in two types.
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
            return self.encoder(hidden, attention_mask=frame_mask.bool()).last_hidden_state

    def library_state(self) -> dict[str, Tensor]:
        """The tensors under the names of transformers, which are the same."""
        return dict(self.state_dict())


class WaveStem(nn.Module):
    """The convolutions over samples (B, S), to features (B, T, C)."""

    def __init__(self, layers: nn.ModuleList, convolutions: Sequence[Convolution]):
        super().__init__()
        self.first = convolutions[:1]
        self.conv_layers = layers
        if isinstance(getattr(layers[0], "layer_norm", None), nn.GroupNorm):
            layers[0] = NormedConvolution(layers[0])

    def forward(self, inputs: Tensor, input_mask: Tensor) -> Tensor:
        hidden = inputs[:, None]
        for layer in self.conv_layers:
            if isinstance(layer, NormedConvolution):
                hidden = layer(hidden, mask_frames(input_mask, self.first))
            else:
                hidden = layer(hidden)
        return hidden.transpose(1, 2)


class NormedConvolution(nn.Module):
    """A convolution with a group norm over time, of the frames (B, C, T) that are no padding."""

    def __init__(self, layer: Any):
        super().__init__()
        self.conv, self.activation, self.layer_norm = layer.conv, layer.activation, layer.layer_norm

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        hidden = self.conv(hidden)
        return self.activation(self._normalize(hidden, mask[:, None].to(hidden)))

    def _normalize(self, hidden: Tensor, weight: Tensor) -> Tensor:
        """Each channel is a group of its own."""
        norm = self.layer_norm
        with torch.autocast(hidden.device.type, enabled=False):
            values, weight = hidden.float(), weight.float()
            count = weight.sum(2, keepdim=True)
            centered = values - (values * weight).sum(2, keepdim=True) / count
            variance = (centered.square() * weight).sum(2, keepdim=True) / count
            scale = norm.weight.float()[:, None] * (variance + norm.eps).rsqrt()
            return (centered * scale + norm.bias.float()[:, None]).to(hidden)
