"""Several tasks at once: what a run learns, measures and saves of each of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import graft
from graft.backbones.folder import open_model
from graft.base.errors import BadValue, DataError
from graft.base.records import Batch, Output, Sample
from graft.data.data import Data
from graft.data.parts import join_parts
from graft.metrics.find import find
from graft.tasks.multi_task import MultiTask
from graft.tasks.specs.find_task import find_task
from graft.tasks.specs.options import read_task
from graft.training.observers import Observer
from tests.contracts.tiny import task_of

TASKS = ["tone", "words=text-regression"]
OUTPUTS = {"rtol": 1e-4, "atol": 1e-4}
"""Two networks with equal weights: float32 products in another order."""


def reviews(path: Path, count: int = 60) -> str:
    """Write a table of texts with a class and a number, each missing in some rows."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        tone, words = ("fine", "awful")[number % 2], int(rng.integers(2, 9))
        text = " ".join([tone] * words) + f" {number}"
        known = {"tone": tone if number % 4 else None, "words": words if number % 5 else None}
        rows.append({"text": text, **known})
    pd.DataFrame(rows).to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> graft.api.Run:
    """A short training of two tasks."""
    folder = tmp_path_factory.mktemp("multi")
    table = reviews(folder / "reviews.csv")
    return graft.fit(
        table, "tiny:bert", "full-fine-tuning", task=TASKS, epochs=1, out=folder / "run"
    )


def batch_of(task: MultiTask, data: Data, count: int = 12) -> tuple[Batch, Output]:
    """Encoded targets of the first samples, and random outputs for them."""
    samples = data.splits["train"][:count]
    targets = [task.encode_target(sample, None, None) for sample in samples]
    batch = Batch({"row": torch.arange(count)}, task.collate_targets(targets))
    logits = torch.randn(count, task.outputs, generator=torch.Generator().manual_seed(0))
    return batch, Output(logits, torch.zeros(count, 1))


def test_a_column_without_a_task_is_learned_by_what_it_holds(tmp_path):
    data = graft.load_data(reviews(tmp_path / "t.csv"), task=TASKS)
    task = read_task(find_task(data, " + ".join(TASKS)), data)
    assert [part.name for part in task.parts.values()] == ["text-classification", "text-regression"]
    assert task.parts["tone"].classes == ("awful", "fine")


def test_a_missing_label_teaches_nothing_and_all_labels_count_the_same(run):
    """The sum over batches is that over the examples with a label, however these are spread."""
    task, data = task_of("multi-task")
    whole, output = batch_of(task, data)
    losses = task.part_losses(output, whole)
    for name, part in task.parts.items():
        rows = [row for row, known in enumerate(whole.target[name]["known"]) if known]
        own = Batch({"row": torch.tensor(rows)}, whole.target[name]["value"][rows])
        alone = part.loss(Output(output.raw[rows][:, task.places[name]], None), own)
        expected = alone * len(rows) / (task.amounts[name] * len(whole))
        torch.testing.assert_close(losses[name], expected)
    halves = [
        task.loss(Output(output.raw[part], None), whole.take(part)) / 2
        for part in (slice(0, 6), slice(6, 12))
    ]
    torch.testing.assert_close(sum(halves), task.loss(output, whole))


def test_a_batch_without_any_label_of_a_task_has_no_gradient_for_it():
    task, data = task_of("multi-task")
    batch, output = batch_of(task, data)
    batch.target["words"] = {"known": torch.zeros(12, dtype=torch.bool), "value": None}
    output.raw.requires_grad_()
    losses = task.part_losses(output, batch)
    sum(losses.values()).backward()
    assert losses["words"] == 0.0
    assert output.raw.grad[:, task.places["words"]].abs().sum() == 0
    assert output.raw.grad[:, task.places["topic"]].abs().sum() > 0


def test_metrics_are_those_of_each_task_on_the_examples_that_have_its_label(run):
    measured = run.result["metrics"]["test"]
    primary = run.result["primary_metric"]
    assert primary == "mean(tone.accuracy, words.r2)"
    parts = [measured[part["metric"]]["value"] for part in run.result["parts"].values()]
    assert measured[primary]["value"] == pytest.approx(np.mean(parts))
    rows = pd.read_parquet(run.folder / "predictions.parquet")
    is_known = np.array([target["tone"] is not None for target in rows.target])
    rows = rows[(rows["split"] == "test") & is_known]
    right = [p["tone"] == t["tone"] for p, t in zip(rows.prediction, rows.target, strict=True)]
    assert measured["tone.accuracy"]["value"] == pytest.approx(np.mean(right))
    assert run.result["parts"]["tone"]["labels"]["test"] == len(rows)


def test_a_mistake_is_of_the_tasks_that_are_most_wrong(run):
    task = run.model.task
    row = {
        "target": {"tone": "fine", "words": 5.0},
        "prediction": {"tone": "awful", "words": 5.01},
        "confidence": 0.9,
        "confidences": {"tone": 0.9},
    }
    wrong = task.mistake(row)
    assert (wrong["target"], wrong["prediction"]) == ({"tone": "fine"}, {"tone": "awful"})
    assert wrong["confidence"] == 0.9
    far = task.mistake(row | {"prediction": {"tone": "fine", "words": 50.0}})
    assert far["target"] == {"words": 5.0}
    assert far["confidence"] is None, "a number has none, and that of another task is not its own"


