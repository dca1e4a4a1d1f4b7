"""Networks of the transformers library, their weights from the Hugging Face hub."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone, Kind, call, observed
from graft.backbones.hub import hub
from graft.backbones.language import label_words, mean_pooling, special_tokens
from graft.backbones.language.quiet import never_ask_for_masks, quiet
from graft.backbones.preprocess.preprocess import TextPreprocess
from graft.base import files
from graft.base.errors import BackboneError, UnknownName
from graft.base.records import Batch

LONGEST, LONGEST_WRITTEN = 256, 512
"""Tokens that are read by default, and by networks that write text."""
SEQ2SEQ = "text2text-generation"
WRITING = ("text-generation", SEQ2SEQ)
WITHOUT_PIPELINE = {
    "question-answering": ("AutoModelForQuestionAnswering",),
    SEQ2SEQ: ("AutoModelForSeq2SeqLM", "AutoModelForCausalLM"),
}
"""Tasks for which transformers has networks, of several kinds the first that there is, and, since its version 5, no pipeline."""
POOLING = Path("1_Pooling", "config.json")
"""Where sentence-transformers says how token states become a sentence's vector."""


class Transformers:
    """Text networks of transformers, by their name on the hub: `transformers:distilbert/distilbert-base-uncased`."""

    def names(self) -> list[str]:
        """Well-known ones; `load` takes any name on the hub."""
        return [
            "distilbert/distilbert-base-uncased",
            "facebook/bart-base",
            "google-bert/bert-base-uncased",
            "google-t5/t5-small",
            "Helsinki-NLP/opus-mt-en-de",
            "FacebookAI/roberta-base",
            "google/electra-small-discriminator",
            "microsoft/deberta-v3-base",
            "openai-community/gpt2",
            "sentence-transformers/all-MiniLM-L6-v2",
            "xlnet/xlnet-base-cased",
        ]

    def load(self, name: str, task: str, classes: int | None, pretrained: bool) -> Backbone:
        """Raises BackboneError where the network cannot be had, UnknownName for a task transformers does not know."""
        try:
            with hub(f"transformers:{name}"):
                return self.open(name, task, classes, pretrained)
        except (
            ValueError,
            ImportError,
        ) as error:  # a kind that needs code from the hub, or another package
            raise BackboneError(
                f"transformers cannot open {name!r}: {str(error).strip().splitlines()[0]}"
            ) from error

    def tiny(self, task: str) -> list[str]:
        return []

    def create(
        self,
        settings: dict[str, Any],
        tokenizer: Any,
        task: str,
        classes: int | None,
        mean_pooled: bool = False,
    ) -> Backbone:
        """A network with random weights: `settings` are those of its config, with its `model_type`."""
        from transformers import AutoConfig

        config = AutoConfig.for_model(**settings)
        return self._wrap(
            f"transformers:{config.model_type}", None, config, tokenizer, task, classes, mean_pooled
        )

    def save(self, backbone: Backbone, folder: str, classes: list[str], multi_label: bool) -> None:
        """transformers' own folder, tokenizer included: `pipeline(TASK, model=FOLDER)` opens it."""
        network, pooled = backbone.network, mean_pooling.installed(backbone.network)
        config = network.config
        if classes:
            config.id2label, config.label2id = (
                dict(enumerate(classes)),
                {name: i for i, name in enumerate(classes)},
            )
            config.problem_type = (
                "multi_label_classification" if multi_label else "single_label_classification"
            )
        if isinstance(network, label_words.LabelWords):
            network = network.causal
        with quiet():
            (mean_pooling.as_bert_layer(network) if pooled else network).save_pretrained(folder)
            special_tokens.keep_when_saved(backbone.preprocess.tokenizer)
            backbone.preprocess.tokenizer.save_pretrained(folder)
        if pooled:
            files.write_json(Path(folder, POOLING), {"pooling_mode_mean_tokens": True})

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return config.is_file() and "model_type" in json.loads(config.read_text(encoding="utf-8"))

    def open(self, folder: str, task: str, classes: int | None, pretrained: bool) -> Backbone:
        from transformers import AutoConfig, AutoTokenizer

        if task.startswith(("image-", "audio-", "automatic-speech-")):
            raise BackboneError(
                f"Graft reads only text networks from transformers, none for {task}. For pictures use 'timm:NAME'."
            )
        with quiet():
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            try:
                tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            except ImportError as error:
                raise _lacking(folder, error) from error
            pooled = config.model_type == "bert" and _mean_pooled(folder)
            weights = folder if pretrained else None
            prompt = label_words.prompt_in(config)
            if task == "text-classification" and prompt and classes in (None, len(prompt.words)):
                causal = self._wrap(
                    f"transformers:{folder}",
                    weights,
                    config,
                    tokenizer,
                    "text-generation",
                    None,
                    False,
                )
                return label_words.as_classifier(causal, prompt)
            return self._wrap(
                f"transformers:{folder}", weights, config, tokenizer, task, classes, pooled
            )

    def _wrap(
        self,
        spec: str,
        weights: str | None,
        config: Any,
        tokenizer: Any,
        task: str,
        classes: int | None,
        mean_pooled: bool,
    ) -> Backbone:
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        special_tokens.read_as_text(tokenizer)
        if config.pad_token_id is None:
            config.pad_token_id = tokenizer.pad_token_id
        if classes is not None and classes != config.num_labels:
            config.num_labels = classes
        longest = LONGEST_WRITTEN if task in WRITING else LONGEST
        preprocess = TextPreprocess(
            tokenizer, min(tokenizer.model_max_length, _positions(config) or longest, longest)
        )
        if task not in WRITING:  # so that a pipeline cuts a text where this preprocessing does
            tokenizer.model_max_length = preprocess.max_length
        with quiet():
            network, absent = _network(spec, task, config, weights)
        if weights and absent and task == SEQ2SEQ:
            raise _not_whole(spec, task, config, absent)
        if getattr(config, mean_pooling.MARK, False):
            mean_pooling.from_bert_layer(network)
        elif (
            mean_pooled and getattr(network.base_model, "pooler", None) is not None
        ):  # none where each token is classified
            mean_pooling.install(network)
        if task in WRITING:
            never_ask_for_masks()
            network.config.use_cache = False  # keys and values are kept where text is written, which `generate` sees to itself
            network.generation_config = _plain(network.generation_config)
            preprocess = replace(preprocess, decoder_start=_decoder_start(network))
        example = preprocess.example()
        if task in WRITING and preprocess.decoder_start is None:
            _check_causal(network, example, spec)
        head = _head(network, example)
        kind, token, width = _features(network, head, example)
        groups = layer_groups.find(network, head, example)
        lr = learning_rate.usual(network, "text", width, token, kind == "sequence")
        own_head = not any(name.startswith(tuple(f"{path}." for path in head)) for name in absent)
        return Backbone(
            spec, "transformers", network, kind, head, groups, preprocess, lr, token, own_head
        )


