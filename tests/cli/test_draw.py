"""Predictions drawn on their pictures, from the command line: boxes, and masks with a legend."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from graft.base import plugins
from graft.base.colors import class_color
from graft.cli.main import app
from graft.data.images.draw import SMALL
from graft.tasks.task import Task
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused


def fit(folder: Path, task: str, format: str, *options: str) -> Path:
    """A short training on the tiny data of a task, in files of a format beside the run."""
    made: type[Task] = plugins.load("task", task.partition(":")[0])
    plugins.load("format", format)().write_tiny(made.tiny_data(), folder / "data")
    words = ["fit", str(folder / "data"), "--task", task, "-b", "tiny:cnn", "-o"]
    done = CliRunner().invoke(app, [*words, str(folder / "run"), "-q", *options])
    assert done.exit_code == 0, done.output
    return folder / "run"


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masks")
    options = ("-t", "full-fine-tuning", "--epochs", "4")
    return fit(folder, "semantic-segmentation:size=64", "mask-folders", *options)


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boxes")
    options = ("-t", "full-fine-tuning", "--epochs", "1")
    return fit(folder, "object-detection:head=yolox,size=64", "coco", *options)


def opened(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.convert("RGB")


def colors(image: Image.Image) -> set[tuple[int, ...]]:
    return {tuple(map(int, color)) for color in np.asarray(image).reshape(-1, 3)}


def test_masks_are_drawn_over_their_pictures_with_a_legend_below(graft: Graft, masks: Path) -> None:
    files = sorted((masks.parent / "data/test/images").iterdir())
    done = graft("predict", masks, *files, "--draw", "drawn", "--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    colors_of = {name: class_color(n) for n, name in enumerate(("background", "blue", "red"))}
    for file, row in zip(files, rows, strict=True):
        drawn = opened(Path("drawn", f"{file.stem}.png"))
        shown = [each["label"] for each in row["prediction"]["classes"]]
        named = {colors_of[name] for name in shown if name != "background"}
        assert drawn.width == SMALL, "small pictures are enlarged"
        legend = drawn.crop((0, SMALL, *drawn.size))
        assert colors(legend) & set(colors_of.values()) == named
    assert_refused(graft("predict", masks, files[0], "--draw", "drawn"), "Name another folder")


def test_boxes_are_drawn_over_their_pictures(graft: Graft, boxes: Path) -> None:
    files = sorted((boxes.parent / "data/images/test").iterdir())
    done = graft("predict", boxes, *files, "--draw", "drawn", "--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert {path.stem for path in Path("drawn").iterdir()} == {file.stem for file in files}
    for file, row in zip(files, rows, strict=True):
        drawn = opened(Path("drawn", f"{file.stem}.png"))
        with Image.open(file) as picture:
            assert drawn.size == tuple(5 * side for side in picture.size)
        assert bool(row["prediction"]) == bool({class_color(0), class_color(1)} & colors(drawn))
