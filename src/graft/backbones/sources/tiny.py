"""Networks of a few thousand parameters that need no download: for tests, and to try a command."""

from __future__ import annotations

from typing import Any

from graft.backbones.backbone import Backbone
from graft.base import plugins
from graft.base.errors import BackboneError, UnknownName
from graft.base.job import Form, Job

LR = 1e-3
"""Weights that were never trained need larger steps than pretrained ones."""

IMAGE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "cnn": ("timm", "test_resnet", {"size": (32, 32)}),
    "efficientnet": ("timm", "test_efficientnet", {"size": (32, 32)}),
    "mobilenet": ("timm", "mobilenetv3_small_050", {"size": (32, 32)}),
    "vgg": ("timm", "vgg11", {"size": (32, 32), "mlp_ratio": 1 / 64}),
    "vit": ("timm", "test_vit", {"size": (32, 32), "img_size": 32}),
    "convnext": ("timm", "test_convnext", {"size": (32, 32)}),
    "swin": (
        "timm",
        "swin_tiny_patch4_window7_224",
        {
            "size": (32, 32),
            "img_size": 32,
            "embed_dim": 16,
            "depths": (2, 2),
            "num_heads": (1, 2),
            "window_size": 4,
        },
    ),
    "torchvision": ("torchvision", "mobilenet_v3_small", {"size": (32, 32), "width_mult": 0.25}),
}
"""Name -> the library source, its name there, its settings."""
PYRAMIDS = ("cnn", "efficientnet", "mobilenet", "convnext", "torchvision")
"""The image networks that yield feature maps at four resolutions."""
PYRAMID_SIZE = (64, 64)

