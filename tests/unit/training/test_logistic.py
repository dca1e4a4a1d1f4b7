"""The solved head: the minimum of an independent solver, and no higher loss than by steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from graft.studies.run import build_model
from graft.techniques.specs.candidates import SolvedHead
from graft.techniques.specs.places import head_only, select
from graft.techniques.technique import Objective, Phase
from graft.training import optim
from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed
from graft.training.frozen import frozen_prefix, recording
from graft.training.observers import Observer
from graft.training.solvers import logistic, solvers
from tests.contracts.tiny import NEVER, task_of, trained


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")


PROBE = Phase("probe", 1, head_only, 1e-3, 1e-3, "adamw", candidates=SolvedHead())


@pytest.fixture
def probe():
    """A frozen tiny network with a linear head, and its training features."""
    task, data = task_of("image-classification")
    engine = Engine("fp32")
    model = engine.place(build_model("tiny:efficientnet", task, pretrained=True, seed=0))
    optim.freeze(
        model,
        select(model, head_only),
        "frozen",
    )
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, engine.device, 8, views=1)
    behind = frozen_prefix.find(model, feed, engine).record(feed, Observer())
    return Objective(model, task), behind


def test_each_strength_is_solved_to_its_minimum(probe):
    objective, feed = probe
    head = objective.model.backbone.linear
    features = feed.recorded.read(range(len(feed.pieces)))[0].double().numpy()
    targets = feed.task.targets(feed.pieces)
    variance = features.var(0).mean()
    for solution in logistic.path(objective, head, feed):
        penalty = solution.chosen["strength"] * variance
        reference = LogisticRegression(
            C=1 / (penalty * len(targets)), tol=1e-10, max_iter=10_000, solver="newton-cg"
        ).fit(features, targets)
        least = _loss(reference.coef_, reference.intercept_, features, targets, penalty)
        weight, bias = (tensor.detach().double().numpy() for tensor in (head.weight, head.bias))
        # A search ends at a step that lowers the loss by 1e-5 of itself; the bound allows a hundred
        # such steps. It is relative, since the loss at the weakest strength is a hundred thousand
        # times smaller than at the strongest.
        assert _loss(weight, bias, features, targets, penalty) <= least * (1 + 1e-3)
        assert solution.losses["task"] == pytest.approx(
            _loss(weight, bias, features, targets, 0.0), rel=1e-3
        )
    assert solution.chosen["strength"] == min(logistic.STRENGTHS)


def test_weighted_classes_count_the_same_however_many_examples_are_read_at_a_time(
    probe, monkeypatch
):
    """A batch counts by the class weights in it; the first one is almost all of one class."""
    objective, feed = probe
    objective.task = replace(objective.task, weights=(1.0, 9.0, 3.0)[: len(objective.task.classes)])
    head, starts = objective.model.backbone.linear, {}
    fresh = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    for rows in (5, 10_000):
        monkeypatch.setattr(logistic, "ROWS", rows)
        head.load_state_dict(fresh)
        starts[rows] = next(logistic.path(objective, head, feed)).losses["task"]
    # The same sums in another order, in float64: equal but for rounding and where the search stops.
    assert starts[5] == pytest.approx(starts[10_000], rel=1e-4)


def test_the_head_is_left_in_the_precision_that_it_had(probe):
    objective, feed = probe
    head = objective.model.backbone.linear
    next(logistic.path(objective, head, feed))
    assert head.weight.dtype == head.bias.dtype == torch.float32
    assert not head._forward_pre_hooks


def test_solving_is_no_worse_on_validation_than_stepping(tmp_path):
    for task_name in ("image-classification", "text-classification"):
        losses = {}
        for solved in ("true", "false"):
            model, _ = trained(
                f"feature-extraction:solved={solved}",
                task_name,
                tmp_path / f"{task_name}-{solved}",
                checkpoint_seconds=NEVER,
            )
            task, data = task_of(task_name)
            engine = Engine("fp32")
            feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, engine.device, 8)
            losses[solved] = evaluate(model, feed, engine).loss
        assert losses["true"] <= losses["false"] * 1.01, losses


def test_a_head_of_several_layers_or_an_open_body_is_not_solved(probe):
    objective, _ = probe
    assert solvers.find_solver(PROBE, objective, at_head=True).solver is logistic.SOLVER
    assert solvers.find_solver(PROBE, objective, at_head=False) is None
    next(objective.model.network.parameters()).requires_grad_(True)
    assert solvers.find_solver(PROBE, objective, at_head=True) is None
    task, _ = task_of("text-classification")
    model = build_model("tiny:distilbert", task, pretrained=True, seed=0)
    optim.freeze(
        model,
        select(model, head_only),
        "frozen",
    )
    assert solvers.find_solver(PROBE, Objective(model, task), at_head=True) is None


def _loss(weight, bias, features, targets, penalty):
    logits = torch.from_numpy(features @ np.atleast_2d(weight).T + bias)
    if logits.shape[1] == 1:  # scikit-learn's one row for two classes
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
    return float(
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets))
    ) + penalty / 2 * float((weight**2).sum())
