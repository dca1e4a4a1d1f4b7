"""The report of a study whose metric, bits per byte, is no fraction and better when lower."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graft.base import files
from graft.base.errors import FolderError
from graft.cli import board, show
from graft.metrics.entities import entity_f1
from graft.reports import figures, leaderboard, report
from graft.reports.read import read, read_predictions
from graft.reports.statistics import Interval
from tests.unit.reports.test_report import Page, rewrite
from tests.unit.reports.texts import write_texts_study


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Read only."""
    return write_texts_study(tmp_path_factory.mktemp("texts") / "study")


@pytest.fixture(scope="module")
def summary(texts):
    return report.summarize(texts)


@pytest.fixture(scope="module")
def page(texts, summary) -> Page:
    return Page(report.write(texts, summary).read_text(encoding="utf-8"))


@pytest.fixture
def copy(texts, tmp_path):
    return shutil.copytree(texts, tmp_path / "study")


def row_of(summary, name):
    return next(
        row for row in summary.board.rows if row.cell.name == name and row.cell.size.fraction == 1
    )


def test_the_lowest_comes_first_and_is_chosen(summary):
    rows = summary.board.at(summary.board.choices[0].size)
    trained = [row for row in rows if not row.cell.is_baseline]
    assert [row.val for row in trained] == sorted(row.val for row in trained)
    baselines = [row.score.value for row in rows if row.cell.is_baseline]
    assert rows[-2:] == [row for row in rows if row.cell.is_baseline]
    assert baselines == sorted(baselines)
    choice = summary.board.choices[0]
    assert choice.best.val == min(row.val for row in trained if not row.cell.is_control)
    assert choice.baseline.cell.name == "byte-frequencies"


def test_transfer_that_lowers_it_is_positive(summary):
    found = summary.verdict
    assert found.outcome == "positive transfer"
    assert found.against_baseline == "better"
    assert found.control.difference < found.control.high < 0
    assert " lowers bits per byte by 0." in found.sentences[0]
    assert "points" not in " ".join(found.sentences)


def test_while_no_run_has_finished_the_baselines_are_told_by_their_metric(copy):
    for path in (copy / "runs").glob("*/result.json"):
        path.unlink()
    found = Page(report.write(copy).read_text(encoding="utf-8"))
    assert "No verdict: no run has finished." in found.text
    assert "Test bits per byte" in found.text and "uniform-bytes" in found.text


def test_scores_and_intervals_come_from_the_terms(summary):
    row = row_of(summary, "from-scratch")
    runs = [run.result["metrics"]["test"]["bits_per_byte"]["value"] for run in row.runs]
    assert row.score.value == pytest.approx(np.mean(runs))
    assert row.score.low < row.score.value < row.score.high
    assert row_of(summary, "uniform-bytes").score.value == pytest.approx(8)
    assert summary.board.test_examples == 20


def test_the_page_says_it_without_per_cent_or_points(page):
    for words in (
        "Test bits per byte, lower is better",
        "Down and left is better",
        "above the axis: uniform-bytes (8.00)",
    ):
        assert words in page.text
    for words in ("bits per byte (%)", " points", "classes", "Mistakes", "mistakes"):
        assert words not in page.text
    assert "less than 2\N{NO-BREAK SPACE}% of the baseline's bits per byte" in page.text
    assert "text-generation · 8 train, 8 val, 20 test examples · 18 runs" in page.text


def test_generated_samples_are_shown_escaped(copy):
    run = report.summarize(copy).board.choices[0].best.runs[0].folder
    samples = [{"prompt": "<b>Once</b>", "output": "upon\n  a <script>", "reference": ""}] * 9
    rewrite(run / "result.json", samples=samples)
    html = report.write(copy).read_text(encoding="utf-8")
    found = Page(html)
    assert "Generated samples" in found.text
    assert "<b>Once</b>" in found.text
    assert "upon\n  a <script>" in found.text
    assert "script" not in found.tags
    assert html.count('<dd class="output">') == 8
    assert html.count('<dd class="reference">') == 0
    assert "1 more are in the run's result.json" in found.text
    assert "white-space: pre-wrap" in html.split(".samples dd {")[1].split("}")[0]


