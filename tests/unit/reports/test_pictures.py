"""The report of a study of detected boxes: curves, a background among the classes, pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.base import files
from graft.base.errors import FolderError
from graft.base.evidence import Confusion, Details, Table, best_and_worst
from graft.base.records import Sample
from graft.metrics import detection
from graft.metrics.detection import METRICS, ap, ap50
from graft.metrics.intervals import interval
from graft.metrics.metric import plain_term
from graft.reports import details, report
from graft.studies.records import read_result
from graft.tasks.pictures.show import SIDE, draw_boxes_of, show_beside
from graft.tasks.task import objects
from tests.unit.reports.test_report import Page

CLASSES = ("car", "bicycle", "<b>person</b>")
DATA = {"path": "street", "hash": "d1", "options": {}}
QUALITY = {"from-scratch": (14, 0.5), "lora": (8, 0.75), "full-fine-tuning": (4, 0.9)}
"""Technique -> by how many pixels its boxes are off, and how many objects it finds."""
PICTURES = 40
WIDTH, HEIGHT = 640, 400


def draw_truth(rng: np.random.Generator) -> dict:
    count = int(rng.integers(1, 6))
    corner = rng.uniform(0, (WIDTH - 80, HEIGHT - 80), (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(30, 160, (count, 2))], axis=1)
    return {"boxes": boxes.round(), "classes": rng.integers(0, 3, count)}


def detect(truth: dict, technique: str, rng: np.random.Generator) -> dict:
    """Boxes near those that are true, some of another class, and some of nothing."""
    off, share = QUALITY[technique]
    seen = rng.random(len(truth["boxes"])) < share
    others = draw_truth(rng)["boxes"][: rng.integers(0, 3)]
    near = truth["boxes"][seen] + rng.normal(0, off, (seen.sum(), 4))
    named = np.where(rng.random(seen.sum()) < share, truth["classes"][seen], 0)
    return {
        "boxes": np.concatenate([near, others]),
        "classes": np.concatenate([named, rng.integers(0, 3, len(others))]).astype(int),
        "scores": np.concatenate(
            [rng.uniform(0.4, 1, len(near)), rng.uniform(0, 0.7, len(others))]
        ),
    }


def objects_of(image: dict) -> list[dict]:
    scores = image.get("scores", [None] * len(image["boxes"]))
    return [
        {"label": CLASSES[number], "box": box.tolist()} | ({} if sure is None else {"score": sure})
        for box, number, sure in zip(image["boxes"], image["classes"], scores, strict=True)
    ]


def write_boxes_study(folder: Path) -> Path:
    """A study as training leaves it: three seeds of three techniques, on the same pictures."""
    rng = np.random.default_rng(0)
    targets = objects([draw_truth(rng) for _ in range(PICTURES)])
    names = []
    for technique in QUALITY:
        for seed in range(3):
            own = np.random.default_rng([seed, len(names)])
            scores = objects([detect(image, technique, own) for image in targets])
            names.append(f"{len(names):016x}")
            write_run(folder / "runs" / names[-1], technique, seed, scores, targets)
    about = {"command": "graft compare street", "data": DATA, "task": "toy-boxes"}
    about |= {"techniques": list(QUALITY), "backbones": ["wheel:net"], "seeds": [0, 1, 2]}
    files.write_json(folder / "study.json", {**about, "fractions": [1.0], "runs": names})
    files.write_json(folder / "baselines.json", [])
    return folder


def details_of(scores: np.ndarray, targets: np.ndarray) -> Details:
    matrix = detection.confusion(scores, targets, len(CLASSES))
    rows = detection.per_class(scores, targets, CLASSES)
    pairs = [(scores[row : row + 1], targets[row : row + 1]) for row in range(len(targets))]
    return Details(
        Table(("class", "classes"), detection.COLUMNS, rows, detection.RANK),
        Confusion([*CLASSES, "(background)"], matrix.tolist(), note="Only listed objects count."),
        curves=detection.curves(scores, targets, CLASSES),
        galleries=best_and_worst([ap50(*pair) for pair in pairs], "AP50 alone"),
    )


def write_run(
    folder: Path, technique: str, seed: int, scores: np.ndarray, targets: np.ndarray
) -> None:
    asked = {"task": "toy-boxes", "backbone": "wheel:net", "technique": technique, "seed": seed}
    files.write_json(
        folder / "spec.json", {**asked, "hash": folder.name, "data": DATA, "fraction": 1.0}
    )
    rows = [
        {"split": "test", "id": f"{i:03}", "group": f"{i:03}", "target": objects_of(true)}
        | {"prediction": objects_of(guess), "terms": json.dumps(plain_term(term))}
        for i, (guess, true, term) in enumerate(
            zip(scores, targets, ap.terms(scores, targets), strict=True)
        )
    ]
    files.write(
        folder / "predictions.parquet",
        lambda part: pd.DataFrame(rows).to_parquet(part, index=False),
    )
    ends = ("value", "low", "high")
    test = {
        name: dict(zip(ends, interval(metric, scores, targets), strict=True))
        for name, metric in METRICS.items()
    }
    shown = details_of(scores, targets)
    data = {"hash": "d1", "counts": {"train": 90, "val": 20, "test": PICTURES}}
    result = {**asked, "data": {**data, "classes": list(CLASSES)}, "primary_metric": "ap"}
    result |= {"metrics": {"val": {"loss": 1.0, "ap": test["ap"]["value"]}, "test": test}}
    result |= {"selected_by": "val", "cost": {"train_seconds": 30.0 + seed}, "warnings": []}
    files.write_json(folder / "result.json", result | shown.to_json())
    line = {"epoch": 1, "train_seconds": 30.0, "val": {"ap": test["ap"]["value"]}}
    files.write_text(folder / "history.jsonl", json.dumps(line) + "\n")
    examples = [
        {"gallery": gallery.title, **example_of(row, scores[row], targets[row])}
        for gallery in shown.galleries
        for row in gallery.rows
    ]
    lines = [json.dumps(example) + "\n" for example in examples]
    files.write_text(folder / "examples.jsonl", "".join(lines))
    files.write_text(folder / "mistakes.jsonl", "".join(lines[-2:]))


def example_of(row: int, guess: dict, true: dict) -> dict:
    noise = np.random.default_rng(row).integers(0, 40, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    image = Image.fromarray(noise + 100).resize((WIDTH, HEIGHT))
    sample = Sample(f"{row:03}", {"image": np.asarray(image)})
    shown = show_beside(
        sample,
        lambda value: draw_boxes_of(sample, value, CLASSES, SIDE),
        objects_of(guess),
        objects_of(true),
        f"{len(guess['boxes'])} found, {len(true['boxes'])} there",
    )
    texts = {"target": "boxes", "prediction": "boxes", "confidence": 0.9}
    picture = {"kind": shown.kind, "preview": shown.value, "is_large": shown.is_large}
    return {"id": sample.id, **texts, "caption": shown.caption, **picture}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_boxes_study(tmp_path_factory.mktemp("boxes") / "study")


@pytest.fixture(scope="module")
def summary(study: Path) -> report.Summary:
    return report.summarize(study)


@pytest.fixture(scope="module")
def html(study: Path, summary: report.Summary) -> str:
    return report.write(study, summary).read_text(encoding="utf-8")


def test_the_terms_of_boxes_in_files_give_a_verdict(summary):
    assert summary.board.choices[0].best.cell.name == "full-fine-tuning"
    assert summary.verdict.outcome == "positive transfer"
    best = summary.board.choices[0].best
    assert best.score.low < best.score.value < best.score.high


def test_curves_have_a_panel_a_legend_and_a_line_each(html):
    page = Page(html)
    for words in ("Precision by recall", "IoU 0.5", "IoU 0.75", "By class, IoU 0.5"):
        assert words in page.text
    panels = [part for part in html.split("<svg") if 'aria-label="precision against recall' in part]
    assert [part.count("<polyline") for part in panels] == [2, 3]
    assert "<b>person</b>" in page.text, "escaped"


def test_the_background_is_a_row_and_a_column(html):
    head = html.split('aria-label="Confusion matrix"')[1].split("</thead>")[0]
    assert head.count("<th scope") == 1 + 4
    assert "(background)" in head
    rows = html.split('aria-label="Confusion matrix"')[1].split("<tbody>")[1].split("</tbody>")[0]
    assert rows.count("<tr") == 4


def test_what_the_confusions_count_is_said_below_them(html):
    assert "Only listed objects count." in html.split('aria-label="Confusion matrix"')[1]


def test_a_caption_names_the_number_after_it(html):
    assert re.search(r"found, \d there \(confidence 90&nbsp;%\)<small", html)


def test_classes_have_the_columns_of_the_task(html, study):
    text = (study / "report.md").read_text(encoding="utf-8")
    assert "| class | AP (%) | AP50 | recall | objects |" in text
    assert 'class="track"' in html


def test_best_and_worst_pictures_follow_the_mistakes(html):
    places = [html.index(f"<h2>{title}") for title in ("Most confident", "Best", "Worst")]
    assert places == sorted(places)
    assert html.count('class="mistakes large"') == 3
    assert html.count("<img") == 2 + 6 + 6
    assert "Those of the lowest AP50 alone." in html


def test_shares_of_pixels_are_written_in_per_cent(summary):
    result = read_result(summary.board.choices[0].best.runs[0].folder)
    matrix = [[1_900_000, 100_000], [0, 500]]
    confusion = {"classes": ["road", "sky"], "matrix": matrix, "form": "fraction"}
    run = SimpleNamespace(result=result | {"confusion": confusion})
    cells = details.confusion(SimpleNamespace(runs=[run]))
    assert [[cell["text"] for cell in row] for _, row in cells["rows"]] == [
        ["95.0", "5.0"],
        ["0.0", "100.0"],
    ]
    assert cells["most"] == [("100,000", "road", "sky")]


def test_of_few_examples_none_is_among_the_best_and_the_worst():
    best, worst = best_and_worst([0.5, float("nan"), 0.9, 0.1, 0.3], "quality")
    assert (best.rows, worst.rows) == ([2, 0], [3, 4])
    assert best_and_worst([0.5, float("nan")], "quality") == ()


def test_damaged_curves_are_refused(study, summary, tmp_path):
    source = summary.board.choices[0].best.runs[0].folder
    result = read_result(source)
    result["curves"][0]["lines"][0]["x"].pop()
    files.write_json(tmp_path / "result.json", result)
    with pytest.raises(FolderError, match="in 'curves' lists of different lengths"):
        read_result(tmp_path)
