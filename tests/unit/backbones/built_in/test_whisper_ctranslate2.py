"""CTranslate2's file is read, and each tensor has its place in transformers' Whisper."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch

from graft.backbones.built_in.convert.whisper_ctranslate2 import (
    NUMBERS,
    read_variables,
    whisper_weights,
)


def written(variables: dict[str, np.ndarray], version: int = 6) -> bytes:
    """A `model.bin` as CTranslate2 writes it."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    out = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    numbers = {np.dtype(kind): number for number, kind in NUMBERS.items()}
    for name, array in variables.items():
        out += (
            text(name)
            + struct.pack("<B", array.ndim)
            + struct.pack(f"<{array.ndim}I", *array.shape)
        )
        out += struct.pack("<BI", numbers[array.dtype], array.nbytes) + array.tobytes()
    return out + struct.pack("<I", 0)


def test_reads_what_was_written():
    rng = np.random.default_rng(0)
    variables = {
        "a/weight": rng.normal(size=(3, 4)).astype("<f2"),
        "a/bias": rng.normal(size=4).astype("<f4"),
        "layers": np.array(5, dtype="i1"),
        "ids": np.arange(6, dtype="<i4").reshape(1, 2, 3),
    }
    read = read_variables(written(variables))
    assert list(read) == list(variables)
    assert all(
        np.array_equal(read[name], array) and read[name].shape == array.shape
        for name, array in variables.items()
    )


def test_another_version_is_refused():
    with pytest.raises(ValueError, match="version 5"):
        read_variables(written({}, version=5))


def test_the_weights_fill_a_whisper_exactly_once():
    """From a small Whisper's own weights to CTranslate2's names, and back."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    marks = dict.fromkeys(
        ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0
    )
    heads = {
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 16,
        "decoder_ffn_dim": 16,
    }
    sizes = {"vocab_size": 50, "d_model": 8, "encoder_layers": 2, "decoder_layers": 2}
    torch.manual_seed(0)
    network = WhisperForConditionalGeneration(
        WhisperConfig(**sizes, **heads, **marks, suppress_tokens=None, begin_suppress_tokens=None)
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    weights = network.state_dict()
    read = whisper_weights(_ctranslate2(weights, layers=2), layers=2)
    assert sorted(read) == sorted(weights)
    assert all(torch.equal(read[name], weights[name]) for name in weights)


def _ctranslate2(weights: dict, layers: int) -> dict[str, np.ndarray]:
    """The names and the fused projections of CTranslate2's WhisperSpec."""
    out: dict[str, torch.Tensor] = {}

    def put(source: str, target: str, names: tuple[str, str] = ("weight", "bias")) -> None:
        for ours, theirs in zip(("weight", "bias"), names, strict=True):
            out[f"{target}/{theirs}"] = weights[f"{source}.{ours}"]

    def fuse(source: str, target: str, letters: str) -> None:
        width = weights[f"{source}.q_proj.bias"].shape
        out[f"{target}/weight"] = torch.cat([weights[f"{source}.{x}_proj.weight"] for x in letters])
        out[f"{target}/bias"] = torch.cat(
            [weights.get(f"{source}.{x}_proj.bias", torch.zeros(width)) for x in letters]
        )

    for side in ("encoder", "decoder"):
        out[f"{side}/position_encodings/encodings"] = weights[
            f"model.{side}.embed_positions.weight"
        ]
        put(f"model.{side}.layer_norm", f"{side}/layer_norm", ("gamma", "beta"))
        for i in range(layers):
            source, target = f"model.{side}.layers.{i}", f"{side}/layer_{i}"
            fuse(f"{source}.self_attn", f"{target}/self_attention/linear_0", "qkv")
            put(f"{source}.self_attn.out_proj", f"{target}/self_attention/linear_1")
            put(
                f"{source}.self_attn_layer_norm",
                f"{target}/self_attention/layer_norm",
                ("gamma", "beta"),
            )
            if side == "decoder":
                fuse(f"{source}.encoder_attn", f"{target}/attention/linear_0", "q")
                fuse(f"{source}.encoder_attn", f"{target}/attention/linear_1", "kv")
                put(f"{source}.encoder_attn.out_proj", f"{target}/attention/linear_2")
                put(
                    f"{source}.encoder_attn_layer_norm",
                    f"{target}/attention/layer_norm",
                    ("gamma", "beta"),
                )
            put(f"{source}.fc1", f"{target}/ffn/linear_0")
            put(f"{source}.fc2", f"{target}/ffn/linear_1")
            put(f"{source}.final_layer_norm", f"{target}/ffn/layer_norm", ("gamma", "beta"))
    put("model.encoder.conv1", "encoder/conv1")
    put("model.encoder.conv2", "encoder/conv2")
    out["decoder/embeddings/weight"] = weights["model.decoder.embed_tokens.weight"]
    return {name: tensor.numpy() for name, tensor in out.items()}
