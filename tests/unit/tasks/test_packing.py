"""Texts in packs: none sees another, and each is told what it is told alone."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from graft.backbones.backbone import Backbone, Model
from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.errors import BackboneError
from graft.base.records import Batch, Sample
from graft.studies.run import build_model
from graft.tasks.specs.options import read_task
from graft.tasks.text import packing
from graft.tasks.text_generation import TextGeneration
from graft.training.engine import Engine
from graft.training.evaluate import predict
from graft.training.feeds.feed import Feed
from tests.jobs import job

PLAIN, PACKED = TextGeneration(separator="\n"), TextGeneration(separator="\n", packed=True)
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module", params=["tiny:gpt2", "tiny:llama"])
def model(request) -> Model:
    """In float64, so that what is equal is equal."""
    return (
        Model(load_backbone(request.param, job("text-generation")), fresh_head=False)
        .double()
        .eval()
    )


def samples() -> list[Sample]:
    """Prompts with completions, a text in several pieces, empty texts, an input of one token."""
    long = Sample("long", {"passage": "the naïve café, 東京; " * 20})
    pairs = [
        Sample(str(n), {"prompt": "say " + "ab" * n, "completion": "ab" * (n % 4)})
        for n in range(9)
    ]
    return [
        pairs[0],
        long,
        *pairs[1:],
        Sample("empty", {"passage": ""}),
        Sample("short", {"passage": "a"}),
    ]


def scored(task: TextGeneration, model: Model, several: list[Sample], size: int = 3) -> np.ndarray:
    feed = Feed.of(several, task, model.backbone.preprocess, torch.device("cpu"), size)
    return np.array(predict(model, feed, Engine("fp32"))[0].tolist())


def batch(task: TextGeneration, model: Model, several: list[Sample]) -> Batch:
    preprocess = model.backbone.preprocess
    pieces = task.windows(several, preprocess).pieces
    return task.collate([task.encode(piece, preprocess, None) for piece in pieces], preprocess)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_logits_in_a_pack_are_those_of_the_piece_alone(model, attention):
    network = copy.deepcopy(model.network)
    network.set_attn_implementation(attention)
    preprocess = model.backbone.preprocess
    windows = PACKED.windows(samples(), preprocess)
    assert 1 < len(windows.pieces) < len(windows.cut)
    together = PACKED.collate(
        [PACKED.encode(pack, preprocess, None) for pack in windows.pieces], preprocess
    )
    with torch.no_grad():
        logits = network(**together.inputs).logits
    for row, (numbers, lengths) in enumerate(
        zip(windows.members, packing.lengths(together), strict=True)
    ):
        parts = zip(
            numbers,
            logits[row].split([*lengths, logits.shape[1] - sum(lengths)])[: len(numbers)],
            strict=True,
        )
        for number, found in parts:
            ids = PLAIN.encode(windows.cut[number], preprocess, None)["input_ids"]
            with torch.no_grad():
                alone = network(
                    input_ids=ids[None], attention_mask=torch.ones_like(ids)[None]
                ).logits[0]
            torch.testing.assert_close(
                found, alone, rtol=0, atol=1e-12 if attention == "sdpa" else 1e-6
            )  # which has fp32 in it


def test_each_text_is_told_what_it_is_told_unpacked_whatever_stands_beside_it(model):
    several = samples()
    plain, packs = (scored(task, model, several) for task in (PLAIN, PACKED))
    np.testing.assert_array_equal(packs[:, 1:], plain[:, 1:])
    np.testing.assert_allclose(packs, plain, rtol=1e-6)  # the loss itself is in float32
    np.testing.assert_allclose(scored(PACKED, model, several[::-1], 1)[::-1], plain, rtol=1e-6)
    for sample, row in zip(several, plain, strict=True):
        np.testing.assert_allclose(scored(PACKED, model, [sample])[0], row, rtol=1e-6)


def test_the_gradient_of_packs_is_that_of_their_pieces(model):
    found = []
    for task in (PLAIN, PACKED):
        whole = batch(task, model, samples())
        model.zero_grad()
        task.loss(model(whole), whole).backward()
        found.append([p.grad.clone() for p in model.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


def test_packs_hold_every_piece_once_and_next_to_no_padding(model):
    preprocess = model.backbone.preprocess
    several = [
        Sample(str(n), {"prompt": "ab" * (n % 7), "completion": "c" * (n % 5)}) for n in range(200)
    ]
    windows = PACKED.windows(several, preprocess)
    assert sorted(number for numbers in windows.members for number in numbers) == list(
        range(len(windows.cut))
    )
    sizes = [PACKED.length(pack, preprocess) for pack in windows.pieces]
    assert sizes == [
        len(PACKED.encode(pack, preprocess, None)["input_ids"]) for pack in windows.pieces
    ]
    assert max(sizes) <= preprocess.max_length
    assert np.mean(sizes[:-1]) > 0.97 * preprocess.max_length
    again = PACKED.windows(copy.deepcopy(several), preprocess)
    assert again.members == windows.members


@pytest.mark.parametrize(
    ("lengths", "count"),
    [([], 0), ([8], 1), ([5, 5, 5], 3), ([4] * 6, 3), ([1] * 17, 3), ([8, 1, 7], 2)],
)
def test_the_first_pack_with_room_is_taken(lengths, count):
    found = packing.first_fit(lengths, 8)
    assert len(found) == count
    assert all(sum(lengths[number] for number in numbers) <= 8 for numbers in found)
    assert sorted(number for numbers in found for number in numbers) == list(range(len(lengths)))


def test_what_is_not_to_be_predicted_is_not_packed(model):
    preprocess = model.backbone.preprocess
    prompts = [PACKED.without_target(sample) for sample in samples()[2:5]]
    assert type(PACKED.windows(prompts, preprocess)) is type(PLAIN.windows(prompts, preprocess))
    assert "position_ids" not in batch(PACKED, model, prompts).inputs


def test_the_option_is_learned_and_kept():
    data = TextGeneration.tiny_data()
    task = read_task("text-generation:packed=true", data)
    assert task.packed and TextGeneration(**{**task.settings(), "classes": ()}) == task
    assert not read_task("text-generation", data).packed


def created(settings: dict) -> Backbone:
    tokenizer = load_backbone("tiny:llama", job("text-generation")).preprocess.tokenizer
    source = plugins.load("source", "transformers")()
    return source.create(
        {"vocab_size": len(tokenizer), **settings}, tokenizer, job("text-generation")
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"model_type": "opt", "word_embed_proj_dim": 32, "ffn_dim": 64, **SMALL},
        {"model_type": "bloom", "n_layer": 2},
    ],
)
def test_a_network_that_does_not_keep_texts_apart_is_refused(settings):
    backbone = created(settings)
    PLAIN.check(backbone)
    with pytest.raises(
        BackboneError,
        match=f"{settings['model_type']!r}, which does not keep the texts of a pack apart",
    ):
        PACKED.check(backbone)


@pytest.mark.parametrize("kind", ["gpt_neox", "qwen2", "mistral", "gemma2"])
def test_other_decoders_keep_texts_apart(kind):
    PACKED.check(
        created({"model_type": kind, "intermediate_size": 64, "num_key_value_heads": 2, **SMALL})
    )


def test_a_model_is_built_for_packs():
    assert build_model("tiny:gpt2", PACKED, pretrained=True, seed=0).backbone.name == "tiny:gpt2"