def test_the_table_of_tasks_names_the_metric_of_each(run):
    table = run.result["per_class"]
    assert set(table) == {"tone: accuracy", "words: R²"}
    measured = run.result["metrics"]["test"]
    assert table["tone: accuracy"]["value"] == measured["tone.accuracy"]["value"]


def test_a_report_computes_the_mean_from_what_predictions_keep(run):
    rows = pd.read_parquet(run.folder / "predictions.parquet")
    terms = [json.loads(term) for term in rows[rows["split"] == "test"]["terms"]]
    metric = find(run.result["primary_metric"])
    expected = run.result["metrics"]["test"][metric.name]["value"]
    assert metric.weigh(terms).value == pytest.approx(expected)


def test_each_task_has_a_model_of_its_own_with_the_same_outputs(run):
    check_parts(run)


def test_layers_that_stay_are_in_the_model_of_each_task(tmp_path):
    table, adapters = reviews(tmp_path / "reviews.csv"), "bottleneck-adapters:hidden=4,lr=0.01"
    run = graft.fit(table, "tiny:bert", adapters, task=TASKS, epochs=1, out=tmp_path / "run")
    check_parts(run)


def check_parts(run: graft.api.Run) -> None:
    """Assert that the model of each task gives what the model of all gives for it."""
    joint, _ = open_model(run.folder / "model")
    batch = Batch(joint.backbone.preprocess.example())
    batch.mask = joint.backbone.preprocess.mask(batch.inputs)
    whole = joint(batch).logits
    for name, part in run.result["parts"].items():
        model, card = open_model(run.folder / part["model"])
        assert card["task"] == part["task"]
        own = model(batch).logits
        torch.testing.assert_close(own, whole[:, run.model.task.places[name]], **OUTPUTS)


def test_such_a_model_opens_in_its_library(run):
    from transformers import AutoModelForSequenceClassification

    places = {name: run.folder / part["model"] for name, part in run.result["parts"].items()}
    tone = AutoModelForSequenceClassification.from_pretrained(places["tone"])
    words = AutoModelForSequenceClassification.from_pretrained(places["words"])
    assert tone.config.id2label == {0: "awful", 1: "fine"}
    assert (words.config.num_labels, words.config.problem_type) == (1, "regression")


class Killed(Observer):
    """Ends the process, as far as the training can tell, after its first epoch."""

    def epoch(self, row):
        if row["step"]:
            raise KeyboardInterrupt


def test_a_run_that_is_killed_goes_on_to_the_same_weights(tmp_path):
    table = reviews(tmp_path / "t.csv")
    asked = {"task": TASKS, "epochs": 2, "checkpoint_seconds": 0.0}
    whole = graft.fit(table, "tiny:bert", "lora:r=2", **asked, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        graft.fit(
            table, "tiny:bert", "lora:r=2", **asked, out=tmp_path / "killed", observer=Killed()
        )
    again = graft.resume(tmp_path / "killed")
    for place in ("model", *(part["model"] for part in whole.result["parts"].values())):
        first, second = (open_model(r.folder / place)[0].state_dict() for r in (whole, again))
        assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_pieces_of_a_batch_change_nothing_and_frozen_layers_stay(tmp_path):
    table = reviews(tmp_path / "t.csv")
    runs = [
        graft.fit(table, "tiny:bert", spec, task=TASKS, epochs=3, out=tmp_path / spec[-1])
        for spec in ("feature-extraction", "lp-ft")
    ]
    assert all(run.result["frozen"]["unchanged"] for run in runs)
    assert all(run.result["frozen"]["tensors"] for run in runs)


def test_tasks_that_cannot_be_learned_together_are_refused():
    task, _ = task_of("multi-task")
    writing, _ = task_of("text-generation")
    picture, _ = task_of("image-classification")
    from graft.tasks.parts.together import check_together

    with pytest.raises(BadValue, match=r"'b' is for text-generation.*Give tasks for classes"):
        check_together({"a": task.parts["topic"], "b": writing})
    with pytest.raises(BadValue, match=r"read the same, and 'a' reads text and 'b' reads image"):
        check_together({"a": task.parts["topic"], "b": picture})
    heads = {"a": replace(task.parts["topic"], head="pooled"), "b": task.parts["words"]}
    assert check_together(heads) == "pooled"


def test_tasks_that_read_something_else_are_refused():
    picture = Sample("1", {"image": np.zeros((8, 8, 3), np.uint8), "label": "a"})
    text = Sample("1", {"text": "one", "label": "b"})
    data = {name: Data({"train": [sample]}) for name, sample in {"a": picture, "b": text}.items()}
    with pytest.raises(DataError, match=r"'a' reads image, 'b' reads text\. Use tasks"):
        join_parts(data)


def test_a_task_without_a_label_is_refused(tmp_path):
    pd.DataFrame(
        {"text": [f"text {n}" for n in range(20)], "tone": ["a", "b"] * 10, "none": [None] * 20}
    ).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=r"task 'none'.*no sample has a label"):
        graft.load_data(tmp_path / "t.csv", task=["tone", "none"])