def _network(spec: str, task: str, config: Any, weights: str | None) -> tuple[Any, set[str]]:
    """The network that transformers' own pipelines use for the task, in evaluation mode; the tensors that its weights lack."""
    import torch
    import transformers
    from transformers.pipelines import SUPPORTED_TASKS, TASK_ALIASES

    known = SUPPORTED_TASKS.get(TASK_ALIASES.get(task, task), {}).get("pt", ())
    if task in WITHOUT_PIPELINE:
        known = tuple(getattr(transformers, name) for name in WITHOUT_PIPELINE[task])
    if not known:
        raise UnknownName.of("task of transformers", task, [*SUPPORTED_TASKS, *WITHOUT_PIPELINE])
    fitting = [auto for auto in known if type(config) in auto._model_mapping]
    if not fitting:
        raise BackboneError(
            f"{spec} is of the kind {config.model_type!r}, which transformers has not made for {task}."
        )
    if weights is None:
        network = fitting[0].from_config(config, dtype=torch.get_default_dtype()).eval()
        return network, set(network.state_dict())
    options = {"dtype": torch.float32, "ignore_mismatched_sizes": True, "output_loading_info": True}
    network, found = fitting[0].from_pretrained(weights, config=config, **options)
    return network.eval(), {
        *found["missing_keys"],
        *(name for name, *_ in found["mismatched_keys"]),
    }


