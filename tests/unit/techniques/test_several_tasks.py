"""Techniques that weigh several tasks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from graft.base.errors import BadValue, UnknownName
from graft.base.records import Sample
from graft.data.data import Data
from graft.studies.run import build_model
from graft.techniques.famo import FamoObjective
from graft.techniques.specs.combine import parse
from graft.techniques.specs.places import everything, select
from graft.techniques.tasks.chosen import weighted_tasks
from graft.techniques.tuned_weights import draw_weights
from graft.training import optim
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.loop.cosines import task_cosines
from graft.training.loop.step import step
from tests.contracts.tiny import NEVER, TINY, Stop, task_of, trained
from tests.contracts.tiny import network_of as network

WEIGHTED = [
    "tuned-weights:runs=2",
    "uncertainty",
    "dwa",
    "famo",
    "pcgrad",
    "upgrad",
    'task-weights:weights="words=0.5"',
    "temperature-sampling",
]
NAME = "multi-task"


def ready(spec: str):
    """The objective of the first phase without dropout, and a batch."""
    task, data = task_of(NAME)
    technique = parse(spec)
    model = build_model(TINY[NAME], task, True, seed=0)
    objective = technique.objective(model, task)
    (phase, *_) = technique.phases(model, 1.0)
    optim.freeze(model, optim.trainable(model, phase))
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, Engine("fp32").device)
    return objective.eval(), {"labeled": next(feed.stream([list(range(12))]))}


def with_numbers(data: Data, factor: float) -> Data:
    """The data with the numbers of validation on another scale."""

    def scaled(sample: Sample) -> Sample:
        parts = sample.roles["parts"]
        value = parts["words"]["value"]
        value = None if value is None else factor * value
        return replace(
            sample, roles={**sample.roles, "parts": {**parts, "words": {"value": value}}}
        )

    return data.with_splits({**data.splits, "val": [scaled(s) for s in data.splits["val"]]})


def gradients(spec: str, pieces: int = 1) -> dict[str, torch.Tensor]:
    """The gradient of each parameter of the network after one step with rate 0."""
    objective, batches = ready(spec)
    parameters = [p for p in objective.parameters() if p.requires_grad]
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(parameters, lr=0.0)
    step(objective, optimizer, Engine("fp32"), batches, 0.5, pieces, 0.0)
    named = objective.model.network.named_parameters()
    return {name: p.grad.clone() for name, p in named if p.grad is not None}


@pytest.mark.parametrize("spec", WEIGHTED)
def test_a_training_that_is_stopped_goes_on_to_the_same_weights(spec, tmp_path):
    asked = {"epochs": 3, "backbone": TINY[NAME]}
    whole, _ = trained(spec, NAME, tmp_path / "whole", checkpoint_seconds=NEVER, **asked)
    with pytest.raises(KeyboardInterrupt):
        trained(spec, NAME, tmp_path / "again", Stop(2), **asked)
    again, _ = trained(spec, NAME, tmp_path / "again", **asked)
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in whole.state_dict().items())


def test_equal_weights_have_the_gradient_of_the_sum():
    plain = gradients("full-fine-tuning")
    for spec in ("task-weights", "dwa"):
        weighed = gradients(spec)
        assert all(torch.equal(tensor, weighed[name]) for name, tensor in plain.items())


def test_a_task_of_weight_0_teaches_nothing():
    objective, batches = ready('task-weights:weights="words=0"')
    losses = objective(batches, 0.5)
    objective.backward(losses, lambda loss, retain_graph=False: loss.backward())
    last = objective.model.backbone.linear
    place = objective.task.places["words"]
    assert last.weight.grad[place].abs().sum() == 0
    assert last.weight.grad[objective.task.places["topic"]].abs().sum() > 0


@pytest.mark.parametrize("spec", ["uncertainty", 'task-weights:weights="words=0.5"'])
def test_weights_of_losses_have_the_gradient_of_the_whole_batch_in_pieces(spec):
    whole, pieces = gradients(spec), gradients(spec, pieces=3)
    norm = torch.cat([tensor.flatten() for tensor in whole.values()]).norm()
    apart = torch.cat([(pieces[name] - tensor).flatten() for name, tensor in whole.items()])
    assert apart.norm() < 1e-5 * norm  # float32, sums of some thousand products


@pytest.mark.parametrize("spec", ["pcgrad", "upgrad"])
def test_surgery_leaves_the_gradients_of_the_head_alone(spec):
    """Each row of the head belongs to one task; only the shared layers are joined."""
    plain, joined = gradients("full-fine-tuning"), gradients(spec)
    head = ready(spec)[0].model.backbone.last_linear
    assert all(
        torch.allclose(joined[name], tensor, atol=1e-6)
        for name, tensor in plain.items()
        if name.startswith(head)
    )
    assert set(joined) == set(plain)


@pytest.mark.parametrize("spec", ["dwa", "famo"])
def test_a_step_that_ran_out_of_memory_counts_once(spec):
    """Its second piece fails, and it is taken again in four: that is a step in four pieces."""
    states = []
    for fails_at, pieces in ((None, 4), (2, 2)):
        objective, batches = ready(spec)
        engine, calls = Engine("fp32"), []

        def backward(loss, retain_graph=False, engine=engine, calls=calls, fails_at=fails_at):
            calls.append(loss)
            if len(calls) == fails_at:
                raise torch.OutOfMemoryError("out of memory")
            Engine.backward(engine, loss, retain_graph)

        engine.backward = backward
        parameters = [p for p in objective.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(parameters, lr=0.1)
        assert step(objective, optimizer, engine, batches, 0.5, pieces, 0.0).pieces == 4
        objective.after_step(0.5)
        states.append(objective.state_dict())
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_history_has_the_loss_of_each_task(tmp_path):
    trained("uncertainty", NAME, tmp_path, epochs=1, backbone=TINY[NAME], checkpoint_seconds=NEVER)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert set(rows[-1]["losses"]) == {"task.topic", "task.words", "uncertainty"}


def test_tuned_weights_keep_the_fine_tuning_of_the_least_validation_loss(tmp_path):
    spec = "tuned-weights:runs=3"
    trained(spec, NAME, tmp_path, epochs=1, backbone=TINY[NAME], checkpoint_seconds=NEVER)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    tried = [row["val"]["loss"] for row in rows if row["phase"] == "choice"]
    ends = {row["phase"]: row["val"]["loss"] for row in rows if row["phase"] != "choice"}
    assert set(ends) == {"weights 1", "weights 2", "weights 3"}
    assert min(tried) == pytest.approx(min(ends.values()), rel=1e-6)
    assert tried[-1] == min(tried)


def test_tuned_weights_train_from_a_group_on():
    task, _ = task_of(NAME)
    model = build_model(TINY[NAME], task, True, seed=0)
    expected, found = (
        [select(model, phase.trainable) for phase in parse(spec).phases(model, 1.0)]
        for spec in ("partial-fine-tuning:from_group=-1", "tuned-weights:runs=2,from_group=-1")
    )
    assert found == expected * 3
    assert len(found[0]) < len(select(model, everything))


def test_weights_are_drawn_with_mean_1_the_first_are_equal():
    drawn = draw_weights(5, 3, 16.0)
    assert torch.equal(drawn[0], torch.ones(3))
    torch.testing.assert_close(drawn.mean(1), torch.ones(5))
    assert torch.equal(drawn, draw_weights(5, 3, 16.0))
    assert (drawn.amax(1) / drawn.amin(1)).max() <= 16.0


def test_a_single_task_is_refused():
    task, _ = task_of("text-classification")
    model = build_model(network("full-fine-tuning", task.name), task, True, seed=0)
    with pytest.raises(BadValue, match=r"'pcgrad' is for several tasks.*Give one more --task"):
        parse("full-fine-tuning + pcgrad").check(model.backbone, task)


def test_two_weightings_are_refused():
    with pytest.raises(BadValue, match="Both sides of '\\+' weigh the tasks"):
        parse("uncertainty + pcgrad")


def test_weights_are_read_and_refused():
    known = ["a", "b c", "x, y"]
    assert weighted_tasks("a=2, b c=0.5, x, y=3", known) == {"a": 2.0, "b c": 0.5, "x, y": 3.0}
    assert weighted_tasks("", known) == {}
    for text in ("a", "a=x", "a=-1", "=2", "a=1e300", "a=nan", "a=1, b c=", "x, y"):
        with pytest.raises(BadValue, match=r"a number from 0 to 1,000,000\. Write"):
            weighted_tasks(text, known)
    with pytest.raises(BadValue, match="'a' has two weights"):
        weighted_tasks("a=2, a=0", known)
    task, _ = task_of(NAME)
    model = build_model(TINY[NAME], task, True, seed=0)
    with pytest.raises(UnknownName, match=r"'wrds'\. Did you mean 'words'"):
        parse('task-weights:weights="wrds=2, topic=1"').check(model.backbone, task)


def test_weights_that_are_all_zero_are_refused():
    task, _ = task_of(NAME)
    model = build_model(TINY[NAME], task, True, seed=0)
    spec = 'task-weights:weights="topic=0, words=0"'
    with pytest.raises(BadValue, match=r"all tasks are 0.*Give one of them"):
        parse(spec).check(model.backbone, task)
    with pytest.raises(BadValue, match=r"all tasks are 0.*Give one of them"):
        parse('some-tasks:tasks=words + task-weights:weights="words=0"').check(model.backbone, task)
    with pytest.raises(BadValue, match=r"all tasks are 0.*Give one of them"):
        parse('task-weights:weights="words=0" + some-tasks:tasks=words').check(model.backbone, task)


def test_a_layer_group_that_there_is_not_is_refused():
    task, _ = task_of(NAME)
    model = build_model(TINY[NAME], task, True, seed=0)
    for name in ("tuned-weights", "partial-fine-tuning"):
        with pytest.raises(BadValue, match=f"from_group=99 of '{name}' is not a layer group"):
            parse(f"{name}:from_group=99").check(model.backbone, task)


def test_tasks_that_are_not_learned_choose_nothing_on_validation(tmp_path, monkeypatch):
    """Other labels of theirs change nothing that is watched."""
    task, data = task_of(NAME)
    histories = []
    for factor in (1.0, 1000.0):
        labels = (task, with_numbers(data, factor))
        monkeypatch.setattr("tests.contracts.tiny.task_of", lambda name, labels=labels: labels)
        folder = tmp_path / str(factor)
        trained("some-tasks:tasks=topic,patience=1", NAME, folder, checkpoint_seconds=NEVER)
        lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
        histories.append([json.loads(line)["val"] for line in lines])
    assert histories[0] == histories[1]
    assert all(values.keys() == {"loss", "mean(topic.accuracy)"} for values in histories[0])


def test_what_follows_a_step_has_the_precision_of_the_losses(tmp_path, monkeypatch):
    seen, usual = [], FamoObjective.after_step

    def after_step(objective, progress):
        seen.append(torch.is_autocast_enabled("cpu"))
        usual(objective, progress)

    monkeypatch.setattr(FamoObjective, "after_step", after_step)
    for precision in ("fp32", "bf16"):
        trained("famo", NAME, tmp_path / precision, epochs=1, precision=precision)
    half = len(seen) // 2
    assert seen == [False] * half + [True] * half


def test_history_has_the_cosines_of_gradients_that_a_run_without_them_would_not_change(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("graft.training.loop.trainer.STEPS_BETWEEN", 1)
    measured, _ = trained("full-fine-tuning", NAME, tmp_path / "one", checkpoint_seconds=NEVER)
    rows = [json.loads(line) for line in (tmp_path / "one/history.jsonl").read_text().splitlines()]
    cosines = [row["cosines"]["topic & words"] for row in rows if row["step"]]
    assert len(cosines) == 2  # one an epoch
    assert all(-1 <= cosine <= 1 for cosine in cosines)
    monkeypatch.setattr("graft.training.loop.step.task_cosines", lambda objective, losses: {})
    plain, _ = trained("full-fine-tuning", NAME, tmp_path / "two", checkpoint_seconds=NEVER)
    assert all(torch.equal(t, plain.state_dict()[n]) for n, t in measured.state_dict().items())


def test_a_cosine_is_that_of_the_gradients_in_the_last_layers_that_tasks_share():
    objective, batches = ready("full-fine-tuning")
    losses = objective(batches, 0.5)
    cosine = task_cosines(objective, losses)["topic & words"]
    flat = []
    for name in ("task.topic", "task.words"):
        objective.zero_grad()
        losses[name].backward(retain_graph=True)
        last = last_matrices(objective.model)
        flat.append(torch.cat([parameter.grad.flatten() for parameter in last]))
    assert float(cosine) == pytest.approx(float(torch.cosine_similarity(*flat, dim=0)), abs=1e-5)
    same = task_cosines(objective, {"task.a": losses["task.topic"], "task.b": losses["task.topic"]})
    assert float(same["a & b"]) == pytest.approx(1.0, abs=1e-5)


def last_matrices(model):
    """The matrices of the last group of layers below the head that has some."""
    groups = model.group_indices()
    named = {n: p for n, p in model.network.named_parameters() if p.dim() > 1 and groups[n] >= 0}
    return [p for n, p in named.items() if groups[n] == max(groups[n] for n in named)]


def test_a_head_alone_shares_no_layer_that_trains(tmp_path):
    trained("feature-extraction + pcgrad", NAME, tmp_path, checkpoint_seconds=NEVER)
    rows = (tmp_path / "history.jsonl").read_text()
    assert rows
    assert "cosines" not in rows