def test_markdown_and_terminal_have_the_same_numbers(texts, summary, page, capsys):
    row = summary.board.rows[0]
    text = (texts / "report.md").read_text(encoding="utf-8")
    assert "test bits per byte |" in text
    assert "Lower is better: bits per byte." in text
    board.leaderboard(texts)
    shown = capsys.readouterr().out
    assert "test bits per byte" in shown
    for said in (text, shown):
        assert f"{row.score.value:.2f}" in said
    history = json.loads((row.runs[0].folder / "history.jsonl").read_text().splitlines()[0])
    assert f"bits per byte {history['val']['bits_per_byte']:.2f}" in show.epoch_line(history)
    assert "accuracy 94.1 %" in show.epoch_line({**history, "val": {"accuracy": 0.941}})
    assert "cosine" not in show.epoch_line({**history, "cosines": {"a, b": 0.5}})


def test_a_single_run_reaches_its_value(texts, summary, capsys):
    run = summary.board.rows[0].runs[0]
    found = run.result["metrics"]["test"]["bits_per_byte"]
    assert (
        f"reaches {found['value']:.2f} bits per byte on 20 test examples"
        in report.verdict(run.folder).sentences[0]
    )
    show.result("run", {**run.result, "cost": {**run.result["cost"], "model_mb": 0.0}})
    shown = capsys.readouterr().out
    assert f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})" in shown
    assert "model of < 0.1 MB" in shown


def test_the_axis_is_linear_and_a_far_baseline_lies_beyond_its_upper_end(summary):
    rows = summary.board.at(summary.board.choices[0].size)
    low, high = figures.bounds(rows)
    assert (
        low
        < row_of(summary, "full-fine-tuning").score.value
        < row_of(summary, "byte-frequencies").score.value
        <= high
        < 8
    )
    assert [row.cell.name for row in rows if not figures.is_in_range(row, low, high)] == [
        "uniform-bytes"
    ]
    assert "M151" in figures.interval_bar(Interval(8, 8, 8), figures.BASELINE, low, high, None)


def test_the_pareto_front_prefers_the_lower(summary):
    rows = summary.board.at(summary.board.choices[0].size)
    svg = figures.quality_and_time(summary.board, rows, figures.palette(summary.board)).svg
    front = svg.split("Not beaten in both: ")[1].split('"')[0]
    assert front == "byte-frequencies, feature-extraction, full-fine-tuning"


def test_a_front_of_one_row_is_no_line(summary):
    board = summary.board
    rows, colors = board.at(board.choices[0].size), figures.palette(board)
    figure = figures.quality_and_time(board, rows, colors)
    assert 'class="front"' in figure.svg and "The broad line joins" in figure.note
    best = max(rows, key=lambda row: row.quality)
    quickest = replace(best, cost={**best.cost, "train_seconds": 1e-3})
    alone = figures.quality_and_time(
        board, [quickest if row is best else row for row in rows], colors
    )
    assert alone.note == f"Nothing else is better or quicker than {best.cell.name}."


def test_no_line_leads_to_earlier_weights_that_were_kept():
    curve = [(0, 3.0), (1, 2.0), (2, 2.5)]
    assert figures._without_kept(curve) == curve
    assert figures._without_kept([*curve, (2, 2.0)]) == curve


def test_curves_are_in_the_unit_of_the_metric(summary):
    board = summary.board
    svg = figures.convergence(board, board.at(board.choices[0].size), figures.palette(board))[0].svg
    last = board.rows[0].runs[0].history[-1]["val"]["bits_per_byte"]
    assert "validation bits per byte<" in svg
    assert f"{last:.2f} after 12 epochs" in svg
    assert "%" not in svg


def test_pretraining_on_other_texts_is_no_part_of_the_curves(summary, copy):
    line = {
        "phase": "causal language modeling",
        "epoch": 0,
        "step": 0,
        "train_seconds": 0.0,
        "losses": {"causal": 9.0},
    }
    line["held_out"] = {"loss": 9.0, "bits_per_byte": 7.75}
    for path in (copy / "runs").glob("*/history.jsonl"):
        path.write_text(json.dumps(line) + "\n" + path.read_text())
    pretrained = report.summarize(copy)
    before, after = (
        figures.convergence(
            found.board, found.board.at(found.board.choices[0].size), figures.palette(found.board)
        )
        for found in (summary, pretrained)
    )
    assert [figure.svg for figure in after] == [figure.svg for figure in before]
    report.write(copy, pretrained)
    assert "not measured on the validation split and has no points" in (
        copy / "report.html"
    ).read_text(encoding="utf-8")
    assert "held-out texts: loss 9.000  bits per byte 7.75" in show.epoch_line(line)