def _lacking(name: str, error: ImportError) -> BackboneError:
    """transformers tells which package it lacks at length; of Marian's two it tells one."""
    if "SentencePiece" in str(error):
        return BackboneError(
            f"The tokenizer of {name} needs packages that are missing: pip install sentencepiece sacremoses"
        )
    return BackboneError(
        f"transformers cannot open the tokenizer of {name}: {' '.join(str(error).split())}"
    )


def _not_whole(spec: str, task: str, config: Any, absent: set[str]) -> BackboneError:
    return BackboneError(
        f"{spec} lacks {len(absent):,} of the tensors that {task} needs, as {min(absent)}: it holds an encoder alone, or was "
        f"saved without the head that tells tokens. Use a whole {config.model_type!r}, saved by AutoModelForSeq2SeqLM or "
        "AutoModelForCausalLM."
    )


def _plain(generation: Any) -> Any:
    """Of how a network writes its tokens for a beginning and an end, and those it may not write.

    Without what suited its authors' own texts: beams, sampling, the least and the greatest length (of bart-large-cnn 56 to 142).
    Then transformers writes as Graft does, also from what is saved.
    """
    kept = {
        k: v
        for k, v in generation.to_dict().items()
        if k.endswith(("token_id", "_tokens", "_words_ids")) and v is not None
    }
    return type(generation)(**kept)


def _mean_pooled(folder: str) -> bool:
    from transformers.utils import cached_file

    quietly = {
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_connection_errors": False,
    }
    found = cached_file(folder, POOLING.as_posix(), **quietly)
    return found is not None and json.loads(Path(found).read_text(encoding="utf-8")).get(
        "pooling_mode_mean_tokens", False
    )


def _decoder_start(network: Any) -> int | None:
    """The token with which a decoder beside an encoder begins, None where there is no encoder."""
    if not network.config.is_encoder_decoder:
        return None
    start = network.generation_config.decoder_start_token_id
    return network.config.pad_token_id if start is None else start


def _check_causal(network: Any, example: dict, spec: str) -> None:
    """Raises BackboneError where what comes after a token changes what is said of the one behind it."""
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
            f"{spec} is of the kind {network.config.model_type!r}, which reads the tokens that it would have to predict. "
            "Text is generated by decoders, as smollm2-135m or transformers:openai-community/gpt2."
        )


def _positions(config: Any) -> int | None:
    """How many tokens the network has positions for; RoBERTa's kind counts them from behind the padding's number."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None or positions <= 0:  # positions relative to each other: any length
        return None
    return positions - config.pad_token_id - 1 if "roberta" in config.model_type else positions


def _head(network: Any, example: dict) -> tuple[str, ...]:
    """The modules beside the base network, in the order in which they run; the last alone where there is no base network."""
    import torch

    base, ran = network.base_model, []
    beside = [(path, module) for path, module in network.named_children() if module is not base]
    hooks = [
        m.register_forward_pre_hook(lambda module, args, path=path: ran.append(path))
        for path, m in beside
    ]
    with torch.no_grad():
        network(**example)
    for hook in hooks:
        hook.remove()
    return tuple(dict.fromkeys(ran)) if base is not network else (ran[-1],)


def _features(
    network: Any, head: tuple[str, ...], example: dict
) -> tuple[Kind, Literal["first", "last"] | None, int]:
    """The kind of the features, which position counts where a sequence is pooled in the head, and their width.

    Which position counts is seen by where the gradient of the logits is.
    """
    import torch

    entered = []

    def watch(module: Any, args: tuple) -> tuple:
        entered.append(args[0].detach().requires_grad_())
        return (entered[0], *args[1:])

    hook = network.get_submodule(head[0]).register_forward_pre_hook(watch)
    with torch.enable_grad():
        raw, _ = observed(lambda: call(network, Batch(example)), [hook])
    features = entered[0]
    if isinstance(raw, dict) or raw.dim() == 3:  # several tensors, or several numbers a token
        return "sequence", None, features.shape[-1]
    if features.dim() == 2:
        return "vector", None, features.shape[-1]
    (gradient,) = torch.autograd.grad(raw.square().sum(), features)
    counts = gradient.abs().sum(2) > 0
    if (counts.sum(1) != 1).any():
        raise BackboneError(
            f"The head of {type(network).__name__} reads several positions of a sequence, which Graft cannot record."
        )
    return "vector", "first" if counts[:, 0].all() else "last", features.shape[-1]
