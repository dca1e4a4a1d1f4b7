"""Networks of the transformers library, their weights from the Hugging Face hub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from graft.backbones import head_paths, layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.hub import hub
from graft.backbones.language import label_words, mean_pooling, special_tokens
from graft.backbones.language.language_model import share_base
from graft.backbones.language.positions import count_positions
from graft.backbones.language.quiet import never_ask_for_masks, quiet
from graft.backbones.preprocess.preprocess import TextPreprocess
from graft.backbones.pyramids.transformers_folder import MODELS, open_detector, save_detector
from graft.backbones.pyramids.transformers_masks import gives_masks, open_masks, save_masks
from graft.backbones.speech.folder import is_speech, open_speech, save_speech
from graft.backbones.speech.network import share_encoder
from graft.backbones.speech.recognizer_folder import open_recognizer, save_recognizer
from graft.base import files
from graft.base.errors import BackboneError
from graft.base.job import WRITING, Form, Job

LONGEST, LONGEST_WRITTEN = 256, 512
"""Tokens that are read by default, and by networks that write text."""
CLASSES: dict[Form, tuple[str, ...]] = {
    "vector": ("AutoModelForSequenceClassification",),
    "sequence": ("AutoModelForTokenClassification",),
    "causal": ("AutoModelForCausalLM",),
    "seq2seq": ("AutoModelForSeq2SeqLM", "AutoModelForCausalLM"),
    "masked": ("AutoModelForMaskedLM",),
}
"""The classes of transformers for texts that make a network of a form, the first that there is,
unless transformers has a class that is named after the job."""


class Transformers:
    """Networks of transformers for texts and sounds: `transformers:ORGANIZATION/NAME`.

    Of networks for pictures, those that find objects or give masks are opened whole, with the head
    `own`: `transformers:PekingU/rtdetr_v2_r18vd`,
    `transformers:nvidia/segformer-b0-finetuned-ade-512-512`.

    Example: graft fit reviews.csv -b transformers:distilbert/distilbert-base-uncased
    """

    def names(self) -> list[str]:
        """Well-known ones; `load` takes any name on the hub."""
        return [
            "distilbert/distilbert-base-uncased",
            "facebook/bart-base",
            "facebook/hubert-base-ls960",
            "facebook/wav2vec2-base",
            "google-bert/bert-base-uncased",
            "google-t5/t5-small",
            "Helsinki-NLP/opus-mt-en-de",
            "FacebookAI/roberta-base",
            "google/electra-small-discriminator",
            "microsoft/deberta-v3-base",
            "microsoft/wavlm-base-plus",
            "openai-community/gpt2",
            "openai/whisper-base",
            "sentence-transformers/all-MiniLM-L6-v2",
            "xlnet/xlnet-base-cased",
        ]

    def paths(self, name: str) -> list[str]:
        return [name] if files.is_folder(name) else []

    def usual_job(self, name: str) -> Job:
        """Raises BackboneError if the network's config cannot be had."""
        from transformers import AutoConfig

        with _opening(name):
            config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        if gives_masks(config):
            return Job("features", "image", "finished")
        if is_speech(config):
            return Job("features", "audio", "sequence")
        if config.model_type in MODELS:
            return Job("features", "image", "pyramid")
        writes = getattr(config, "is_encoder_decoder", False)
        return Job("features", "text", "seq2seq" if writes else "vector")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raises BackboneError if the network cannot be had, or does not do the job."""
        with _opening(name):
            return self.open(name, job, pretrained)

    def tiny(self, job: Job) -> list[str]:
        return []

    def create(
        self,
        settings: dict[str, Any],
        tokenizer: Any,
        job: Job,
        mean_pooled: bool = False,
    ) -> Backbone:
        """A network with random weights.

        `settings` are those of its config, with its `model_type`.
        """
        from transformers import AutoConfig

        config = AutoConfig.for_model(**settings)
        spec = f"transformers:{config.model_type}"
        return self._wrap(spec, None, config, tokenizer, job, mean_pooled)

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        """transformers' own folder, tokenizer included: `pipeline(TASK, model=FOLDER)` opens it."""
        if backbone.preprocess.reads == "image":
            write = save_masks if backbone.levels is None else save_detector
            write(backbone, folder, classes)
            return
        if backbone.preprocess.reads == "audio":
            if backbone.form == "seq2seq":
                save_recognizer(backbone, folder)
            else:
                save_speech(backbone, folder, classes, problem)
            return
        network, pooled = backbone.network, mean_pooling.is_installed(backbone.network)
        config = network.config
        if classes:
            config.id2label, config.label2id = (
                dict(enumerate(classes)),
                {name: i for i, name in enumerate(classes)},
            )
            config.problem_type = problem
        if isinstance(network, label_words.LabelWords):
            network = network.causal
        with quiet():
            (mean_pooling.to_bert_layer(network) if pooled else network).save_pretrained(folder)
            special_tokens.save_setting(backbone.preprocess.tokenizer)
            backbone.preprocess.tokenizer.save_pretrained(folder)
        if pooled:
            files.write_json(Path(folder, mean_pooling.POOLING), {"pooling_mode_mean_tokens": True})

    def share_trunk(self, whole: Backbone, backbone: Backbone) -> None:
        """Below their heads its networks for texts have one base, those for sounds an encoder.

        Raises BackboneError where the base is another one under another head, as of T5.
        """
        if whole.preprocess.reads == "audio":
            share_encoder(whole.network, backbone.network)
        else:
            share_base(whole, backbone)

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return config.is_file() and "model_type" in json.loads(config.read_text(encoding="utf-8"))

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        from transformers import AutoConfig, AutoTokenizer

        if job.reads == "audio":
            opened = open_recognizer if job.form == "seq2seq" else open_speech
            return opened(folder, job, pretrained)
        if job.reads != "text":
            return _open_for_pictures(folder, job, pretrained)
        with quiet():
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            try:
                tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            except ImportError as error:
                raise _lacking(folder, error) from error
            pooled = config.model_type == "bert" and mean_pooling.is_used_in(folder)
            weights = folder if pretrained else None
            prompt = label_words.read_prompt(config)
            spec = f"transformers:{folder}"
            if job.form == "vector" and prompt and job.outputs in (None, len(prompt.words)):
                causal = Job(job.id, job.reads, "causal")
                return label_words.as_classifier(
                    self._wrap(spec, weights, config, tokenizer, causal, False), prompt
                )
            return self._wrap(spec, weights, config, tokenizer, job, pooled)

    def _wrap(
        self,
        spec: str,
        weights: str | None,
        config: Any,
        tokenizer: Any,
        job: Job,
        mean_pooled: bool,
    ) -> Backbone:
        preprocess = _prepare(tokenizer, config, job)
        with quiet():
            network, absent = _network(spec, job, config, weights)
        if weights and absent and job.form == "seq2seq":
            raise _not_whole(spec, job, config, absent)
        _restore_mean_pooling(network, config, mean_pooled)
        if job.form in WRITING:
            _prepare_generation(network)
            preprocess = replace(preprocess, decoder_start=_decoder_start(network))
        example = preprocess.example()
        if job.form in WRITING and preprocess.decoder_start is None:
            _check_causal(network, example, spec, job)
        absent &= set(network.state_dict())  # a pooler may have been replaced
        head = head_paths.find(network, example, absent if weights else ())
        form, token, width = head_paths.features(network, head, example)
        groups = layer_groups.find(network, head, example)
        lr = learning_rate.usual(network, "text", width, token, form == "sequence")
        if form == "sequence" and job.form in ("causal", "seq2seq", "masked"):
            form = job.form
        own_head = not any(name.startswith(tuple(f"{path}." for path in head)) for name in absent)
        return Backbone(
            spec, "transformers", network, form, head, groups, preprocess, lr, token, own_head
        )