def test_other_texts_cannot_be_compared(copy):
    path = next((copy / "runs").glob("*/predictions.parquet"))
    table = pd.read_parquet(path)
    table.loc[0, "target"] = "another text"
    table.to_parquet(path)
    with pytest.raises(FolderError, match="tested on different examples"):
        leaderboard.build(read(copy))


def test_predictions_with_targets_of_any_form(tmp_path):
    entity = {"type": "PER", "text": "Ada", "start": 0, "end": 3}
    rows = [
        {"split": "test", "id": "2", "group": "2", "target": [entity], "terms": "[0, 0, 1]"},
        {"split": "test", "id": "1", "group": "1", "target": [], "terms": "[0, 1, 0]"},
        {"split": "test", "id": "3", "group": "2", "target": [entity], "terms": "[1, 1, 1]"},
        {"split": "val", "id": "0", "group": "0", "target": [], "terms": "[0, 0, 0]"},
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "p.parquet")
    found = read_predictions(tmp_path / "p.parquet", 3)
    assert (found.ids, found.groups) == (["1", "2", "3"], ["1", "2", "2"])
    assert [json.loads(target) for target in found.targets] == [[], [entity], [entity]]
    assert found.estimate(entity_f1, np.array([0, 1, 1])).value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"probabilities": [0.5, 0.5]}, "lacks the columns group, terms and has split, id"),
        ({"group": "1", "terms": "[1, NaN]"}, "NaN or infinite: the training diverged"),
        ({"group": "1", "terms": "[1, "}, "cannot be read: Expecting value"),
    ],
    ids=["of an earlier version", "diverged", "damaged"],
)
def test_predictions_that_cannot_be_compared_say_what_to_do(tmp_path, columns, words):
    rows = [{"split": "test", "id": "1", "target": "a", **columns}]
    pd.DataFrame(rows).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(FolderError, match=words) as error:
        read_predictions(tmp_path / "p.parquet", 1)
    assert "Delete " in str(error.value)


def test_types_of_entities_and_mistakes_in_words(copy):
    """As tagging leaves them: types are not the head's classes, and a seed may lack one."""
    types = {
        name: {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 4}
        for name in ("LOC", "PER")
    }
    for i, run in enumerate(report.summarize(copy).board.choices[0].best.runs):
        data = {**run.result["data"], "classes": ["O", "B-PER", "I-PER", "B-LOC"]}
        found = types if i else {"PER": types["PER"]}
        table = {
            "part": ["type", "types"],
            "columns": [
                {"key": "precision", "heading": "precision", "form": "fraction"},
                {"key": "f1", "heading": "F1 (%)", "form": "fraction"},
                {"key": "support", "heading": "entities", "form": "count"},
            ],
            "rank": "f1",
        }
        rewrite(run.folder / "result.json", per_class=found, per_class_table=table, data=data)
        rows = [
            {
                "id": "a",
                "target": "Ada [PER]",
                "prediction": "no entity",
                "confidence": 0.9,
                "kind": "text",
                "preview": "Ada",
            },
            {
                "id": "b",
                "target": "O",
                "prediction": "B-PER",
                "caption": "O, taken for B-PER",
                "confidence": None,
                "kind": "text",
                "preview": "<i>was</i>",
            },
        ]
        files.write_text(
            run.folder / "mistakes.jsonl", "".join(json.dumps(row) + "\n" for row in rows)
        )
    text = Page(report.write(copy).read_text(encoding="utf-8")).text
    for words in (
        "Types",
        "LOC",
        "33.3",
        "true: Ada [PER]predicted: no entity (90",
        "O, taken for B-PER",
    ):
        assert words in text
    assert "Classes" not in text
    assert "| type | precision | F1 (%) | entities |" in (copy / "report.md").read_text(
        encoding="utf-8"
    )
