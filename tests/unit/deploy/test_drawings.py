"""The files of drawn predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import BadValue, FolderError
from graft.base.records import Sample
from graft.deploy.drawings import check_draws, name_drawings, write_drawings
from tests.contracts.tiny import task_of


def samples(*values: object) -> list[Sample]:
    return [Sample(f"image:{n}", {"image": value}) for n, value in enumerate(values, 1)]


def names(*values: object) -> list[str]:
    return [path.name for path in name_drawings(Path("out"), samples(*values))]


def test_a_drawing_is_called_like_its_picture():
    assert names(Path("new/a.jpg"), "b.v2.png", np.zeros((2, 2))) == [
        "a.png",
        "b.v2.png",
        "image-3.png",
    ]


def test_pictures_of_one_name_have_drawings_of_their_own():
    paths = ("x/a.jpg", "y/A.jpg", "y/a-2.jpg", "z/a.jpg")
    assert names(*paths) == ["a.png", "A-2.png", "a-2-2.png", "a-3.png"]


def test_names_that_no_file_can_have_are_written_otherwise():
    assert names("x/öl: 5 \N{EURO SIGN}?.jpg", "x/...jpg") == ["öl-5.png", "picture.png"]


def test_no_drawing_is_overwritten(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(FolderError, match=r"has a\.png already\. Name another folder"):
        name_drawings(tmp_path, samples("new/a.jpg", "new/b.jpg"))


def test_what_has_no_place_in_a_picture_cannot_be_drawn():
    task, _ = task_of("image-classification")
    with pytest.raises(
        BadValue, match=r"in run is for image-classification.* no place in a picture"
    ):
        check_draws(task, Path("run"))


def test_each_prediction_is_drawn_to_its_file(tmp_path):
    class Painter:
        """A task of one color a picture."""

        def draw(self, sample: Sample, prediction: str) -> Image.Image:
            return Image.new("RGB", sample.roles["image"].shape[:2], prediction)

    chosen = samples(np.zeros((3, 4)), np.zeros((5, 6)))
    rows = [{"prediction": "red"}, {"prediction": "blue"}]
    paths = [tmp_path / "new" / f"{number}.png" for number in range(2)]
    write_drawings(Painter(), chosen, rows, paths)
    assert [Image.open(path).getpixel((0, 0)) for path in paths] == [(255, 0, 0), (0, 0, 255)]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["0.png", "1.png"]
