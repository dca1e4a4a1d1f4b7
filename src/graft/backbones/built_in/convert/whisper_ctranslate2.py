"""Whisper from CTranslate2's file to transformers' state dict."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import torch
from torch import Tensor

NUMBERS = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
"""CTranslate2's numbers for its data types."""


def read_variables(blob: bytes) -> dict[str, np.ndarray]:
    """Read the tensors of a `model.bin` of version 6.

    The file has a count, then each tensor's name, rank, shape, type, byte count and bytes.
    Raises ValueError for another version. Source: `model_spec.py` of CTranslate2 4.
    """
    file = BytesIO(blob)

    def number(form: str) -> int:
        return struct.unpack(form, file.read(struct.calcsize(form)))[0]

    def text() -> str:
        return file.read(number("<H"))[:-1].decode()  # ends in a zero byte

    version = number("<I")
    if version != 6:
        raise ValueError(f"model.bin has version {version}; only 6 is known")
    text(), number("<I")  # the name and the revision of the specification
    variables = {}
    for _ in range(number("<I")):
        name = text()
        shape = [number("<I") for _ in range(number("<B"))]
        kind = NUMBERS[number("<B")]
        variables[name] = np.frombuffer(file.read(number("<I")), kind).reshape(shape)
    return variables


def whisper_weights(variables: dict[str, np.ndarray], layers: int) -> dict[str, Tensor]:
    """Return the float32 state dict of a `WhisperForConditionalGeneration`.

    It has `layers` layers in the encoder and as many in the decoder.
    """
    raw = {
        name: torch.from_numpy(array.astype(np.float32))
        for name, array in variables.items()
        if array.dtype.kind == "f"
    }
    weights: dict[str, Tensor] = {}

    def norm(source: str, target: str) -> None:
        weights[f"{target}.weight"], weights[f"{target}.bias"] = (
            raw[f"{source}/gamma"],
            raw[f"{source}/beta"],
        )

    def linear(source: str, target: str) -> None:
        weights[f"{target}.weight"], weights[f"{target}.bias"] = (
            raw[f"{source}/weight"],
            raw[f"{source}/bias"],
        )

    def projections(source: str, target: str, letters: str) -> None:
        """Cut one fused projection into queries, keys and values; keys have no bias."""
        parts = (
            raw[f"{source}/weight"].chunk(len(letters)),
            raw[f"{source}/bias"].chunk(len(letters)),
        )
        for letter, weight, bias in zip(letters, *parts, strict=True):
            weights[f"{target}.{letter}_proj.weight"] = weight.clone()
            if letter != "k":
                weights[f"{target}.{letter}_proj.bias"] = bias.clone()

    def self_attention(source: str, target: str) -> None:
        projections(f"{source}/linear_0", target, "qkv")
        linear(f"{source}/linear_1", f"{target}.out_proj")
        norm(f"{source}/layer_norm", f"{target}_layer_norm")

    def cross_attention(source: str, target: str) -> None:
        projections(f"{source}/linear_0", target, "q")
        projections(f"{source}/linear_1", target, "kv")
        linear(f"{source}/linear_2", f"{target}.out_proj")
        norm(f"{source}/layer_norm", f"{target}_layer_norm")

    for side in ("encoder", "decoder"):
        weights[f"model.{side}.embed_positions.weight"] = raw[
            f"{side}/position_encodings/encodings"
        ]
        norm(f"{side}/layer_norm", f"model.{side}.layer_norm")
        for i in range(layers):
            source, target = f"{side}/layer_{i}", f"model.{side}.layers.{i}"
            self_attention(f"{source}/self_attention", f"{target}.self_attn")
            if side == "decoder":
                cross_attention(f"{source}/attention", f"{target}.encoder_attn")
            linear(f"{source}/ffn/linear_0", f"{target}.fc1")
            linear(f"{source}/ffn/linear_1", f"{target}.fc2")
            norm(f"{source}/ffn/layer_norm", f"{target}.final_layer_norm")
    linear("encoder/conv1", "model.encoder.conv1")
    linear("encoder/conv2", "model.encoder.conv2")
    weights["model.decoder.embed_tokens.weight"] = weights["proj_out.weight"] = raw[
        "decoder/embeddings/weight"
    ]
    return weights
