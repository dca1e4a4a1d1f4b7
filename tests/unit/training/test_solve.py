"""The solved head: the minimum that an independent solver finds, and a validation loss no worse than stepping's."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from graft.studies.run import build_model
from graft.techniques.technique import Objective, head_only
from graft.training import frozen_prefix, optim, recording, solve
from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feed import Feed
from graft.training.observers import Observer
from tests.contracts.tiny import task_of, trained


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")


@pytest.fixture
def probe():
    """A frozen tiny network with a linear head, and its training features."""
    task, data = task_of("image-classification")
    engine = Engine("fp32")
    model = engine.place(build_model("tiny:efficientnet", task, pretrained=True, seed=0))
    indices = model.group_indices()
    optim.freeze(model, [n for n, _ in model.network.named_parameters() if head_only(n, indices[n])], "frozen")
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, engine.device, 8, views=1)
    behind = frozen_prefix.find(model, feed, engine).record(feed, Observer())
    return Objective(model, task), behind


def test_each_strength_is_solved_to_its_minimum(probe):
    objective, feed = probe
    head = solve.linear_head(objective)
    features = feed.recorded.read(range(len(feed.pieces)))[0].double().numpy()
    targets = feed.targets.numpy()
    variance = features.var(0).mean()
    for solution in islice(solve.path(objective, head, feed), 6):
        penalty = solution.chosen["strength"] * variance
        exact = LogisticRegression(C=1 / (penalty * len(targets)), tol=1e-10, max_iter=10_000).fit(features, targets)
        mine = head.weight.detach().double().numpy()
        other = _loss(exact.coef_, exact.intercept_, features, targets, penalty)
        assert _loss(mine, head.bias.detach().double().numpy(), features, targets, penalty) <= other * (1 + 1e-3) + 1e-6
        assert solution.losses["task"] == pytest.approx(_loss(mine, head.bias.detach().numpy(), features, targets, 0.0), rel=1e-3)


def test_solving_is_no_worse_on_validation_than_stepping(tmp_path):
    for task_name in ("image-classification", "text-classification"):
        losses = {}
        for solved in ("true", "false"):
            model, _ = trained(f"feature-extraction:solved={solved}", task_name, tmp_path / f"{task_name}-{solved}")
            task, data = task_of(task_name)
            engine = Engine("fp32")
            feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, engine.device, 8)
            losses[solved] = evaluate(model, feed, engine).loss
        assert losses["true"] <= losses["false"] * 1.01, losses


def test_a_head_of_several_layers_or_an_open_body_is_not_solved(probe):
    objective, _ = probe
    assert solve.linear_head(objective) is not None
    next(objective.model.network.parameters()).requires_grad_(True)
    assert solve.linear_head(objective) is None
    task, _ = task_of("text-classification")
    model = build_model("tiny:distilbert", task, pretrained=True, seed=0)
    indices = model.group_indices()
    optim.freeze(model, [n for n, _ in model.network.named_parameters() if head_only(n, indices[n])], "frozen")
    assert solve.linear_head(Objective(model, task)) is None


def _loss(weight, bias, features, targets, penalty):
    logits = torch.from_numpy(features @ np.atleast_2d(weight).T + bias)
    if logits.shape[1] == 1:  # scikit-learn's one row for two classes
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
    return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets))) + penalty / 2 * float((weight**2).sum())
