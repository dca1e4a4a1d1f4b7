"""The figures of the report in a notebook: what is drawn, what is saved, and what cannot be."""

from __future__ import annotations

import base64
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

import graft
from graft.api import open_study
from graft.base import files
from graft.base.errors import BadValue, FolderError
from graft.reports import report
from graft.results import Run, Study
from tests.unit.reports.test_report import Page, rewrite

IMAGE = re.compile(r'src="data:image/svg\+xml;base64,([^"]+)"')


@pytest.fixture(scope="module")
def opened(study, tmp_path_factory) -> Study:
    return open_study(shutil.copytree(study, tmp_path_factory.mktemp("plot") / "study"))


@pytest.fixture(scope="module")
def run(opened) -> Run:
    folder = next((opened.folder / "runs").iterdir())
    return Run(folder, json.loads((folder / "result.json").read_text()))


def images(html: str) -> list[ElementTree.Element]:
    """The images of a part of the page, each of which must be a document of its own."""
    return [ElementTree.fromstring(base64.b64decode(data)) for data in IMAGE.findall(html)]


@pytest.mark.parametrize(
    ("draw", "figures"),
    [
        (graft.plot.learning_curves, 2),
        (graft.plot.quality_and_time, 1),
        (graft.plot.data_efficiency, 1),
    ],
)
def test_figures_are_those_of_the_report(draw, figures, opened) -> None:
    drawing = draw(opened)
    page = opened.report.read_text(encoding="utf-8")
    assert len(drawing.figures) == figures
    assert all(svg in page for _, svg in drawing.figures)
    assert len(images(drawing._repr_html_())) == figures + len(drawing.legend)


@pytest.mark.parametrize("draw", [graft.plot.leaderboard, graft.plot.confusion])
def test_tables_are_those_of_the_report(draw, opened) -> None:
    shown = Page(draw(opened)._repr_html_()).text
    page = "".join(Page(opened.report.read_text(encoding="utf-8")).text.split())
    assert "".join(shown.split()) in page


def test_a_study_is_shown_with_its_verdict_and_a_run_with_its_baselines(opened, run) -> None:
    assert Page(opened._repr_html_()).text.count(opened.verdict.sentences[0][:40]) == 1
    shown = Page(run._repr_html_()).text
    assert run.result["technique"] in shown
    assert "Difference to the control" not in shown


def test_a_run_and_a_study_are_a_line_in_a_terminal(opened, run) -> None:
    assert repr(opened) == f"Study({str(opened.folder)!r}, 19 runs, {opened.verdict.outcome})"
    assert repr(run).startswith(f"Run({str(run.folder)!r}, {run.result['technique']} of ")
    assert repr(graft.plot.leaderboard(run)) == "Drawing('Leaderboard')"
    assert len(repr(run)) < 100 + len(str(run.folder))


def test_words_of_the_data_are_escaped(opened) -> None:
    html = graft.plot.confusion(opened)._repr_html_()
    assert "&lt;8 &amp; 9&gt;" in html
    assert "<8 & 9>" not in html


def test_a_folder_does_as_well_as_a_study(opened) -> None:
    by_name = graft.plot.leaderboard(str(opened.folder))
    assert by_name == graft.plot.leaderboard(opened)


def test_an_image_holds_all_figures_and_the_legend(opened, tmp_path) -> None:
    drawing = graft.plot.learning_curves(opened)
    root = ElementTree.parse(drawing.save(tmp_path / "curves.svg")).getroot()
    inside = root.iter("{http://www.w3.org/2000/svg}svg")
    assert len(list(inside)) == 1 + len(drawing.figures) + len(drawing.legend)


def test_a_page_holds_the_part_alone(opened, tmp_path) -> None:
    drawing = graft.plot.leaderboard(opened)
    page = drawing.save(tmp_path / "leaderboard.html").read_text(encoding="utf-8")
    assert Page(page).tags.count("html") == 1
    assert drawing.html in page


@pytest.mark.parametrize("name", ["board.png", "board.svg"])
def test_a_table_is_saved_as_a_page_alone(name, opened, tmp_path) -> None:
    with pytest.raises(BadValue, match="since it is a table"):
        graft.plot.leaderboard(opened).save(tmp_path / name)


def test_one_size_of_training_data_is_no_curve(opened, tmp_path) -> None:
    folder = shutil.copytree(opened.folder, tmp_path / "study")
    for spec in folder.glob("runs/*/spec.json"):
        if json.loads(spec.read_text())["fraction"] < 1:
            shutil.rmtree(spec.parent)
    about = json.loads((folder / "study.json").read_text())
    left = [name for name in about["runs"] if (folder / "runs" / name).exists()]
    rewrite(folder / "study.json", runs=left)
    with pytest.raises(BadValue, match="one size"):
        graft.plot.data_efficiency(folder)


def test_a_single_run_has_no_trade_off(run, tmp_path) -> None:
    with pytest.raises(BadValue, match=r"graft\.compare"):
        graft.plot.quality_and_time(run)


def test_a_run_without_history_has_no_curves(run, tmp_path) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "run")
    files.write_text(folder / "history.jsonl", "")
    with pytest.raises(BadValue, match="no run was measured after an epoch"):
        graft.plot.learning_curves(folder)


def test_numbers_have_no_confusions(run, tmp_path) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "run")
    result = json.loads((folder / "result.json").read_text())
    files.write_json(
        folder / "result.json", {key: result[key] for key in result if key != "confusion"}
    )
    with pytest.raises(BadValue, match="no single class"):
        graft.plot.confusion(folder)


def test_a_folder_that_is_no_study_is_named(tmp_path) -> None:
    with pytest.raises(FolderError, match="neither a study nor a run"):
        graft.plot.leaderboard(tmp_path)


def test_something_else_is_refused() -> None:
    with pytest.raises(BadValue, match="results must be a path"):
        graft.plot.leaderboard(np.zeros(3))


def test_many_classes_are_one_image(opened, tmp_path) -> None:
    folder = shutil.copytree(opened.folder, tmp_path / "study")
    classes = [f"class {i}" for i in range(20)]
    for path in folder.glob("runs/*/result.json"):
        rewrite(path, confusion={"classes": classes, "matrix": np.eye(20, dtype=int).tolist()})
    (matrix,) = images(graft.plot.confusion(folder)._repr_html_())
    assert matrix.get("viewBox") == "0 0 20 20"
    assert report.summarize(folder)


def test_the_model_of_a_study_is_that_of_the_selected_technique(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = [f"{word} number {i}" for i in range(12) for word in ("good fine", "bad poor")]
    data = graft.load_data((texts, ["good", "bad"] * 12))
    study = graft.compare(data, "feature-extraction", "tiny:bert", seeds=1, epochs=1)
    selected = [row for row in study.rows if row["technique"] == study.verdict.technique]
    assert study.model.folder == study.folder / "runs" / selected[0]["run"] / "model"
    assert {row["prediction"] for row in study.model.predict(texts[:2])} <= {"good", "bad"}


def test_a_study_without_a_finished_run_has_no_model(opened) -> None:
    rows = [{**row, "state": "failed"} for row in opened.rows]
    with pytest.raises(FolderError, match="has no model"):
        replace(opened, rows=rows).model  # noqa: B018
