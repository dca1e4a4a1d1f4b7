"""Recognizers of speech in the folders of transformers: opened, created, saved as its Whisper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.language import special_tokens
from graft.backbones.language.quiet import quiet
from graft.backbones.preprocess.transcript import TranscriptPreprocess
from graft.backbones.speech.folder import LONGEST, leave_out_randomness
from graft.base.errors import BackboneError
from graft.base.job import Job

if TYPE_CHECKING:
    from graft.backbones.speech.recognizer import WhisperRecognizer

KIND = "whisper"
"""The model type whose decoder writes what was said."""
HEAD = ("lm_head",)
SPARE = 4
"""Positions of the decoder that no text takes, so that a batch can be padded to another length."""


def open_recognizer(folder: str, job: Job, pretrained: bool) -> Backbone:
    """Open a network that writes what it hears; raises BackboneError."""
    import transformers

    spec = f"transformers:{folder}"
    with quiet():
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        _check(spec, config, job)
        leave_out_randomness(config)
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        whole = _open_pretrained(folder, config, job) if pretrained else _build(config)
        # Of one that was derived from the config, transformers does not read the special tokens.
        whole.generation_config = transformers.GenerationConfig.from_pretrained(
            folder, _from_model_config=False
        )
    return _wrap(spec, whole, extractor, tokenizer)


def create_recognizer(
    settings: dict[str, Any], extractor: Any, tokenizer: Any, generation: dict[str, Any], job: Job
) -> Backbone:
    """A recognizer with random weights.

    `settings` are those of its config, with its `model_type`, `generation` those of its generation
    config. Raises BackboneError for another kind.
    """
    from transformers import AutoConfig

    config = AutoConfig.for_model(**settings)
    _check(f"transformers:{config.model_type}", config, job)
    leave_out_randomness(config)
    with quiet():
        whole = _build(config)
        for name, value in generation.items():
            setattr(whole.generation_config, name, value)
        return _wrap(f"transformers:{config.model_type}", whole, extractor, tokenizer)


def save_recognizer(backbone: Backbone, folder: str) -> None:
    """Save as transformers' Whisper, extractor and tokenizer included, which a pipeline opens.

    The language and the task are in the generation config alone, where transformers looks first.
    """
    preprocess, network = backbone.preprocess, backbone.network
    # A new network draws weights, and saving must not change what is drawn next.
    with quiet(), torch.random.fork_rng(devices=[]):
        whole = _build(network.config)
        state = network.library_state()
        whole.load_state_dict({name: tensor.detach().cpu() for name, tensor in state.items()})
        whole.generation_config = generation = network.generation_config
        if preprocess.language:
            generation.language, generation.task = preprocess.language, "transcribe"
        whole.save_pretrained(folder)
        preprocess.extractor.save_pretrained(folder)
        special_tokens.save_setting(preprocess.tokenizer)
        preprocess.tokenizer.save_pretrained(folder)


def _check(spec: str, config: Any, job: Job) -> None:
    if config.model_type != KIND:
        raise BackboneError(
            f"{spec} is of the kind {config.model_type!r}, which has no decoder that writes what "
            f"was said, as {job.id} needs. Use one of the kind {KIND!r}, as whisper-tiny.en, or "
            "the head that gives each frame a character: head=ctc."
        )


def _open_pretrained(folder: str, config: Any, job: Job) -> Any:
    from transformers import WhisperForConditionalGeneration

    whole, loading = WhisperForConditionalGeneration.from_pretrained(
        folder, config=config, dtype=torch.float32, output_loading_info=True
    )
    if absent := loading["missing_keys"]:
        raise BackboneError(
            f"transformers:{folder} lacks {len(absent):,} of the tensors that {job.id} needs, as "
            f"{min(absent)}: it holds an encoder alone. Use a whole Whisper, saved by "
            "WhisperForConditionalGeneration."
        )
    return whole


def _build(config: Any) -> Any:
    from transformers import WhisperForConditionalGeneration

    return WhisperForConditionalGeneration(config)


def _wrap(spec: str, whole: Any, extractor: Any, tokenizer: Any) -> Backbone:
    from graft.backbones.speech.recognizer import WhisperRecognizer

    config, generation = whole.config, whole.generation_config
    for settings in (config, generation):  # an old way to name language and task, beside the new
        if getattr(settings, "forced_decoder_ids", None):
            settings.forced_decoder_ids = None
    # Keys and values are cached only while text is generated, and `generate` turns that on itself.
    config.use_cache = False
    generation._from_model_config = False  # for those who open what is saved
    special_tokens.read_as_text(tokenizer)
    network: WhisperRecognizer = WhisperRecognizer(whole).eval()
    preprocess = TranscriptPreprocess(
        extractor=extractor,
        convolutions=network.convolutions,
        seconds=float(min(LONGEST, getattr(extractor, "chunk_length", LONGEST))),
        tokenizer=tokenizer,
        generation=generation,
        max_length=config.max_target_positions - SPARE,
    )
    groups = layer_groups.find(network, HEAD, preprocess.example())
    lr = learning_rate.usual(network, "audio", config.d_model, None)
    return Backbone(
        spec, "transformers", network, "seq2seq", HEAD, groups, preprocess, lr, own_head=True
    )
