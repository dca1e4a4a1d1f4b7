"""The benchmarks refuse unknown names, and give all sides of a comparison the same samples."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from graft.base.errors import UnknownName
from graft.base.records import LabeledBox, Sample
from graft.data.masks.coding import Coding
from graft.data.masks.open import Mask

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
COLORS = {"background": (0, 0, 0), "leaf": (0, 176, 0)}


@pytest.fixture
def speed(monkeypatch):
    """The benchmark of speed, beside which the scripts of the peers can be imported."""
    monkeypatch.syspath_prepend(str(BENCHMARKS / "peers"))
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("speed")


@pytest.mark.parametrize(
    ("name", "words", "near"),
    [
        ("quality", ["--only", "sst2", "hymenopetra"], "hymenoptera"),
        ("speed", ["--rows", "features-cat_dogs"], "features-cats_dogs"),
        ("speed", ["--rows", "partial", "--peers", "plain-pytorch"], "plain_pytorch"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(name, words, near, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module(name)
    shutil.copy(BENCHMARKS / f"{name}.md", tmp_path)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *words, "--print", "--out", str(tmp_path / "out")])
    before = (tmp_path / f"{name}.md").read_text()
    with pytest.raises(UnknownName, match=near):
        module.main()
    assert (tmp_path / f"{name}.md").read_text() == before


@pytest.mark.parametrize("role", ["label", "boxes", "mask"])
def test_a_target_that_went_through_json_is_the_same(role, speed, tmp_path):
    ours, measure = (importlib.import_module(name) for name in ("ours", "measure"))
    Image.new("RGB", (4, 2), COLORS["leaf"]).save(tmp_path / "mask.png")
    colors = tuple((color, name) for name, color in COLORS.items())
    targets = {
        "label": "leaf",
        "boxes": (LabeledBox("leaf", (1.5, 0.0, 4.0, 2.0)), LabeledBox("background", (0, 0, 1, 1))),
        "mask": Mask(tmp_path / "mask.png", Coding(colors=colors, origin="the task")),
    }
    sample = Sample("a", {"image": tmp_path / "picture.png", role: targets[role]})
    sent = json.loads(json.dumps(speed.target_of(sample, list(COLORS))))
    about = {"classes": list(COLORS), "colors": list(COLORS.values())}
    task = measure.Task("features", "image", weights="", folder="", seed=0, **about)
    assert ours.labeled(task, sent) == {role: targets[role]}


def test_the_table_names_the_metric_of_its_task(speed):
    row = next(each for each in speed.ROWS if each.name == "frozen-unet")
    about = {"row": row.name, "side": "ours", "script": "ours", "run": 0, "counts": {}}
    times = {"seconds": 2.0, "whole_seconds": 3.0, "load_seconds": 1.0, "peak_mb": 10.0}
    result = {**about, **times, "quality": 0.75, "rate": 1.0, "notes": "bf16", "versions": {}}
    head, _, line, *_ = (text for text in speed.table(row, [result]) if text.startswith("|"))
    assert "| mIoU |" in head
    assert "| 0.750 |" in line
