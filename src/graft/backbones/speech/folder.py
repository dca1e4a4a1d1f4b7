"""Encoders of speech in the folders of transformers: opened, created, saved as its classifiers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.language.quiet import quiet
from graft.backbones.preprocess.sound import SoundPreprocess
from graft.backbones.speech.ctc_folder import HEAD as CTC
from graft.backbones.speech.ctc_folder import is_ctc, open_ctc, save_ctc
from graft.backbones.speech.network import SpeechNetwork
from graft.backbones.speech.readers import WaveReader, WhisperReader
from graft.base.errors import BackboneError
from graft.base.job import Job

READERS: dict[str, type[WhisperReader | WaveReader]] = {
    "whisper": WhisperReader,
    "wav2vec2": WaveReader,
    "hubert": WaveReader,
    "wavlm": WaveReader,
}
"""The model types that can be read, and how."""
LONGEST = 30.0
"""Seconds of a sound that are read; Whisper's positions end there."""
HEAD = ("head.classifier",)


def open_speech(folder: str, job: Job, pretrained: bool) -> Backbone:
    """Open an encoder of speech with a linear layer on its frames; raises BackboneError."""
    import transformers

    with quiet():
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        _check(f"transformers:{folder}", config, job)
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
        if job.outputs is not None and job.outputs != config.num_labels:
            config.num_labels = job.outputs
        leave_out_randomness(config)
        if not pretrained:
            return _wrap(f"transformers:{folder}", config, *_create(config), extractor, False)
        if is_ctc(config):
            encoder, classifier = open_ctc(folder, config)
            is_kept = classifier.out_features == config.num_labels
            head = classifier if is_kept else _create(config)[1]
            return _wrap(f"transformers:{folder}", config, encoder, head, extractor, is_kept)
        whole, loading = transformers.AutoModelForAudioClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    absent = {*loading["missing_keys"], *(name for name, *_ in loading["mismatched_keys"])}
    own_head = not any(name.startswith(("projector.", "classifier.")) for name in absent)
    return _wrap(f"transformers:{folder}", config, *_parts(whole), extractor, own_head)


def create_speech(settings: dict[str, Any], extractor: Any, job: Job) -> Backbone:
    """An encoder with random weights; `settings` are those of its config, with its `model_type`."""
    from transformers import AutoConfig

    config = AutoConfig.for_model(**settings)
    config.num_labels = job.outputs or config.num_labels
    leave_out_randomness(config)
    with quiet():
        return _wrap(
            f"transformers:{config.model_type}", config, *_create(config), extractor, False
        )


def save_speech(backbone: Backbone, folder: str, classes: list[str], problem: str | None) -> None:
    """Save as transformers' classifier of sounds, extractor included, which a pipeline opens.

    Its projector is the identity, so that its mean over frames and its classifier are Graft's.
    Encoders of waves under CTC are saved as its networks for CTC: it has none for Whisper.
    """
    network, extractor = backbone.network, backbone.preprocess.extractor
    config, encoder = network.config, network.encoder
    if backbone.head_name == CTC and isinstance(encoder, WaveReader):
        with quiet(), torch.random.fork_rng(devices=[]):
            save_ctc(
                config, encoder.library_state(), network.head.classifier, extractor, classes, folder
            )
        return
    if classes:
        config.id2label = dict(enumerate(classes))
        config.label2id = {name: i for i, name in enumerate(classes)}
        config.problem_type = problem
    config.classifier_proj_size = config.hidden_size
    config.use_weighted_layer_sum = False
    # A new network draws weights, and saving must not change what is drawn next.
    with quiet(), torch.random.fork_rng(devices=[]):
        whole = _build(config)
        whole.load_state_dict(_library_state(network, whole))
        whole.save_pretrained(folder)
        extractor.save_pretrained(folder)


def is_speech(config: Any) -> bool:
    """Whether a config is of an encoder that reads sounds."""
    return config.model_type in READERS


def _check(spec: str, config: Any, job: Job) -> None:
    if is_speech(config) and not getattr(config, "add_adapter", False):
        return
    from transformers import AutoModelForAudioClassification

    hears = type(config) in AutoModelForAudioClassification._model_mapping
    # The Audio Spectrogram Transformer, for one, reads ten seconds always and has no frames.
    reason = "is not read at the true length of sounds" if hears else "does not read sounds"
    raise BackboneError(
        f"{spec} is of the kind {config.model_type!r}, which {reason}, as {job.id} needs. "
        f"Use one of these kinds: {', '.join(sorted(READERS))}, without adapters on top."
    )


def leave_out_randomness(config: Any) -> None:
    """Turn off layer drop and SpecAugment, which transformers applies in training by default.

    Frozen layers that drop out at random could not be recorded.
    """
    for name in (
        "layerdrop",
        "encoder_layerdrop",
        "decoder_layerdrop",
        "mask_time_prob",
        "mask_feature_prob",
    ):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    config.apply_spec_augment = False
    config.use_weighted_layer_sum = False


def _build(config: Any) -> Any:
    from transformers import AutoModelForAudioClassification

    return AutoModelForAudioClassification.from_config(config, dtype=torch.get_default_dtype())


def _create(config: Any) -> tuple[Any, nn.Linear]:
    """The encoder and the linear layer on its frames, with random weights."""
    return _parts(_build(config))


def _parts(whole: Any) -> tuple[Any, nn.Linear]:
    """The encoder of a classifier of sounds, and its two linear layers as one."""
    is_whisper = READERS[whole.config.model_type] is WhisperReader
    encoder = whole.encoder if is_whisper else whole.base_model
    return encoder, _fold(whole.projector, whole.classifier)


def _wrap(
    spec: str, config: Any, encoder: Any, classifier: nn.Linear, extractor: Any, own_head: bool
) -> Backbone:
    reader = READERS[config.model_type](encoder)
    network = SpeechNetwork(reader, classifier, config).eval()
    seconds = min(LONGEST, getattr(extractor, "chunk_length", LONGEST))
    preprocess = SoundPreprocess(extractor, network.convolutions, float(seconds))
    groups = layer_groups.find(network, HEAD, preprocess.example())
    lr = learning_rate.usual(network, "audio", config.hidden_size, None)
    return Backbone(
        spec,
        "transformers",
        network,
        "sequence",
        HEAD,
        groups,
        preprocess,
        lr,
        own_head=own_head,
    )


def _fold(projector: nn.Linear, classifier: nn.Linear) -> nn.Linear:
    """The two linear layers of transformers, between which is only a mean, as one."""
    folded = nn.utils.skip_init(nn.Linear, projector.in_features, classifier.out_features)
    with torch.no_grad():
        folded.weight.copy_(classifier.weight @ projector.weight)
        folded.bias.copy_(classifier.weight @ projector.bias + classifier.bias)
    return folded


def _library_state(network: Any, whole: Any) -> dict[str, Tensor]:
    """The tensors of the audio classifier of transformers."""
    prefix = "encoder" if isinstance(network.encoder, WhisperReader) else whole.base_model_prefix
    state = {f"{prefix}.{name}": t for name, t in network.encoder.library_state().items()}
    classifier = network.head.classifier
    state |= {f"classifier.{name}": tensor for name, tensor in classifier.state_dict().items()}
    state["projector.weight"] = torch.eye(classifier.in_features)
    state["projector.bias"] = torch.zeros(classifier.in_features)
    return {name: tensor.detach().cpu() for name, tensor in state.items()}
