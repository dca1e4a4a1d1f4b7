"""Regression: numbers are learned standardized, and predicted and shown in their own unit."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import Ridge
from typer.testing import CliRunner

import graft
from graft import api
from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.errors import BackboneError, BadValue, DataError
from graft.base.evidence import MOST_POINTS
from graft.base.records import Sample, Windows
from graft.cli.main import app
from graft.data.data import Data
from graft.studies.run import build_model
from graft.tasks.image_regression import ImageRegression
from graft.tasks.numbers.regression import Regression
from graft.tasks.text_classification import TextClassification
from graft.tasks.text_regression import TextRegression
from graft.techniques.specs.combine import parse
from graft.techniques.specs.places import head_only, select
from graft.techniques.technique import Objective
from graft.training import optim
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.frozen import frozen_prefix, recording
from graft.training.observers import Observer
from graft.training.solvers import logistic, ridge, solvers
from tests.contracts.tiny import task_of

TASKS = ["audio-regression", "image-regression", "text-regression"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")


def texts(values: list, split: str = "train") -> dict[str, list[Sample]]:
    return {
        split: [Sample(f"{split}:{i}", {"text": "a", "value": v}) for i, v in enumerate(values)]
    }


def with_values(data: Data, change) -> Data:
    """The data with other values, made from the ones that they have."""
    return data.with_splits(
        {
            split: [Sample(s.id, {**s.roles, "value": change(s.roles["value"])}) for s in samples]
            for split, samples in data.splits.items()
        }
    )


def table(folder: Path, header: str, *rows: str) -> Path:
    (folder / "t.csv").write_text("".join(row + "\n" for row in (header, *rows)), encoding="utf-8")
    return folder / "t.csv"


def test_a_table_of_numbers_is_for_regression(tmp_path: Path) -> None:
    rows = (f"the words of row {i},{1 + i % 37 / 10}" for i in range(80))
    file = table(tmp_path, "sentence,score", *rows)
    assert api.find_task(graft.load_data(file), None) == "text-regression"
    answer = CliRunner().invoke(app, ["check", str(file)])
    assert answer.exit_code == 0
    assert "for text-regression" in answer.output and "median" in answer.output
    checked = json.loads(CliRunner().invoke(app, ["check", str(file), "--json"]).output)
    assert (checked["kind"], checked["task"]) == ("numbers", "text-regression")


def test_few_numbers_that_come_back_are_values_if_asked_for(tmp_path: Path) -> None:
    file = table(tmp_path, "text,stars", *(f"row {i},{i % 5}" for i in range(40)))
    with pytest.raises(DataError, match="--columns value=NAME"):
        graft.load_data(file, task="text-regression")
    data = graft.load_data(file, task="text-regression", columns={"value": "stars"})
    assert data.kind == "numbers" and data.splits["train"][0].roles["value"] in range(5)


@pytest.mark.parametrize("name", TASKS)
def test_targets_have_mean_0_and_deviation_1_on_training(name: str) -> None:
    task, data = task_of(name)
    targets = [task.encode_target(sample, None, None) for sample in data.splits["train"]]
    standardized = torch.cat(targets).double()
    # Rounded to float32: 24 numbers of size 1.
    assert float(standardized.mean()) == pytest.approx(0, abs=1e-6)
    assert float(standardized.std(correction=0)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (1e9, 1e-2), (-3e-7, 1e-9)])
def test_what_is_right_is_decoded_to_the_values_whatever_their_size(mean, scale) -> None:
    values = [mean + scale * step for step in (-1.5, 0.25, 3.0)]
    samples = texts(values)["train"]
    task = TextRegression.from_data(Data({"train": samples}, "d"))
    rows = [task.encode_target(sample, None, None).numpy() for sample in samples]
    # A float32 has 7 digits of a standardized number.
    assert task.scores(rows, Windows(samples)) == pytest.approx(values, abs=1e-6 * task.scale)


def test_the_parts_of_a_text_predict_their_mean() -> None:
    task, parts = TextRegression(mean=10.0, scale=2.0), texts([None] * 3)["train"]
    windows = Windows(parts[:2], parts, [0, 0, 1])
    rows = [np.float32([value]) for value in (1, 3, -1)]
    assert list(task.scores(rows, windows)) == [14.0, 8.0]


@pytest.mark.parametrize(
    ("scale", "unit", "words"),
    [(30.0, "g", "1,234.6 g"), (2.5, "", "1,234.57"), (4e5, "EUR", "1,235 EUR")],
)
def test_numbers_are_written_to_a_hundredth_of_their_spread(scale, unit, words) -> None:
    assert ImageRegression(scale=scale, unit=unit).say(1234.567) == words


def test_a_constant_target_is_refused_naming_samples() -> None:
    with pytest.raises(DataError, match=r"All 5 training values of d are 2\.5 \(train:0, train:1,"):
        TextRegression.from_data(Data(texts([2.5] * 5), "d"))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "12 kg", "1,234.5", "n/a", True])
def test_what_is_no_finite_number_is_refused_naming_samples(value) -> None:
    with pytest.raises(DataError, match=r"1 of 3 samples .* not a finite number: train:1 \("):
        TextRegression.from_data(Data(texts([1.0, value, 2.0]), "d"))


def test_a_span_that_no_number_has_is_refused() -> None:
    with pytest.raises(DataError, match=r"span -1e\+308 to 1e\+308.*Use another unit"):
        TextRegression.from_data(Data(texts([-1e308, 1e308]), "d"))


def test_there_are_no_classes_to_weigh() -> None:
    with pytest.raises(BadValue, match=r"--weighted weighs classes, and text-regression has none"):
        TextRegression.from_data(Data(texts([1.0, 2.0]), "d"), weighted=True)


@pytest.mark.parametrize(
    "name", ["nearest-prototypes", "zero-shot", "label-words", "contrastive-few-shot"]
)
def test_techniques_that_need_classes_are_refused(name: str) -> None:
    task, _ = task_of("text-regression")
    backbone = load_backbone("tiny:bert", task.job())
    with pytest.raises(BadValue, match=f"'{name}' is for tasks .* has a class") as error:
        parse(name).check(backbone, task)
    assert error.value.fix == "Use 'feature-extraction' or 'full-fine-tuning'."


def test_features_of_several_lengths_are_refused() -> None:
    task, _ = task_of("text-regression")
    tokens = load_backbone("tiny:bert", task_of("token-classification")[0].job())
    with pytest.raises(BackboneError, match=r"'number' needs vector.*has sequence features"):
        task.with_head(tokens)


def test_predictions_follow_the_unit(tmp_path: Path) -> None:
    """Standardized targets are the same in any unit, so the weights are, too."""
    _, data = task_of("image-regression")
    rows = {}
    for name, change in {"g": lambda v: v, "mg": lambda v: 1000 * v + 5}.items():
        run = graft.fit(
            with_values(data, change), "tiny:efficientnet", "feature-extraction",
            precision="fp32", out=tmp_path / name,
        )  # fmt: skip
        predictions = pd.read_parquet(tmp_path / name / "predictions.parquet")
        rows[name] = (predictions["prediction"].to_numpy(), run.result["metrics"]["test"])
    (grams, one), (milligrams, other) = rows["g"], rows["mg"]
    # Targets are rounded to float32, once in each unit.
    assert milligrams == pytest.approx(1000 * grams + 5, rel=1e-5)
    assert other["rmse"]["value"] == pytest.approx(1000 * one["rmse"]["value"], rel=1e-3)
    assert other["r2"]["value"] == pytest.approx(one["r2"]["value"], rel=1e-3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> api.Run:
    """A run on pairs of texts."""
    data = task_of("text-regression")[1]
    pairs = data.with_splits(
        {
            split: [Sample(s.id, {**s.roles, "text_pair": s.roles["text"][::-1]}) for s in samples]
            for split, samples in data.splits.items()
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "home", lambda: tmp_path_factory.mktemp("recordings"))
        return graft.fit(
            pairs, "tiny:bert", "full-fine-tuning", task="text-regression:unit=EUR", epochs=2,
            precision="fp32", out=tmp_path_factory.mktemp("run") / "run",
        )  # fmt: skip


def test_the_saved_model_predicts_as_the_run_did(finished: api.Run) -> None:
    table = pd.read_parquet(finished.folder / "predictions.parquet").set_index("id")
    data = task_of("text-regression")[1].splits["test"]
    pairs = [(s.roles["text"], s.roles["text"][::-1]) for s in data]
    rows = graft.load(finished.folder).predict(pairs)
    assert {"confidence"} & set(rows[0]) == set()
    # Batches of other sizes round differently in float32.
    assert [row["prediction"] for row in rows] == pytest.approx(
        [table.loc[s.id, "prediction"] for s in data], rel=1e-5
    )


def test_the_folder_opens_in_transformers_as_a_regression(finished: api.Run) -> None:
    from transformers import pipeline

    model = graft.load(finished.folder)
    text, other = "good fine bad", "the it so"
    classifier = pipeline("text-classification", model=str(finished.folder / "model"))
    (theirs,) = classifier([{"text": text, "text_pair": other}], function_to_apply="none")
    (ours,) = model.predict([(text, other)])
    assert classifier.model.config.problem_type == "regression"
    value = theirs["score"] * model.task.scale + model.task.mean
    assert value == pytest.approx(ours["prediction"], rel=1e-5)


def test_the_result_says_the_unit_and_what_a_report_draws(finished: api.Run) -> None:
    result = finished.result
    assert result["primary_metric"] == "rmse" and result["units"] == {"rmse": "EUR", "mae": "EUR"}
    assert set(result["baseline"]) == {"mean", "tfidf-ridge", "overlap-ridge"}
    assert len(result["points"]["true"]) == len(result["points"]["predicted"]) == 12
    worst = json.loads((finished.folder / "mistakes.jsonl").read_text().splitlines()[0])
    assert worst["caption"].endswith("EUR") and ", predicted " in worst["caption"]


def test_a_person_reads_numbers_with_their_unit(finished: api.Run, tmp_path: Path) -> None:
    table = tmp_path / "new.csv"
    table.write_text("text,text_pair\ngood fine,so it\nbad poor,the so\n")
    answer = CliRunner().invoke(app, ["predict", str(finished.folder), str(table)])
    assert answer.exit_code == 0, answer.output
    assert answer.output.count(" EUR") == 2 and "confidence" not in answer.output


def test_the_mean_of_each_category_is_a_baseline(tmp_path: Path) -> None:
    rows = [f"dish number {i},{'ab'[i % 2]},{100 * (i % 2) + i % 7 + 0.5}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["text,food,grams", *rows]))
    data = graft.load_data(tmp_path / "t.csv", columns={"value": "grams", "category": "food"})
    task = TextRegression.from_data(data)
    found = {b.name: b.predict(data.splits["train"], data.splits["test"]) for b in task.baselines}
    targets = task.targets(data.splits["test"])
    errors = {name: np.abs(scores - targets).max() for name, scores in found.items()}
    assert errors["category-mean"] < 7 < errors["mean"]
    unknown = [Sample("new", {"text": "x", "category": "c", "value": 1.0})]
    (baseline,) = [b for b in task.baselines if b.name == "category-mean"]
    mean = task.targets(data.splits["train"]).mean()
    assert baseline.predict(data.splits["train"], unknown) == pytest.approx([mean])


def test_what_two_texts_share_is_a_baseline() -> None:
    """Texts of which the value is how many words they share, which words alone cannot say."""
    random = np.random.default_rng(0)

    def pair(shared: int) -> dict[str, object]:
        words = [f"w{number}" for number in random.permutation(40)]
        first, second = words[:8], words[8 - shared : 16 - shared]
        return {"text": " ".join(first), "text_pair": " ".join(second), "value": float(shared)}

    def samples(split: str, count: int) -> list[Sample]:
        return [Sample(f"{split}:{i}", pair(i % 9)) for i in range(count)]

    data = Data({"train": samples("train", 90), "test": samples("test", 36)}, "d")
    task = TextRegression.from_data(data)
    r2 = task.metrics["r2"]
    targets = task.targets(data.splits["test"])
    found = {
        b.name: r2(b.predict(data.splits["train"], data.splits["test"]), targets)
        for b in task.baselines
    }
    assert found["overlap-ridge"] > 0.9 > 0.5 > found["tfidf-ridge"]


def test_huber_counts_a_large_error_by_its_size() -> None:
    class Of:
        target, logits = torch.zeros(1, 1), torch.tensor([[10.0]])

    plain: Regression = TextRegression()
    assert float(plain.loss(Of, Of)) == 100.0
    assert float(replace(plain, robust=True).loss(Of, Of)) == 9.5


@pytest.fixture
def probe():
    """A frozen tiny network with the head of a number, its task and its training features."""
    task, data = task_of("image-regression")
    engine = Engine("fp32")
    model = engine.place(build_model("tiny:efficientnet", task, pretrained=True, seed=0))
    head = select(model, head_only)
    optim.freeze(model, head, "frozen")
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, engine.device, 8, views=1)
    return Objective(model, task), frozen_prefix.find(model, feed, engine).record(feed, Observer())


def test_the_head_of_a_real_network_is_solved_in_the_precision_that_it_has(probe):
    objective, feed = probe
    head = objective.model.backbone.linear
    features = feed.recorded.read(range(len(feed.pieces)))[0].double().numpy()
    targets = objective.task.targets(feed.pieces)
    standardized = (targets - targets.mean()) / targets.std()
    *_, solution = ridge.path(objective, head, feed)
    alpha = solution.chosen["strength"] * features.var(0).mean() * len(features) / 2
    reference = Ridge(alpha, solver="svd").fit(features, standardized)
    predicted = head(torch.tensor(features).float()).detach().numpy()[:, 0]
    assert head.weight.dtype == torch.float32
    assert predicted == pytest.approx(reference.predict(features), abs=1e-4)
    error = np.mean((predicted - standardized) ** 2)
    assert solution.losses["task"] == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize(
    ("technique", "robust", "solver"),
    [
        ("feature-extraction", False, ridge),
        ("lp-ft", False, ridge),
        ("feature-extraction", True, logistic),
        ("feature-extraction + l2-sp", False, logistic),
    ],
)
def test_only_a_mean_squared_error_alone_is_solved_exactly(probe, technique, robust, solver):
    objective, _ = probe
    model, task = objective.model, replace(objective.task, robust=robust)
    chosen = parse(technique)
    phase = chosen.phases(model, 1.0)[0]
    solved = solvers.find_solver(phase, chosen.objective(model, task), at_head=True)
    assert solved.solver is solver.SOLVER


def test_classes_are_not_solved_by_ridge():
    task, _ = task_of("image-classification")
    model = build_model("tiny:efficientnet", task, pretrained=True, seed=0)
    phase = parse("feature-extraction").phases(model, 1.0)[0]
    optim.freeze(model, optim.trainable(model, phase))
    solved = solvers.find_solver(phase, Objective(model, task), at_head=True)
    assert solved.solver is logistic.SOLVER


def test_a_report_draws_some_points_of_many() -> None:
    numbers = np.arange(3.0 * MOST_POINTS)
    points = TextRegression(unit="g").details(numbers, numbers + 1).points
    assert len(points.true) == len(points.predicted) == MOST_POINTS and points.unit == "g"
    assert points.true[1] == points.predicted[1] + 1 == 4.0


def test_a_prediction_is_shown_without_a_target() -> None:
    sample = Sample("a", {"text": "a"})
    assert TextRegression(unit="g").show(sample, 1.5).caption == "predicted 1.50 g"
    task = TextClassification(("x", "y"))
    assert task.show(sample, "y").caption == "predicted y"
    assert task.show(sample, "y", "x").caption == "x, taken for y"


def test_a_mistake_without_a_confidence_has_a_severity() -> None:
    task = TextClassification(("x", "y"))
    assert task.severity({"prediction": "x", "target": "y"}) == 0.0


@pytest.mark.parametrize("name", sorted(plugins.names("task")))
def test_a_batch_in_which_only_some_have_a_target_is_refused(name) -> None:
    task, data = task_of(name)
    samples = data.splits["train"][:2]
    source = {"image": "tiny:cnn", "text": "tiny:bert", "audio": "tiny:whisper"}[task.reads]
    if task.gives == "text":
        networks = {"causal": "tiny:llama", "seq2seq": "tiny:t5"}
        source = networks[next(iter(task.heads))] if task.reads == "text" else source
    preprocess = load_backbone(source, task.job()).preprocess
    pieces = task.windows(samples, preprocess).pieces
    encoded = [task.encode(piece, preprocess, None) for piece in pieces]
    task.collate([dict(piece) for piece in encoded], preprocess)
    encoded[-1].pop("target")
    with pytest.raises(DataError, match=rf"1 of {len(pieces)} samples of a batch have no"):
        task.collate(encoded, preprocess)
