"""Contrastive fine-tuning: its loss pair by pair, its effect on the features, and its phases."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from graft.base.errors import BadValue
from graft.base.records import Sample
from graft.studies.run import build_model
from graft.techniques.contrastive_few_shot import alike, pair_loss, run_by_length
from graft.techniques.specs.combine import parse
from graft.techniques.technique import Objective
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import task_of, trained

TEXT = "text-classification"


def _features(count: int, width: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, width)).astype(np.float32)


def _by_pairs(features: np.ndarray, same) -> float:
    """One pair after the other, in NumPy."""
    kinds: dict[bool, list[float]] = {True: [], False: []}
    for i, j in itertools.combinations(range(len(features)), 2):
        cosine = (
            features[i] @ features[j] / np.linalg.norm(features[i]) / np.linalg.norm(features[j])
        )
        kinds[same(i, j)].append((float(same(i, j)) - cosine) ** 2)
    return float(np.mean([np.mean(kind) for kind in kinds.values() if kind]))


@pytest.mark.parametrize("labels", [[0, 1, 0, 2, 1, 0, 0], [0, 0, 0], [0, 1, 2]])
def test_the_loss_is_that_of_all_pairs_both_kinds_weighing_the_same(labels):
    features, target = _features(len(labels)), torch.tensor(labels)
    found = pair_loss(torch.from_numpy(features), alike(target))
    assert float(found) == pytest.approx(
        _by_pairs(features, lambda i, j: labels[i] == labels[j]), rel=1e-5
    )


def test_several_labels_are_alike_where_they_share_one_or_have_none():
    target = torch.tensor([[1.0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]])
    assert alike(target).int().tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 1, 1],
    ]


def test_a_batch_of_one_has_a_loss_of_zero_and_a_gradient():
    features = torch.ones(1, 3, requires_grad=True)
    loss = pair_loss(features, alike(torch.tensor([0])))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(features.grad, torch.zeros(1, 3))


def test_it_is_the_same_in_bfloat16():
    features, same = torch.from_numpy(_features(6)), alike(torch.tensor([0, 1, 0, 1, 0, 1]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(pair_loss(features, same), pair_loss(features, same.clone()))
        inside = pair_loss(features, same)
    assert torch.equal(inside, pair_loss(features, same))


def test_examples_of_a_class_come_nearer_and_the_head_is_solved_for(tmp_path):
    task, data = task_of(TEXT)
    model, position = trained("contrastive-few-shot", TEXT, tmp_path)
    fresh = build_model("tiny:bert", task, pretrained=True, seed=0)
    feed = Feed.of(data.splits["test"], task, model.backbone.preprocess, Engine("fp32").device)
    batch = next(feed.stream([list(range(len(data.splits["test"])))]))
    with torch.no_grad():
        before, after = (
            float(pair_loss(m.eval()(batch).features, alike(batch.target))) for m in (fresh, model)
        )
    assert after < before
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert {name for row in rows for name in row["losses"] if row["phase"] == "contrastive"} == {
        "pairs"
    }
    assert any("strength" in row for row in rows if row["phase"] == "probe")
    assert [phase["phase"] for phase in position.frozen] == ["contrastive", "probe"]


def test_added_to_another_technique_it_is_one_loss_more():
    task, data = task_of(TEXT)
    model = build_model("tiny:bert", task, pretrained=True, seed=0)
    objectives = {}
    for spec in (
        "full-fine-tuning + contrastive-few-shot",
        "contrastive-few-shot + l2-sp",
        "contrastive-few-shot",
    ):
        technique = parse(spec)
        objectives[spec] = technique.objective(model, task)
        objectives[spec].begin(technique.phases(model, 1.0)[0])
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, Engine("fp32").device, 8)
    batches = {"labeled": next(feed.stream([[0, 8, 16, 1]]))}
    names = [list(objective(batches, 0.0)) for objective in objectives.values()]
    assert names == [["task", "pairs"], ["pairs", "distance"], ["pairs"]]
    assert list(Objective(model, task)(batches, 0.0)) == ["task"]


def test_batches_are_mixed_anew_each_epoch():
    task, data = task_of(TEXT)
    model = build_model("tiny:bert", task, pretrained=True, seed=0)
    plain = Feed.of(data.splits["train"], task, model.backbone.preprocess, Engine("fp32").device, 8)
    feed = replace(plain, mixed=True)
    first, second = ({tuple(sorted(rows)) for rows in feed.plan((0, epoch))} for epoch in (0, 1))
    assert first != second
    assert len(first) == len(plain.plan((0, 0)))
    assert sorted(row for rows in feed.plan((0, 0)) for row in rows) == list(
        range(len(feed.pieces))
    )


def test_what_it_cannot_do_is_said():
    with pytest.raises(BadValue, match="patience"):
        parse("contrastive-few-shot:patience=3")
    task, _ = task_of("token-classification")
    model = build_model("tiny:bert", task, pretrained=True, seed=0)
    with pytest.raises(BadValue, match="token-classification is not"):
        parse("contrastive-few-shot").check(model.backbone, task)
    with pytest.raises(BadValue, match="token-classification is not"):
        parse("lora then contrastive-few-shot").check(model.backbone, task)
    with pytest.raises(BadValue, match="token-classification is not"):
        parse("full-fine-tuning + contrastive-few-shot").check(model.backbone, task)


def test_a_head_of_several_layers_is_learned_behind_a_recording(tmp_path):
    """What was recorded before it has no lengths, and is not cut to those of the texts."""
    _, position = trained(
        "contrastive-few-shot:epochs=1", TEXT, tmp_path, backbone="tiny:distilbert"
    )
    assert position.cache["used"]


@pytest.mark.parametrize("backbone", ["tiny:bert", "tiny:xlnet", "tiny:sentence-bert"])
def test_texts_read_by_length_come_out_as_those_read_together(backbone):
    task, _ = task_of(TEXT)
    model = build_model(backbone, task, pretrained=True, seed=0).eval()
    samples = [
        Sample(str(i), {"text": "a " * (7 * i % 41 + 1), "label": task.classes[0]})
        for i in range(40)
    ]
    (batch,) = Feed.of(samples, task, model.backbone.preprocess, torch.device("cpu"), 40).stream(
        [list(range(40))]
    )
    read = []
    hook = model.network.register_forward_pre_hook(
        lambda m, a, named: read.append(named["input_ids"].numel()), with_kwargs=True
    )
    with torch.no_grad():
        parts, whole = run_by_length(model, batch), model(batch)
    hook.remove()
    torch.testing.assert_close(parts.features, whole.features, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(parts.logits, whole.logits, atol=1e-5, rtol=1e-4)
    assert len(read) == 4 and sum(read[:3]) < 0.8 * read[3], "less of what is read is padding"
