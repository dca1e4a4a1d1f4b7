"""Encoders of waves under CTC in the folders of transformers: opened and saved as its `ForCTC`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

HEAD = "ctc"
"""The head whose networks are saved in this form."""
BOUNDARY = "|"
"""How the tokenizer of transformers writes the boundary of words."""


def is_ctc(config: Any) -> bool:
    """Whether a folder with this config holds a network for CTC."""
    return any(name.endswith("ForCTC") for name in config.architectures or ())


def open_ctc(folder: str, config: Any) -> tuple[Any, nn.Linear]:
    """The encoder, and its linear layer from frames to characters."""
    from transformers import AutoModelForCTC

    whole = AutoModelForCTC.from_pretrained(folder, config=config, dtype=torch.float32)
    return whole.base_model, whole.lm_head


def save_ctc(
    config: Any,
    encoder: dict[str, Tensor],
    classifier: nn.Linear,
    extractor: Any,
    characters: list[str],
    folder: str,
) -> None:
    """Save a network for CTC with its tokenizer and extractor, which a pipeline opens.

    `encoder` are the tensors of the encoder under the names of transformers, the first of the
    `characters` is the blank.
    """
    from transformers import AutoModelForCTC, Wav2Vec2Processor

    config.vocab_size, config.pad_token_id = len(characters), 0
    whole = AutoModelForCTC.from_config(config, dtype=torch.get_default_dtype())
    state = {f"{whole.base_model_prefix}.{name}": tensor for name, tensor in encoder.items()}
    state |= {f"lm_head.{name}": tensor for name, tensor in classifier.state_dict().items()}
    whole.load_state_dict({name: tensor.detach().cpu() for name, tensor in state.items()})
    whole.save_pretrained(folder)
    Wav2Vec2Processor(extractor, _tokenizer(characters)).save_pretrained(folder)
    extractor.save_pretrained(folder)


def _tokenizer(characters: list[str]) -> Any:
    from transformers import Wav2Vec2CTCTokenizer

    numbers = {character: number for number, character in enumerate(characters)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "vocab.json")
        file.write_text(json.dumps(numbers), encoding="utf-8")
        return Wav2Vec2CTCTokenizer(
            str(file),
            bos_token=None,
            eos_token=None,
            unk_token=characters[0],
            pad_token=characters[0],
            word_delimiter_token=BOUNDARY,
            clean_up_tokenization_spaces=False,
        )
