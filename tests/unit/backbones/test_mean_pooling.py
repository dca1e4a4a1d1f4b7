"""The mean pooler, and its way through a plain BERT folder and back."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.language import mean_pooling
from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.records import Batch
from tests.jobs import job

TEXTS = ["good", "a somewhat longer text about ants and bees", "two words", "x" * 90]
TASK = "text-classification"


@pytest.fixture
def backbone(tmp_path) -> Backbone:
    """A small BERT, opened from a folder that says that it is a sentence encoder."""
    folder = tmp_path / "encoder"
    torch.manual_seed(0)
    plain = load_backbone("tiny:bert", job(TASK, 3))
    plugins.load("source", "transformers")().save(plain, str(folder), ["a", "b", "c"], None)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_mean_tokens": True})
    )
    return load_backbone(str(folder), job(TASK, 3))


def batch(backbone: Backbone) -> Batch:
    return Batch(backbone.preprocess.collate([backbone.preprocess(text, None) for text in TEXTS]))


def reference(backbone: Backbone) -> torch.Tensor:
    """Text by text, unpadded: the plain mean of the token states, standardized."""
    rows = []
    for text in TEXTS:
        alone = backbone.preprocess.collate([backbone.preprocess(text, None)])
        with torch.no_grad():
            mean = backbone.network.bert(**alone).last_hidden_state.double().mean(1)
        rows.append((mean - mean.mean(1, keepdim=True)) / mean.std(1, correction=0, keepdim=True))
    return torch.cat(rows).float()


def test_features_are_the_masked_mean_standardized(backbone):
    assert mean_pooling.is_installed(backbone.network)
    with torch.no_grad():
        features = Model(backbone)(batch(backbone)).features
    torch.testing.assert_close(features, reference(backbone), atol=1e-5, rtol=1e-5)


def test_the_saved_folder_is_plain_bert_with_the_same_outputs(backbone, tmp_path):
    from transformers import pipeline

    model = Model(backbone)
    with torch.no_grad():
        backbone.network.classifier.weight.normal_()  # logits that differ as after training
        expected = model(batch(backbone)).logits.softmax(-1)
    model_folder.save(model, tmp_path / "model", job(TASK, 3), ["a", "b", "c"], {}, batch(backbone))
    told = pipeline(TASK, model=str(tmp_path / "model"), top_k=None)(TEXTS, batch_size=len(TEXTS))
    scores = torch.tensor(
        [[next(row["score"] for row in rows if row["label"] == c) for c in "abc"] for rows in told]
    )
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=0)
    assert (expected.max(1).values - expected.min(1).values).min() > 0.05


def test_opening_undoes_it_bit_by_bit(backbone, tmp_path):
    model = Model(backbone)
    before = copy.deepcopy(model.network.state_dict())
    layers = backbone.network.config.num_hidden_layers
    model_folder.save(model, tmp_path / "model", job(TASK, 3), ["a", "b", "c"], {}, batch(backbone))
    assert all(
        torch.equal(tensor, before[name]) for name, tensor in model.network.state_dict().items()
    )
    assert (
        json.loads((tmp_path / "model" / "config.json").read_text())["num_hidden_layers"]
        == layers + 1
    )
    opened, _ = model_folder.open_model(tmp_path / "model")
    after = opened.network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert (
        opened.network.config.num_hidden_layers
        == layers
        == backbone.network.config.num_hidden_layers
    )
    model_folder.save(
        opened, tmp_path / "again", job(TASK, 3), ["a", "b", "c"], {}, batch(backbone)
    )
    first, second = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("model", "again")
    )
    assert first == second


def test_an_unpretrained_one_pools_too(backbone, tmp_path):
    library = plugins.load("source", "transformers")()
    library.save(backbone, str(tmp_path / "saved"), ["a", "b", "c"], None)
    fresh = library.open(str(tmp_path / "saved"), job(TASK, 3), False)
    assert mean_pooling.is_installed(fresh.network)
    assert [n for n, _ in fresh.network.named_parameters()] == [
        n for n, _ in backbone.network.named_parameters()
    ]


def test_saving_draws_nothing_from_the_random_state(backbone, tmp_path):
    before = torch.random.get_rng_state()
    model_folder.save(
        Model(backbone), tmp_path / "model", job(TASK, 3), ["a", "b", "c"], {}, batch(backbone)
    )
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_deep_copy_pools_by_its_own_mask(backbone):
    first, second = Model(backbone), copy.deepcopy(Model(backbone))
    with torch.no_grad():
        expected = first(batch(backbone)).features
        del first.network.bert.pooler
        assert torch.equal(second(batch(backbone)).features, expected)


def test_float32_inside_bfloat16(backbone):
    # The quick attention fails where ATEN_CPU_CAPABILITY keeps torch from AVX-512.
    plain = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), plain, torch.autocast("cpu", dtype=torch.bfloat16):
        features = Model(backbone)(batch(backbone)).features
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, reference(backbone), atol=0.1, rtol=0.1)


def test_adapters_leave_it_working(backbone):
    from peft import LoraConfig, inject_adapter_in_model

    with torch.no_grad():
        expected = Model(backbone)(batch(backbone)).features
        inject_adapter_in_model(
            LoraConfig(r=2, target_modules=["query", "value"]), backbone.network
        )
        assert torch.equal(Model(backbone)(batch(backbone)).features, expected)


def test_without_a_mask_all_tokens_count(backbone):
    ids = backbone.preprocess.collate([backbone.preprocess("all of them", None)])
    with torch.no_grad():
        with_mask = backbone.network(**ids).logits
        without = backbone.network(input_ids=ids["input_ids"]).logits
    torch.testing.assert_close(with_mask, without)
