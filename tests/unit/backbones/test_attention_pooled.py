"""Attention pooling begins as the mean, reads no padding, and is saved beside its network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.layers.attention_pooling import AttentionPooling
from graft.backbones.heads.layers.masked_mean import MaskedMean
from graft.backbones.load import load_backbone
from graft.tasks.audio_classification import AudioClassification
from tests.contracts.tiny import batch_of

TASK = AudioClassification(("a", "b"), head="attention-pooled")


def pooled(layer: torch.nn.Module, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    layer.take_mask(layer, (), {"attention_mask": mask})
    return layer(hidden)


def test_it_begins_as_the_mean() -> None:
    hidden = torch.randn(3, 5, 8)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    torch.testing.assert_close(
        pooled(AttentionPooling(8), hidden, mask), pooled(MaskedMean(), hidden, mask)
    )


def test_the_weights_are_the_softmax_of_the_query_over_what_is_no_padding() -> None:
    layer, hidden = AttentionPooling(4), torch.randn(2, 3, 4)
    with torch.no_grad():
        layer.query.copy_(torch.randn(4))
        given = pooled(layer, hidden, torch.tensor([[1, 1, 1], [1, 1, 0]]))
        shorter = hidden[1, :2]
        weights = (shorter @ layer.query / 2).softmax(0)
    torch.testing.assert_close(given[1], weights @ shorter)


def test_a_text_of_padding_alone_is_finite() -> None:
    mask = torch.zeros(1, 3)
    assert torch.isfinite(pooled(AttentionPooling(4), torch.randn(1, 3, 4), mask)).all()


@pytest.fixture
def backbone() -> Backbone:
    opened = TASK.with_head(load_backbone("tiny:whisper", TASK.job()))
    with torch.no_grad():
        opened.network.get_submodule(opened.head[0]).query.copy_(torch.linspace(-9, 9, 32))
    return opened


def logits(model: Model, *seconds: float) -> torch.Tensor:
    p = model.backbone.preprocess
    tones = [np.sin(np.arange(int(16_000 * s), dtype=np.float32) ** 1.5 / 99) / 2 for s in seconds]
    with torch.no_grad():
        return model.eval()(batch_of(p.collate([p(tone, None) for tone in tones]), p)).logits


def test_a_sound_gives_the_same_alone_and_beside_a_longer_one(backbone: Backbone) -> None:
    model = Model(backbone)
    # Batches of other sizes round differently in float32.
    torch.testing.assert_close(
        logits(model, 0.4, 1.1)[:1], logits(model, 0.4), atol=1e-6, rtol=1e-5
    )


def test_the_query_is_saved_beside_a_classifier_of_transformers(
    backbone: Backbone, tmp_path: Path
) -> None:
    from transformers import AutoModelForAudioClassification

    model = Model(backbone)
    probe = batch_of(backbone.preprocess.example(), backbone.preprocess)
    model_folder.save(model, tmp_path / "model", TASK.job(), [*TASK.classes], {}, probe)
    opened, _ = model_folder.open_model(tmp_path / "model")
    query = opened.network.get_submodule(opened.backbone.head[0]).query
    assert torch.equal(query, torch.linspace(-9, 9, 32))
    torch.testing.assert_close(logits(opened, 0.7), logits(model, 0.7))
    classifier = AutoModelForAudioClassification.from_pretrained(tmp_path / "model").classifier
    assert torch.equal(classifier.weight, model.network.get_submodule(backbone.head[1]).weight)
