from __future__ import annotations

import csv
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from graft.base import files
from graft.reports import figures, report
from graft.reports.svg import Scale, linear, logarithmic

VOID = {"meta", "img", "br", "hr", "link"}


class Page(HTMLParser):
    """Checks that tags nest, and collects texts, ids of tags and addresses."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "action", "data")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open[-1:] != ["style"] else ""


@pytest.fixture(scope="module")
def page(study) -> Page:
    return Page(report.write(study).read_text(encoding="utf-8"))


@pytest.fixture
def copy(study, tmp_path):
    return shutil.copytree(study, tmp_path / "study")


def rewrite(path, **changes) -> None:
    files.write_json(path, {**json.loads(path.read_text()), **changes})


def test_the_page_needs_nothing_else(page, study):
    html = (study / "report.html").read_text(encoding="utf-8")
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert "@import" not in html
    assert re.findall(r"url\(", html) == []


def test_the_verdict_comes_first(page, study):
    first = report.verdict(study).sentences[0].split(" (")[0]
    assert page.text.index(first) < page.text.index("Leaderboard")


def test_every_section_is_there(page):
    for section in (
        "Leaderboard",
        "Data efficiency",
        "Quality and time",
        "Convergence",
        "Classes",
        "Most confident mistakes",
        "Data",
        "Cost",
        "How it was made",
        "How to read this",
    ):
        assert section in page.text
    assert "graft compare digits --seeds 3 --fractions 1,0.5" in page.text
    assert "d161" in page.text
    assert "logistic regression on pixels" in page.text
    assert "ValueError: matmul" in page.text


def test_text_from_the_data_is_escaped(page, study):
    html = (study / "report.html").read_text(encoding="utf-8")
    assert "<8 & 9>" in page.text
    assert "<8 & 9>" not in html
    assert "2 examples of <train> are in test" in page.text


def test_mistakes_are_shown_as_what_they_are(copy):
    run = report.summarize(copy).board.choices[0].best.runs[0].folder
    rows = [
        {
            "id": "a",
            "target": "x",
            "prediction": "y",
            "confidence": 0.9,
            "kind": "text",
            "preview": "<script>alert(1)</script>",
        },
        {
            "id": "b",
            "target": "x",
            "prediction": "no label",
            "confidence": 0.9,
            "kind": "image",
            "preview": "https://example.org/spy.png",
        },
    ]
    files.write_text(run / "mistakes.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = Page(report.write(copy).read_text(encoding="utf-8"))
    assert "script" not in found.tags
    assert "<script>alert(1)</script>" in found.text
    assert found.addresses == []
    assert "https://example.org/spy.png" in found.text
    assert "no label" in found.text


@pytest.mark.parametrize(
    ("picture", "shown"),
    [("data:image/svg+xml,<svg/>", True), ("https://example.org/spy.svg", False), ("", False)],
)
def test_a_sound_has_a_player_and_the_picture_of_it(copy, picture, shown):
    run = report.summarize(copy).board.choices[0].best.runs[0].folder
    heard = {"id": "a", "target": "x", "prediction": "y", "confidence": 0.9, "kind": "audio"}
    row = {**heard, "preview": "data:audio/mpeg;base64,AA==", "picture": picture}
    files.write_text(run / "mistakes.jsonl", json.dumps(row) + "\n")
    drawn = Page(report.write(copy).read_text(encoding="utf-8"))
    assert drawn.tags.count("audio") == 1
    assert drawn.addresses == [*[picture] * shown, row["preview"]]


def test_the_rows_as_csv(study, page):
    with open(study / "results.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 19
    failed = [row for row in rows if row["state"] == "failed"]
    assert [row["technique"] for row in failed] == ["lora:r=0"]
    assert failed[0]["message"].startswith("ValueError: matmul")
    assert failed[0]["test_accuracy"] == ""
    finished = next(row for row in rows if row["state"] == "finished")
    assert (
        0
        < float(finished["test_accuracy_low"])
        <= float(finished["test_accuracy"])
        <= float(finished["test_accuracy_high"])
        <= 1
    )
    assert rows == [
        {
            key: "" if value is None else str(value)
            for key, value in {**dict.fromkeys(rows[0], None), **row}.items()
        }
        for row in report.rows(study)
    ]


def test_the_page_in_markdown_has_whole_tables(study, page):
    text = (study / "report.md").read_text(encoding="utf-8")
    assert "&lt;" not in text
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(blocks) >= 5
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_a_single_run_is_a_page_without_a_comparison(copy):
    run = next(path.parent for path in (copy / "runs").glob("*/result.json"))
    result = json.loads((run / "result.json").read_text())
    rewrite(
        run / "result.json",
        baseline={"majority": {"accuracy": {"value": 0.2, "low": 0.15, "high": 0.25}}},
        baseline_words={"majority": "always naming the most frequent class"},
    )
    found = Page(report.write(run).read_text(encoding="utf-8"))
    value = 100 * result["metrics"]["test"]["accuracy"]["value"]
    assert f"reaches {value:.1f}" in found.text
    low = 100 * result["metrics"]["test"]["accuracy"]["low"]
    assert f"interval {low:.1f} to" in found.text, "the interval is that of result.json"
    assert "Quality and time" not in found.text
    assert "No verdict from a single run" in found.text
    assert "Difference to the control" not in found.text
    assert "always naming the most frequent class" in found.text


def test_a_study_of_which_nothing_has_finished(copy):
    for path in (copy / "runs").glob("*/result.json"):
        path.unlink()
    found = Page(report.write(copy).read_text(encoding="utf-8"))
    assert "No verdict: no run has finished." in found.text
    assert "18 runs of 19 did not finish" in found.text


def test_a_study_without_anything_optional(copy):
    for name in ("findings.json", "baselines.json"):
        (copy / name).unlink()
    for path in (copy / "runs").glob("*"):
        (path / "history.jsonl").unlink(missing_ok=True)
        (path / "mistakes.jsonl").unlink(missing_ok=True)
    found = Page(report.write(copy).read_text(encoding="utf-8"))
    assert "Convergence" not in found.text
    assert "trivial baseline," not in found.text


def test_many_classes_are_a_picture_and_a_list(copy):
    size = 40
    matrix = (np.eye(size, dtype=int) * 5 + np.eye(size, k=1, dtype=int)).tolist()
    classes = [f"class {i}" for i in range(size)]
    per_class = {
        name: {"precision": 0.5, "recall": float("nan"), "f1": i / size, "support": 6}
        for i, name in enumerate(classes)
    }
    for run in report.summarize(copy).board.choices[0].best.runs:
        rewrite(
            run.folder / "result.json",
            confusion={"classes": classes, "matrix": matrix},
            per_class={**per_class, "extra": per_class["class 1"]},
        )
    found = Page(report.write(copy).read_text(encoding="utf-8"))
    assert "class 0" in found.text
    assert "1 more are in each run" in found.text
    assert "times" in found.text


def test_the_bars_of_rates_above_one_stay_in_their_cells(copy):
    """Word error rates are above 1 where many words are added."""
    rates = {
        name: {"precision": 0.5, "recall": 0.5, "f1": rate, "support": 6}
        for name, rate in {"short": 4.0, "long": 1.0, "none": 0.0}.items()
    }
    for run in report.summarize(copy).board.choices[0].best.runs:
        rewrite(run.folder / "result.json", per_class=rates)
    html = report.write(copy).read_text(encoding="utf-8")
    assert re.findall(r'class="track"><i style="width: (\d+)%', html) == ["100", "25", "0"]


def test_frozen_weights_that_changed_are_shouted(copy):
    path = next(
        p
        for p in (copy / "runs").glob("*/result.json")
        if json.loads(p.read_text())["technique"] == "feature-extraction"
    )
    rewrite(path, frozen={"tensors": 2, "unchanged": False, "phases": []})
    found = Page(report.write(copy).read_text(encoding="utf-8"))
    assert (
        "Frozen weights changed during training with feature-extraction: do not trust these rows."
        in found.text
    )
    assert "✗ changed" in found.text


def test_colors_are_stable_over_figures(study):
    board = report.summarize(study).board
    colors = figures.palette(board)
    assert colors["from-scratch"].color == "var(--control)"
    assert len({(series.color, series.marker) for series in colors.values()}) == len(colors)


def test_trainings_of_very_different_length_share_a_logarithmic_axis(copy):
    board = report.summarize(copy).board
    assert (
        "logarithmic" not in figures.convergence(board, board.rows, figures.palette(board))[0].svg
    )
    run = next(run for run in board.study.runs if run.result)
    line = json.loads((run.folder / "history.jsonl").read_text().splitlines()[-1])
    files.write_text(
        run.folder / "history.jsonl",
        "".join(json.dumps({**line, "epoch": e}) + "\n" for e in (0, 1, 300)),
    )
    board = report.summarize(copy).board
    assert (
        "epochs (logarithmic)"
        in figures.convergence(board, board.rows, figures.palette(board))[0].svg
    )


def test_the_pareto_front_by_hand():
    points = [(1, 0.5), (2, 0.9), (2, 0.8), (3, 0.9), (4, 0.95), (0.5, 0.2)]
    assert figures.pareto(points) == [5, 0, 1, 4]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (83.2, 97.1), (0, 3000), (0.93, 0.94)])
def test_linear_ticks_are_few_round_and_inside(low, high):
    ticks = linear([low, high], 0, 100).ticks()
    assert 3 <= len(ticks) <= 7
    assert all(low - 0.1 * (high - low) <= tick <= high + 0.1 * (high - low) for tick in ticks)


@pytest.mark.parametrize(("low", "high"), [(0.01, 700), (20, 60), (3, 3), (40, 55)])
def test_logarithmic_ticks_are_few_and_inside(low, high):
    scale = logarithmic([low, high], 0, 100)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 9
    assert all(0 <= scale(tick) <= 100 for tick in ticks)


def test_scales_map_their_ends():
    assert Scale(2, 4, 10, 20)(3) == 15
    assert Scale(1, 100, 0, 10, log=True)(10) == pytest.approx(5)
    assert linear([5, 5], 0, 10)(5) == pytest.approx(5)
