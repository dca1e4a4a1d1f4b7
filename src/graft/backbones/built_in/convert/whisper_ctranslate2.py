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
    renaming = _Renaming(variables)
    for side in ("encoder", "decoder"):
        renaming.copy(
            f"{side}/position_encodings/encodings", f"model.{side}.embed_positions.weight"
        )
        renaming.norm(f"{side}/layer_norm", f"model.{side}.layer_norm")
        for i in range(layers):
            source, target = f"{side}/layer_{i}", f"model.{side}.layers.{i}"
            renaming.self_attention(f"{source}/self_attention", f"{target}.self_attn")
            if side == "decoder":
                renaming.cross_attention(f"{source}/attention", f"{target}.encoder_attn")
            renaming.linear(f"{source}/ffn/linear_0", f"{target}.fc1")
            renaming.linear(f"{source}/ffn/linear_1", f"{target}.fc2")
            renaming.norm(f"{source}/ffn/layer_norm", f"{target}.final_layer_norm")
    renaming.linear("encoder/conv1", "model.encoder.conv1")
    renaming.linear("encoder/conv2", "model.encoder.conv2")
    for tied in ("model.decoder.embed_tokens.weight", "proj_out.weight"):
        renaming.copy("decoder/embeddings/weight", tied)
    return renaming.weights


class _Renaming:
    """The float tensors of the file under the names of transformers; each method adds a module."""

    def __init__(self, variables: dict[str, np.ndarray]) -> None:
        self.weights: dict[str, Tensor] = {}
        self._raw = {
            name: torch.from_numpy(array.astype(np.float32))
            for name, array in variables.items()
            if array.dtype.kind == "f"
        }

    def copy(self, source: str, target: str) -> None:
        self.weights[target] = self._raw[source]

    def norm(self, source: str, target: str) -> None:
        self.copy(f"{source}/gamma", f"{target}.weight")
        self.copy(f"{source}/beta", f"{target}.bias")

    def linear(self, source: str, target: str) -> None:
        self.copy(f"{source}/weight", f"{target}.weight")
        self.copy(f"{source}/bias", f"{target}.bias")

    def projections(self, source: str, target: str, letters: str) -> None:
        """Cut one fused projection into queries, keys and values; keys have no bias."""
        weights = self._raw[f"{source}/weight"].chunk(len(letters))
        biases = self._raw[f"{source}/bias"].chunk(len(letters))
        for letter, weight, bias in zip(letters, weights, biases, strict=True):
            self.weights[f"{target}.{letter}_proj.weight"] = weight.clone()
            if letter != "k":
                self.weights[f"{target}.{letter}_proj.bias"] = bias.clone()

    def self_attention(self, source: str, target: str) -> None:
        self.projections(f"{source}/linear_0", target, "qkv")
        self.linear(f"{source}/linear_1", f"{target}.out_proj")
        self.norm(f"{source}/layer_norm", f"{target}_layer_norm")

    def cross_attention(self, source: str, target: str) -> None:
        self.projections(f"{source}/linear_0", target, "q")
        self.projections(f"{source}/linear_1", target, "kv")
        self.linear(f"{source}/linear_2", f"{target}.out_proj")
        self.norm(f"{source}/layer_norm", f"{target}_layer_norm")
