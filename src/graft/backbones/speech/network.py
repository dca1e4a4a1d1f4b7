"""An encoder of speech under one linear layer for each of its frames."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graft.backbones.speech.frames import mask_frames
from graft.backbones.speech.readers import WaveReader, WhisperReader


class FrameHead(nn.Module):
    """A linear layer on each frame; it is called with the mask of the frames.

    A head that pools the frames takes the mask from this call, whatever the encoder.
    """

    def __init__(self, classifier: nn.Linear):
        super().__init__()
        self.classifier = classifier

    def forward(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        return self.classifier(hidden)


def share_encoder(whole: Any, network: Any) -> None:
    """Let one network read sounds by the encoder of another one.

    Under a decoder the encoder is called `reader`, and else `encoder`.
    """
    names = ["reader" if hasattr(each, "reader") else "encoder" for each in (whole, network)]
    setattr(whole, names[0], getattr(network, names[1]))


class SpeechNetwork(nn.Module):
    """Sounds (B, S) or (B, M, S) with their mask (B, S) to logits (B, T, K) of their frames."""

    def __init__(self, encoder: WhisperReader | WaveReader, classifier: nn.Linear, config: Any):
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.head = FrameHead(classifier)
        self.convolutions = encoder.convolutions(config)

    def forward(
        self,
        attention_mask: Tensor,
        input_features: Tensor | None = None,
        input_values: Tensor | None = None,
    ) -> Tensor:
        inputs = input_values if input_features is None else input_features
        frame_mask = mask_frames(attention_mask, self.convolutions)
        hidden = self.encoder(inputs, attention_mask, frame_mask)
        return self.head(hidden, attention_mask=frame_mask)