def _open_for_pictures(folder: str, job: Job, pretrained: bool) -> Backbone:
    """Raises BackboneError for a whole network that does something else than the job."""
    from transformers import AutoConfig

    with quiet():
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    auto = _class_named_after(job)
    if job.form == "finished" and auto and type(config) not in auto._model_mapping:
        raise _unfit(f"transformers:{folder}", config, job)
    if job.form == "finished" and gives_masks(config):
        return open_masks(folder, config, job, pretrained)
    return open_detector(folder, config, job, pretrained)


def _prepare(tokenizer: Any, config: Any, job: Job) -> TextPreprocess:
    """Set what the tokenizer and the config lack for the job, and return the preprocessing."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    special_tokens.read_as_text(tokenizer)
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    if job.outputs is not None and job.outputs != config.num_labels:
        config.num_labels = job.outputs
    writes = job.form in WRITING
    longest = LONGEST_WRITTEN if writes else LONGEST
    length = min(tokenizer.model_max_length, count_positions(config) or longest, longest)
    if not writes:  # so that a pipeline cuts a text where this preprocessing does
        tokenizer.model_max_length = length
    return TextPreprocess(tokenizer, length)


def _restore_mean_pooling(network: Any, config: Any, mean_pooled: bool) -> None:
    """Let the sentence vector be the mean of the token states if it was saved so."""
    if getattr(config, mean_pooling.MARK, False):
        mean_pooling.from_bert_layer(network)
        return
    # A classifier of tokens has no pooler.
    if mean_pooled and getattr(network.base_model, "pooler", None) is not None:
        mean_pooling.install(network)


def _prepare_generation(network: Any) -> None:
    """Turn off what transformers does by default in a network that generates text."""
    never_ask_for_masks()
    # Keys and values are cached only while text is generated, and `generate` turns that on itself.
    network.config.use_cache = False
    network.generation_config = _plain(network.generation_config)


@contextmanager
def _opening(name: str) -> Iterator[None]:
    """Raise BackboneError if the hub or transformers cannot open `name`."""
    try:
        with hub(f"transformers:{name}"):
            yield
    except (ValueError, ImportError) as error:  # it needs code from the hub, or another package
        raise BackboneError(
            f"transformers cannot open {name!r}: {str(error).strip().splitlines()[0]}"
        ) from error


def _network(spec: str, job: Job, config: Any, weights: str | None) -> tuple[Any, set[str]]:
    """The network for the job in evaluation mode, and the names of tensors that `weights` lack."""
    import torch
    import transformers

    named = _class_named_after(job)
    usual = (getattr(transformers, name) for name in CLASSES.get(job.form, ()))
    classes = [named] if named else list(usual)
    fitting = [auto for auto in classes if type(config) in auto._model_mapping]
    if not fitting:
        raise _unfit(spec, config, job)
    if weights is None:
        network = fitting[0].from_config(config, dtype=torch.get_default_dtype()).eval()
        _hold_tables(network)
        return network, set(network.state_dict())
    options = {"dtype": torch.float32, "ignore_mismatched_sizes": True, "output_loading_info": True}
    network, loading = fitting[0].from_pretrained(weights, config=config, **options)
    _hold_tables(network)
    return network.eval(), {
        *loading["missing_keys"],
        *(name for name, *_ in loading["mismatched_keys"]),
    }


def _hold_tables(network: Any) -> None:
    """Make buffers of what transformers neither trains nor saves, as Marian's sinusoids."""
    unsaved = getattr(network, "_keys_to_ignore_on_save", None) or ()
    uses = Counter(id(tensor) for _, tensor in network.named_parameters(remove_duplicate=False))
    for path, tensor in list(network.named_parameters()):
        if not tensor.requires_grad or (path in unsaved and uses[id(tensor)] == 1):
            owner, _, name = path.rpartition(".")
            module = network.get_submodule(owner)
            delattr(module, name)
            module.register_buffer(name, tensor.detach())