_BERT = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
_BART = {"layers": 2, "attention_heads": 2, "ffn_dim": 64}
SECONDS = 2
"""The longest sound that the tiny networks read."""
_WAVES = {
    "conv_dim": (8, 8, 8),
    "conv_kernel": (20, 8, 4),
    "conv_stride": (10, 8, 4),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
"""A frame each 20 ms, as the large networks have it."""
TEXT: dict[str, dict[str, Any]] = {
    "bert": {"model_type": "bert", **_BERT},
    "sentence-bert": {"model_type": "bert", **_BERT},
    "roberta": {"model_type": "roberta", **_BERT},
    "electra": {"model_type": "electra", "embedding_size": 32, **_BERT},
    "distilbert": {
        "model_type": "distilbert",
        "dim": 32,
        "n_layers": 3,
        "n_heads": 2,
        "hidden_dim": 64,
    },
    "xlnet": {"model_type": "xlnet", "d_model": 32, "n_layer": 3, "n_head": 2, "d_inner": 64},
    "gpt2": {"model_type": "gpt2", "n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 130},
    "llama": {"model_type": "llama", "num_key_value_heads": 2, **_BERT},
    "t5": {
        "model_type": "t5",
        "d_model": 32,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 2,
    },
    "bart": {
        "model_type": "bart",
        "d_model": 32,
        **{f"{part}_{name}": n for part in ("encoder", "decoder") for name, n in _BART.items()},
        "forced_eos_token_id": 3,
    },
}
"""Name -> the settings of its config in transformers."""

SENTENCE_ENCODERS = ("sentence-bert",)
"""Their features are the mean of the token states."""
WITHOUT_SEGMENTS = ("roberta", "distilbert", "gpt2", "llama", "t5", "bart")
LEFT_PADDED = ("xlnet",)
WITHOUT_MARKS = ("gpt2", "llama")
"""Their tokenizers add no special token at the start or the end of a text."""
MASKED = ("bert", "sentence-bert", "roberta", "electra", "distilbert")
"""Their tokenizers have a token for a mask."""
LONGEST = 128

_READERS = ("bert", "roberta", "electra", "distilbert", "xlnet", "gpt2", "llama", "t5")
SOUND: dict[str, dict[str, Any]] = {
    "whisper": {
        "model_type": "whisper",
        "d_model": 32,
        "encoder_layers": 3,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "num_mel_bins": 16,
        "max_source_positions": 50 * SECONDS,
        "decoder_layers": 2,
        "decoder_attention_heads": 2,
        "decoder_ffn_dim": 64,
        "max_target_positions": 96,
        "begin_suppress_tokens": None,
        "vocab_size": 259 + 50 * SECONDS + 1,
        **{f"{mark}_token_id": 256 for mark in ("pad", "bos", "eos")},
        "decoder_start_token_id": 257,
    },
    "wav2vec2": {"model_type": "wav2vec2", **_BERT, **_WAVES},
    "hubert": {
        "model_type": "hubert",
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        **_BERT,
        **_WAVES,
    },
}
"""Name -> the settings of its config in transformers. Whisper's tokens are bytes, then the end of a
text, its start, that it has no times, and the times, each 20 ms."""

FORMS: dict[Form, tuple[str, ...]] = {
    "vector": ("bert", "sentence-bert", *_READERS[1:]),
    "sequence": _READERS,
    "causal": ("gpt2", "llama"),
    "seq2seq": ("t5", "bart", "gpt2", "llama"),
    "masked": MASKED,
}
"""Form -> the text networks that are made in it. Token by token, a sentence encoder is BERT."""


class Tiny:
    """Small random networks that need no download, for tests: `tiny:cnn`, `tiny:bert`.

    `pretrained=True` gives the same random weights each time, False others from the global random
    state.

    Example: graft fit photos -b tiny:cnn
    """

    def names(self) -> list[str]:
        return sorted([*IMAGE, *TEXT, *SOUND])

    def usual_job(self, name: str) -> Job:
        if name in IMAGE:
            return Job("features", "image", "vector")
        if name in SOUND:
            return Job("features", "audio", "sequence")
        form = next((form for form, names in FORMS.items() if name in names), "vector")
        return Job("features", "text", form)

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raises UnknownName, and BackboneError if it does not do the job."""
        import torch

        if name not in self.names():
            raise UnknownName.of("tiny network", name, self.names(), see="graft list backbones")
        if job.reads != self.usual_job(name).reads:
            raise BackboneError(
                f"'tiny:{name}' is not made for {job.id}. These are: {', '.join(self.tiny(job))}."
            )
        with torch.random.fork_rng(devices=[], enabled=pretrained):
            if pretrained:
                torch.default_generator.manual_seed(0)
            make = self._image if name in IMAGE else self._sound if name in SOUND else self._text
            backbone = make(name, job)
        backbone.name, backbone.lr = f"tiny:{name}", LR
        backbone.own_head = pretrained and job.outputs is None
        return backbone

    def tiny(self, job: Job) -> list[str]:
        if job.reads == "image":
            return {"vector": list(IMAGE), "pyramid": list(PYRAMIDS)}.get(job.form, [])
        if job.reads == "audio":
            return {"sequence": list(SOUND), "seq2seq": ["whisper"]}.get(job.form, [])
        return list(FORMS.get(job.form, ())) if job.reads == "text" else []

    def _image(self, name: str, job: Job) -> Backbone:
        source, architecture, settings = IMAGE[name]
        library = plugins.load("source", source)()
        if job.form == "pyramid":
            without_size = {key: value for key, value in settings.items() if key != "size"}
            return library.trunk(architecture, job.size or PYRAMID_SIZE, **without_size)
        return library.create(architecture, job.outputs, **settings)

    def _sound(self, name: str, job: Job) -> Backbone:
        from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

        from graft.backbones.speech.folder import create_speech
        from graft.backbones.speech.recognizer_folder import create_recognizer

        settings = SOUND[name]
        extractor = (
            WhisperFeatureExtractor(settings["num_mel_bins"], chunk_length=SECONDS)
            if name == "whisper"
            else Wav2Vec2FeatureExtractor()
        )
        if job.form == "seq2seq":
            marks = {"no_timestamps_token_id": 258, "is_multilingual": False}
            return create_recognizer(settings, extractor, _whisper_tokenizer(), marks, job)
        return create_speech(settings, extractor, job)

    def _text(self, name: str, job: Job) -> Backbone:
        tokenizer = _tokenizer(name)
        positions = (
            {}
            if name in ("xlnet", "t5", "gpt2", "distilbert")
            else {"max_position_embeddings": LONGEST + 4}
        )
        ids = {
            f"{mark}_token_id": getattr(tokenizer, f"{mark}_token_id")
            for mark in ("pad", "bos", "eos")
        }
        if job.form == "causal" and name == "llama":
            ids["tie_word_embeddings"] = True  # as small ones have it
        settings = {
            **TEXT[name],
            **positions,
            **ids,
            "vocab_size": len(tokenizer),
            "decoder_start_token_id": ids["pad_token_id"],
        }
        return plugins.load("source", "transformers")().create(
            settings, tokenizer, job, name in SENTENCE_ENCODERS
        )


def _tokenizer(name: str) -> Any:
    """Characters for tokens, with the marks and the padding of the network's kind."""
    import string

    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[BOS]", "eos_token": "[EOS]"}
    if name in MASKED:
        marks["mask_token"] = "[MASK]"
    vocabulary = [*marks.values(), *string.ascii_lowercase, *string.digits, *string.punctuation]
    tokenizer = Tokenizer(
        models.WordPiece({token: i for i, token in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Split("", "isolated")]
    )
    if name not in WITHOUT_MARKS:
        ids = [("[BOS]", vocabulary.index("[BOS]")), ("[EOS]", vocabulary.index("[EOS]"))]
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[BOS] $A [EOS]", pair="[BOS] $A [EOS] $B:1 [EOS]:1", special_tokens=ids
        )
    inputs = [
        "input_ids",
        *([] if name in WITHOUT_SEGMENTS else ["token_type_ids"]),
        "attention_mask",
    ]
    side = "left" if name in LEFT_PADDED else "right"
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=inputs,
        padding_side=side,
        model_max_length=LONGEST,
        **marks,
    )


def _whisper_tokenizer() -> Any:
    """Bytes for tokens, with the marks and times of Whisper for English alone."""
    from tokenizers import AddedToken
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import WhisperTokenizerFast

    marks = ["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"]
    vocabulary = [*sorted(ByteLevel.alphabet()), *marks]
    tokenizer = WhisperTokenizerFast(
        vocab={token: number for number, token in enumerate(vocabulary)},
        merges=[],
        extra_special_tokens=marks[1:],
    )
    times = [AddedToken(f"<|{step * 0.02:.2f}|>") for step in range(50 * SECONDS + 1)]
    tokenizer.add_tokens(times)
    return tokenizer
