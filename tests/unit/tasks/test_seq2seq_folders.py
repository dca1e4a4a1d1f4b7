"""Encoder-decoders saved by transformers (T5, BART, Marian): a run, and back to transformers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    GenerationConfig,
    LlamaConfig,
    LlamaModel,
    MarianConfig,
    MarianMTModel,
    T5Config,
    T5EncoderModel,
    T5ForConditionalGeneration,
)

import graft
from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.errors import BackboneError
from graft.tasks.text.generation import Decoding, continue_prompts
from tests.jobs import job

SEQ2SEQ = "translation"
TOKENIZER = load_backbone("tiny:t5", job(SEQ2SEQ)).preprocess.tokenizer
PAD, END = TOKENIZER.pad_token_id, TOKENIZER.eos_token_id
IDS = {
    "vocab_size": len(TOKENIZER),
    "pad_token_id": PAD,
    "eos_token_id": END,
    "bos_token_id": TOKENIZER.bos_token_id,
}
LAYERS = {
    f"{part}_{name}": size
    for part in ("encoder", "decoder")
    for name, size in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 64))
}
T5 = T5Config(
    d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, decoder_start_token_id=PAD, **IDS
)
LLAMA = LlamaConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, **IDS
)
NETWORKS = {
    "t5": lambda: T5ForConditionalGeneration(T5),
    "bart": lambda: BartForConditionalGeneration(
        BartConfig(
            d_model=32,
            max_position_embeddings=132,
            decoder_start_token_id=END,
            forced_eos_token_id=END,
            **LAYERS,
            **IDS,
        )
    ),
    "marian": lambda: MarianMTModel(
        MarianConfig(
            d_model=32,
            max_position_embeddings=132,
            decoder_start_token_id=PAD,
            forced_eos_token_id=END,
            scale_embedding=True,
            **LAYERS,
            **IDS,
        )
    ),
}
AS_PUBLISHED = {
    "t5": {},
    "bart": {
        "num_beams": 4,
        "min_length": 56,
        "max_length": 142,
        "length_penalty": 2.0,
        "early_stopping": True,
    },
    "marian": {"num_beams": 6, "max_length": 512, "bad_words_ids": [[PAD]]},
}
"""How those that were trained for one purpose write: bart-large-cnn, opus-mt."""


@pytest.fixture(params=NETWORKS)
def folder(request, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = NETWORKS[request.param]()
    own = {
        name: value
        for name, value in network.generation_config.to_dict().items()
        if value is not None
    }
    network.generation_config = GenerationConfig(**{**own, **AS_PUBLISHED[request.param]})
    return saved(network, tmp_path / request.param)


def saved(network, folder: Path) -> Path:
    network.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("source", ["local", pytest.param("transformers", marks=pytest.mark.slow)])
def test_a_folder_is_learned_from_and_saved_for_transformers(folder, source, tmp_path):
    data = plugins.load("task", "translation").tiny_data()
    run = graft.fit(
        data,
        f"{source}:{folder}",
        "full-fine-tuning",
        task="translation",
        epochs=1,
        out=tmp_path / "run",
        precision="fp32",
    )
    model = graft.load(run.folder)
    sources = ["red cat", "a big old dog and a hat", ""]
    ours = model.generate(sources, max_new_tokens=8)
    assert [row["prediction"] for row in model.predict(sources)] == model.generate(sources)
    tokenizer = AutoTokenizer.from_pretrained(run.folder / "model")
    theirs = AutoModelForSeq2SeqLM.from_pretrained(run.folder / "model").eval()
    told = [
        theirs.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=8)[0]
        for text in sources
    ]
    assert ours == [tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in told]
    again = graft.fit(
        data,
        str(run.folder / "model"),
        "lora",
        task="translation",
        epochs=1,
        out=tmp_path / "again",
    )
    assert again.result["metrics"]["test"]


def test_positions_that_transformers_never_trains_are_no_parameters(tmp_path):
    folder = saved(NETWORKS["marian"](), tmp_path / "marian")
    network = load_backbone(f"local:{folder}", job(SEQ2SEQ)).network
    tables = {name for name, _ in network.named_buffers() if "embed_positions" in name}
    assert tables == {f"model.{part}.embed_positions.weight" for part in ("encoder", "decoder")}
    assert not any("embed_positions" in name for name, _ in network.named_parameters())


def test_how_the_authors_wrote_is_left_and_their_special_tokens_are_kept(folder, caplog):
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    backbone = load_backbone(str(folder), job(SEQ2SEQ))
    config = backbone.network.generation_config
    assert (config.num_beams, config.min_length, config.length_penalty) == (None, None, None)
    assert config.decoder_start_token_id == backbone.preprocess.decoder_start
    assert config.forced_eos_token_id == (None if folder.name == "t5" else END)
    assert config.bad_words_ids == AS_PUBLISHED[folder.name].get("bad_words_ids")
    texts = continue_prompts(Model(backbone, fresh_head=False), [[5, 6, END]], Decoding(5))
    logger.removeHandler(caplog.handler)
    assert len(texts) == 1
    assert not [
        record.getMessage() for record in caplog.records if "max_length" in record.getMessage()
    ]


@pytest.mark.parametrize(
    ("network", "missing"),
    [(lambda: T5EncoderModel(T5), "decoder"), (lambda: LlamaModel(LLAMA), "lm_head")],
)
@pytest.mark.parametrize("source", ["local", "transformers"])
def test_an_encoder_alone_and_a_network_without_its_head_are_refused(
    network, missing, source, tmp_path
):
    folder = saved(network(), tmp_path / "part")
    with pytest.raises(
        BackboneError,
        match=rf"lacks \d+ of the tensors that {SEQ2SEQ} needs, as {missing}.*Use a whole",
    ):
        load_backbone(f"{source}:{folder}", job(SEQ2SEQ))


def test_an_encoder_that_never_had_a_decoder_is_refused(tmp_path):
    backbone = load_backbone("tiny:bert", job("text-classification", 2))
    folder = saved(backbone.network, tmp_path / "bert")
    with pytest.raises(BackboneError, match="holds an encoder alone"):
        load_backbone(str(folder), job(SEQ2SEQ))
