"""The report of a study whose metric is an error in grams, of which less is better."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from graft.base import files
from graft.base.evidence import Column, Details, Points, Table
from graft.metrics.intervals import interval
from graft.metrics.regression import METRICS, r2, rmse
from graft.reports import report
from graft.reports.prediction_figures import predicted_and_residuals
from tests.unit.reports.test_report import Page

DATA = {"path": "meals", "hash": "d1", "options": {}}
GRAMS = replace(rmse, unit="g")
FEATURES = {"from-scratch": 1, "lora": 5, "full-fine-tuning": 9}
"""Technique -> the features that its ridge regression reads: more are better."""


def write_numbers_study(folder: Path) -> Path:
    """A study as training leaves it: ridge regressions on some features, each on its own rows."""
    inputs, values = load_diabetes(return_X_y=True)
    test = slice(300, 442)
    hashes = []
    for technique, count in FEATURES.items():
        for seed in range(3):
            rows = np.random.default_rng(seed).permutation(300)[:250]
            chosen = inputs[:, [2, 8, 3, 4, 7, 0, 1, 5, 6]][:, :count]
            model = Ridge(0.01).fit(chosen[rows], values[rows])
            name = f"{len(hashes):016x}"
            write_run(
                folder / "runs" / name, technique, seed, model.predict(chosen[test]), values[test]
            )
            hashes.append(name)
    mean = np.full(142, values[:300].mean())
    write_predictions(folder / "baselines" / "mean.parquet", mean, values[test])
    row = {
        "baseline": "mean",
        "words": "always predicting the training mean",
        "seconds": 0.01,
        "seed": 0,
    }
    row |= {"metrics": {"test": scores_of(mean, values[test])}, "predictions": "mean.parquet"}
    files.write_json(folder / "baselines.json", [row])
    about = {"command": "graft compare meals", "data": DATA, "task": "toy-grams"}
    about |= {"techniques": list(FEATURES), "backbones": ["wheel:net"], "seeds": [0, 1, 2]}
    files.write_json(folder / "study.json", {**about, "fractions": [1.0], "runs": hashes})
    return folder


def write_run(
    folder: Path, technique: str, seed: int, guesses: np.ndarray, true: np.ndarray
) -> None:
    asked = {"task": "toy-grams", "backbone": "wheel:net", "technique": technique, "seed": seed}
    files.write_json(
        folder / "spec.json", {**asked, "hash": folder.name, "data": DATA, "fraction": 1.0}
    )
    write_predictions(folder / "predictions.parquet", guesses, true)
    values = {name: score["value"] for name, score in scores_of(guesses, true).items()}
    details = Details(
        table_of_halves(guesses, true),
        points=Points.of(guesses, true, "g"),
        mistakes=("Largest errors", ""),
    )
    data = {"hash": "d1", "counts": {"train": 250, "val": 50, "test": 142}, "classes": []}
    result = {**asked, "data": data, "primary_metric": "rmse", "units": {"rmse": "g", "mae": "g"}}
    result |= {"metrics": {"val": {"loss": 1.0, **values}, "test": scores_of(guesses, true)}}
    result |= {"selected_by": "val", "cost": {"train_seconds": 1.0}, "warnings": []}
    files.write_json(folder / "result.json", result | details.to_json())
    line = {"epoch": 1, "train_seconds": 1.0, "val": values}
    files.write_text(folder / "history.jsonl", json.dumps(line) + "\n")
    mistake = {"id": "7", "target": "310 g", "prediction": "120 g", "confidence": None}
    mistake |= {"kind": "text", "preview": "a meal"}
    files.write_text(folder / "mistakes.jsonl", json.dumps(mistake) + "\n")


def table_of_halves(guesses: np.ndarray, true: np.ndarray) -> Table:
    """The error of small and of large values."""
    columns = Column("error", "error (g)", "number"), Column("count", "examples", "count")
    small = true < np.median(true)
    rows = {
        name: {"error": float(abs(guesses - true)[half].mean()), "count": int(half.sum())}
        for name, half in (("small", small), ("large", ~small))
    }
    return Table(("half", "halves"), columns, rows, "error")


def write_predictions(path: Path, guesses: np.ndarray, true: np.ndarray) -> None:
    rows = [
        {"split": "test", "id": f"{i:03}", "group": f"{i:03}", "target": value}
        | {"prediction": guess, "terms": json.dumps(term.tolist())}
        for i, (guess, value, term) in enumerate(
            zip(guesses, true, rmse.terms(guesses, true), strict=True)
        )
    ]
    files.write(path, lambda part: pd.DataFrame(rows).to_parquet(part, index=False))


def scores_of(guesses: np.ndarray, true: np.ndarray) -> dict[str, dict[str, float]]:
    names = ("value", "low", "high")
    return {
        name: dict(zip(names, interval(metric, guesses, true), strict=True))
        for name, metric in METRICS.items()
    }


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    return report.summarize(write_numbers_study(tmp_path_factory.mktemp("numbers") / "study"))


@pytest.fixture(scope="module")
def page(summary) -> Page:
    folder = summary.board.study.folder
    return Page(report.write(folder, summary).read_text(encoding="utf-8"))


def test_the_least_error_is_selected_and_compared_in_grams(summary):
    board = summary.board
    assert board.metric == GRAMS
    assert board.choices[0].best.cell.name == "full-fine-tuning"
    assert board.rows[-1].words == "always predicting the training mean"
    assert summary.verdict.outcome == "positive transfer"
    assert summary.verdict.against_baseline == "better"
    first, second = summary.verdict.sentences[:2]
    assert first.startswith("Positive transfer: full-fine-tuning lowers RMSE by ")
    assert " g against training from scratch (95 % interval" in first
    assert (
        "It also beats the best trivial baseline, always predicting the training mean, by "
        in second
    )


def test_the_page_has_the_unit_and_no_per_cent(page):
    assert "Test RMSE (g), lower is better" in page.text
    for words in ("R²", "Pearson correlation", "mean absolute error (g)", "Largest errors"):
        assert words in page.text
    for words in ("RMSE (%)", " points", "Classes", "Most confident", "precision"):
        assert words not in page.text
    assert "true: 310 gpredicted: 120 g" in page.text


def test_a_table_of_parts_is_in_the_words_of_the_task(page, summary):
    folder = summary.board.study.folder
    runs = summary.board.choices[0].best.runs
    error = np.mean([run.result["per_class"]["small"]["error"] for run in runs])
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert (
        f"| half | error (g) | examples |\n| --- | ---: | ---: |\n| small | {error:.1f} |" in text
    )
    assert "Halves" in page.text
    assert 'class="track"' not in (folder / "report.html").read_text(encoding="utf-8")


def test_of_many_points_some_are_drawn():
    points = Points.of(np.arange(5_000), np.arange(5_000))
    assert points.true == points.predicted == [float(i) for i in range(0, 5_000, 3)]
    assert Points.of([], []) == Points([], [])


def test_predictions_are_drawn_against_true_values(page, summary):
    assert "Predicted against true" in page.text and "Errors against true values" in page.text
    html = (summary.board.study.folder / "report.html").read_text(encoding="utf-8")
    assert html.count('class="dot"') == 2 * 142
    assert "predicted minus true (g)" in html


def test_a_perfect_prediction_lies_on_the_line():
    against, residuals = predicted_and_residuals([1.0, 5.0], [1.0, 5.0], "")
    for figure in (against, residuals):
        assert figure.svg.count('class="dot"') == 2
    # A polyline from corner to corner of one scale: points on it have the same share of both axes.
    dots = [part.split('"') for part in against.svg.split("<circle")[1:]]
    places = [(float(dot[3]), float(dot[5])) for dot in dots]
    line = against.svg.split('points="')[1].split('"')[0].split(" ")
    (x1, y1), (x2, y2) = (map(float, end.split(",")) for end in line)
    for x, y in places:
        assert y == pytest.approx(y1 + (x - x1) / (x2 - x1) * (y2 - y1), abs=0.11)


def test_an_undefined_r2_is_said_to_be_with_the_reason(summary, tmp_path):
    folder = write_numbers_study(tmp_path / "study")
    for path in folder.glob("runs/*/result.json"):
        result = json.loads(path.read_text())
        result["metrics"]["test"][r2.name] = {"value": None, "low": None, "high": None}
        path.write_text(json.dumps(result))
    text = report.write(folder).parent.joinpath("report.md").read_text(encoding="utf-8")
    assert "| full-fine-tuning |" in text and "| undefined |" in text
    assert text.count("R² is undefined where all true values are equal") == 1


def test_the_correlation_of_a_constant_baseline_is_undefined(page, summary):
    metrics = "Pearson correlation and Spearman correlation are undefined"
    reason = f"{metrics} where all predictions, or all true values, are equal"
    baseline = next(row for row in summary.board.rows if row.cell.is_baseline)
    assert baseline.others["pearson"] is None
    assert reason in page.text
    text = (summary.board.study.folder / "report.md").read_text(encoding="utf-8")
    assert f"{reason}." in text
    # The mean absolute error, R² and the two correlations of always the same number.
    row = next(line for line in text.splitlines() if line.startswith("| always predicting"))
    assert "undefined" not in row
    others = text.split("| other metrics |")[1]
    cells = next(line for line in others.splitlines() if line.startswith("| always predicting"))
    assert cells.count("undefined") == 2


def test_the_numbers_of_a_column_have_as_many_decimals(summary):
    text = (summary.board.study.folder / "report.md").read_text(encoding="utf-8")
    table = text.split("| --- |", 1)[1].splitlines()[1:5]
    cells = [[cell.strip() for cell in line.split("|")] for line in table]
    for column in (3, 5, 6):  # the test metric, validation, the difference to the control
        decimals = {len(row[column].partition(".")[2]) for row in cells if row[column]}
        assert len(decimals) == 1, cells