def _class_named_after(job: Job) -> Any:
    """The class of transformers that makes networks for the job, None if there is none."""
    import transformers

    return getattr(transformers, f"AutoModelFor{job.id.title().replace('-', '')}", None)


def _unfit(spec: str, config: Any, job: Job) -> BackboneError:
    return BackboneError(
        f"{spec} is of the kind {config.model_type!r}, "
        f"which transformers has not made for {job.id}."
    )


def _lacking(name: str, error: ImportError) -> BackboneError:
    """transformers tells which package it lacks at length; of Marian's two it tells one."""
    if "SentencePiece" in str(error):
        return BackboneError(
            f"The tokenizer of {name} needs packages that are "
            "missing: pip install sentencepiece sacremoses"
        )
    return BackboneError(
        f"transformers cannot open the tokenizer of {name}: {' '.join(str(error).split())}"
    )


def _not_whole(spec: str, job: Job, config: Any, absent: set[str]) -> BackboneError:
    return BackboneError(
        f"{spec} lacks {len(absent):,} of the tensors that {job.id} needs, as {min(absent)}: it "
        "holds an encoder alone, or was saved without the head that predicts tokens. Use a whole "
        f"{config.model_type!r}, saved by {' or '.join(CLASSES['seq2seq'])}."
    )


def _plain(generation: Any) -> Any:
    """Keep only the start, end and forbidden tokens of a generation config.

    Beams, sampling and length limits are dropped, which its authors chose for their own texts
    (bart-large-cnn: 56 to 142 tokens). A saved model then generates in transformers as in Graft.
    """
    kept = {
        k: v
        for k, v in generation.to_dict().items()
        if k.endswith(("token_id", "_tokens", "_words_ids")) and v is not None
    }
    return type(generation)(**kept)


def _decoder_start(network: Any) -> int | None:
    """Return the start token of the decoder; None without an encoder."""
    if not network.config.is_encoder_decoder:
        return None
    start = network.generation_config.decoder_start_token_id
    return network.config.pad_token_id if start is None else start


def _check_causal(network: Any, example: dict, spec: str, job: Job) -> None:
    """Raises BackboneError if what comes after a token changes the logits of that token."""
    import torch

    ids, length = example["input_ids"], int(example["attention_mask"][0].sum())
    first, other = int(ids[0, 0]), ids[:1, :length].clone()
    other[0, -1] = first if int(other[0, -1]) != first else first + 1
    with torch.no_grad():
        one, another = (
            network(input_ids=tokens).logits[0, : length - 1]
            for tokens in (ids[:1, :length], other)
        )
    if not torch.allclose(one, another, atol=1e-4):
        raise BackboneError(
            f"{spec} is of the kind {network.config.model_type!r}, which reads the "
            f"tokens that it would have to predict for {job.id}. Text is generated "
            "by decoders, as smollm2-135m or transformers:openai-community/gpt2."
        )
