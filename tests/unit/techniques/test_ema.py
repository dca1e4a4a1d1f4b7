"""The moving average of weights: what it is, and that it is what is measured and kept."""

from __future__ import annotations

import json

import pytest
import torch

from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import NEVER, task_of, trained

TASK, NETWORK = "image-classification", "tiny:cnn"


def test_the_average_follows_its_formula_and_is_measured_and_kept():
    task = task_of(TASK)[0]
    model = build_model(NETWORK, task, pretrained=True, seed=0)
    technique = parse("ema:decay=0.5")
    objective = technique.objective(model, task)
    objective.begin(technique.phases(model, 1.0)[0])
    bias = model.backbone.linear.bias
    start = bias.detach().clone()
    for step in (1.0, 2.0):
        with torch.no_grad():
            bias.copy_(start + step)
        objective.after_step(0.5)
    # After the first step 1 / 10 of the average is kept, after the second 2 / 11.
    expected = start + 2 / 11 * 0.9 + 9 / 11 * 2
    with objective.measured_model() as measured:
        torch.testing.assert_close(measured.backbone.linear.bias.detach(), expected)
    torch.testing.assert_close(bias.detach(), start + 2.0)
    torch.testing.assert_close(objective.finish().backbone.linear.bias.detach(), expected)


@pytest.mark.parametrize("spec", ["ema", "full-fine-tuning:patience=2 + ema", "lora:r=2 + ema"])
def test_what_validation_measures_is_what_comes_out(spec, tmp_path):
    model, _ = trained(spec, TASK, tmp_path, backbone=NETWORK, checkpoint_seconds=NEVER)
    task, data = task_of(TASK)
    feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, torch.device("cpu"))
    loss = evaluate(model, feed, Engine("fp32")).loss
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    measured = [json.loads(line)["val"]["loss"] for line in lines]
    # Merging adapters rounds float32 weights once.
    assert min(abs(loss - each) for each in measured[1:]) < 1e-5


def test_a_head_that_is_solved_for_has_no_average(tmp_path):
    model, _ = trained("feature-extraction", TASK, tmp_path / "a", backbone=NETWORK)
    other, _ = trained("feature-extraction + ema", TASK, tmp_path / "b", backbone=NETWORK)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
