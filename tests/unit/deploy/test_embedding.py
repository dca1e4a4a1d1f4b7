"""Embeddings are the pooled features of the network, for all batches, tasks and windows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import graft
from graft.backbones.backbone import Backbone, Model
from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.errors import BackboneError, BadValue, DataError, FolderError, UnknownName
from graft.deploy.embedding import embed
from graft.training.engine import Engine
from tests.contracts.tiny import NETWORKS
from tests.jobs import job

TEXTS = ["good", "a somewhat longer text about ants and bees", "two words", "", "x" * 90]


def token_states(backbone: Backbone, texts: list[str] = TEXTS) -> list[torch.Tensor]:
    """Return the states (T, D) of each text, unpadded, from transformers' own base network."""
    base, tokenizer = backbone.network.base_model, backbone.preprocess.tokenizer
    with torch.no_grad():
        return [base(**tokenizer(text, return_tensors="pt")).last_hidden_state[0] for text in texts]


def test_a_sentence_encoder_gives_the_mean_over_the_mask_standardized():
    backbone = load_backbone("tiny:sentence-bert", job("text-classification"))
    means = torch.stack([states.mean(0) for states in token_states(backbone)])
    expected = torch.nn.functional.layer_norm(means, means.shape[-1:], eps=1e-12)
    found = graft.embed("tiny:sentence-bert", TEXTS)
    assert found.ids == [f"text:{i}" for i in range(1, 6)]
    assert found.vectors.dtype == np.float32
    np.testing.assert_allclose(found.vectors, expected, atol=1e-5)


def test_where_each_token_has_features_their_mean_over_the_mask():
    backbone = load_backbone("tiny:bert", job("token-classification", 3))
    task = plugins.load("task", "token-classification")(("O", "B-PER", "I-PER"), "bio")
    found = embed(Model(backbone), task, TEXTS[:3], Engine("fp32")).vectors
    expected = torch.stack([states.mean(0) for states in token_states(backbone, TEXTS[:3])])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_decoder_gives_the_state_of_the_last_token():
    written = [text for text in TEXTS if text]
    states = token_states(load_backbone("tiny:llama", job("text-classification")), written)
    found = graft.embed("tiny:llama", written).vectors
    expected = torch.stack([state[-1] for state in states])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_network_that_writes_what_it_hears_gives_the_mean_over_its_decoder():
    recognition = plugins.load("task", "automatic-speech-recognition")
    data = recognition.tiny_data()
    task = recognition.from_data(data)
    model = Model(load_backbone("tiny:whisper", task.job()))
    sounds = [{"audio": sample.roles["audio"]} for sample in data.splits["test"][:3]]
    together = embed(model, task, sounds, Engine("fp32")).vectors
    alone = [embed(model, task, sound, Engine("fp32")).vectors[0] for sound in sounds]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_normalized_vectors_have_length_one_and_the_same_direction():
    plain, unit = (
        graft.embed("tiny:bert", TEXTS, normalize=normalize).vectors for normalize in (False, True)
    )
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        unit * np.linalg.norm(plain, axis=1, keepdims=True), plain, atol=1e-5
    )


def test_images_are_embedded_by_a_backbone_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), dtype=np.uint8)
    found = graft.embed(NETWORKS["image"], pixels).vectors
    assert found.shape[0] == 5
    np.testing.assert_allclose(
        graft.embed(NETWORKS["image"], pixels[3]).vectors[0], found[3], atol=1e-5
    )


@pytest.mark.parametrize(
    "name",
    ["text-classification", "question-answering", "token-classification", "image-classification"],
)
def test_a_run_embeds_one_vector_a_sample_as_its_predictor_does(name, tmp_path):
    task = plugins.load("task", name)
    run = graft.fit(
        task.tiny_data(),
        NETWORKS[task.reads],
        "feature-extraction:epochs=2",
        task=name,
        epochs=1,
        precision="fp32",
        out=tmp_path,
    )
    samples = [dict(sample.roles) for sample in task.tiny_data().splits["test"]]
    found = graft.embed(run.folder, samples)
    assert len(found.vectors) == len(samples)
    np.testing.assert_array_equal(run.model.embed(samples), found.vectors)


def test_files_hold_the_vectors_and_their_ids(tmp_path):
    found = graft.embed("tiny:bert", TEXTS)
    found.save(tmp_path / "some.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "some.npy", allow_pickle=False), found.vectors)
    assert json.loads((tmp_path / "some.ids.json").read_text()) == found.ids
    found.save(tmp_path / "some.parquet")
    table = pd.read_parquet(tmp_path / "some.parquet")
    assert list(table["id"]) == found.ids
    np.testing.assert_array_equal(np.stack(table["embedding"]), found.vectors)


def test_what_cannot_be_embedded_is_said():
    with pytest.raises(UnknownName, match="minilm"):
        graft.embed("minillm-l6", TEXTS)
    with pytest.raises(BackboneError, match="no folder"):
        graft.embed("./nowhere", TEXTS)
    with pytest.raises(DataError, match="empty"):
        graft.embed("tiny:bert", [])
    with pytest.raises(DataError, match="No such file or folder"):
        graft.embed("tiny:bert", Path("nowhere.csv"))
    with pytest.raises(BadValue, match="precision"):
        graft.embed("tiny:bert", TEXTS, precision="int3")
    with pytest.raises(BadValue, match=r"\.npy or \.parquet"):
        graft.embed("tiny:bert", TEXTS).save("some.csv")
    with pytest.raises(FolderError):
        graft.embed("tiny:bert", TEXTS).save("/proc/nowhere/some.npy")
