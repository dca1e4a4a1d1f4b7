"""Boxes in YOLO's lines of numbers: where the files lie, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.data.load import load_data, read
from tests.unit.data.test_coco import boxes_of, draw

ROW = "0 0.5 0.5 0.25 0.2\n"
"""Of a picture of 40 x 30: from 15, 12 to 25, 18."""


def put(folder: Path, *places: str, rows: str = ROW) -> None:
    """A picture and its label file at each of these places: `train/images/a`."""
    for place in places:
        draw(folder / f"{place}.png")
        label = folder / f"{place.replace('images', 'labels')}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(rows)


@pytest.mark.parametrize(
    ("places", "train"),
    [
        (("train/images/a", "valid/images/a"), "../train/images"),
        (("images/train/a", "images/val/a"), "images/train"),
        (("images/train/a", "images/val/a"), "/content/set/images/train"),
        (("images/train/a", "images/val/a"), "/nowhere/at/all"),
    ],
)
def test_the_paths_of_the_data_file_may_lead_nowhere(tmp_path: Path, places, train) -> None:
    put(tmp_path, *places)
    val = train.replace("train", "valid" if places[0].startswith("train") else "val")
    (tmp_path / "data.yaml").write_text(f"train: {train}\nval: {val}\nnc: 1\nnames: ['fox']\n")
    for path in (tmp_path, tmp_path / "data.yaml"):
        data = read(path)
        assert data.format == "yolo" and data.classes == ["fox"]
        assert {split: len(part) for split, part in data.splits.items()} == {"train": 1, "val": 1}
        assert data.splits["train"][0].roles["boxes"][0].box == (15, 12, 25, 18)
    is_exact = train == "images/train"
    assert is_exact or any("data.yaml says" in note for note in data.notes)


def test_names_as_a_dict_and_lists_of_pictures(tmp_path: Path) -> None:
    put(tmp_path, "images/a", "images/b", rows=ROW.replace("0 ", "1 ", 1))
    (tmp_path / "train.txt").write_text("./images/a.png\n")
    text = "path: .\ntrain: train.txt\nnames:\n  0: fox\n  1: owl\n"
    (tmp_path / "set.yaml").write_text(text)
    data = read(tmp_path)
    assert [s.id for s in data.splits["train"]] == ["images/a.png"] and data.classes == ["owl"]
    assert "1 file left out, they are in no split: images/b.png." in data.notes


def test_darknet(tmp_path: Path) -> None:
    put(tmp_path, "obj_train_data/a")
    (tmp_path / "obj.data").write_text("train = data/train.txt\nnames = data/obj.names")
    (tmp_path / "obj.names").write_text("fox\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.png\n")
    data = read(tmp_path)
    assert data.classes == ["fox"] and data.splits["train"][0].id == "obj_train_data/a.png"


def test_label_files_without_a_data_file(tmp_path: Path) -> None:
    put(tmp_path, "images/a", "images/b")
    assert read(tmp_path).classes == ["0"]
    assert any("No file names the classes" in note for note in read(tmp_path).notes)
    (tmp_path / "labels" / "classes.txt").write_text("fox\nowl\n")
    assert read(tmp_path).classes == ["fox"]


def test_six_decimals_are_whole_pixels_where_they_can_be(tmp_path: Path) -> None:
    """174 to 349 of 486 pixels: 0.538066 is not 261.5 / 486, but rounds to it."""
    draw(tmp_path / "a.png", (486, 500))
    (tmp_path / "a.txt").write_text("0 0.538066 0.452000 0.360082 0.500000")
    assert boxes_of(read(tmp_path))["a.png"][0].box == (174, 101, 349, 351)


def test_a_segment_has_the_box_around_it(tmp_path: Path) -> None:
    put(tmp_path, "a", rows="0 0.25 0.5 0.75 0.5 0.5 0.8\n")
    (box,) = boxes_of(read(tmp_path))["a.png"]
    assert box.box == (10, 15, 30, 24) and box.outline == ((10, 15, 30, 15, 20, 24),)


def test_pictures_without_labels_have_no_objects(tmp_path: Path) -> None:
    put(tmp_path, "images/a", "images/b")
    (tmp_path / "labels" / "b.txt").write_text("")
    draw(tmp_path / "images" / "c.png")
    data = read(tmp_path)
    assert [len(boxes) for boxes in boxes_of(data).values()] == [1, 0, 0]
    words = "1 picture without a label file, so without objects: images/c.png."
    assert words in data.notes


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0 0.5 0.5, 0.25 0.2", r"labels/a.txt:2 \('0 0.5 0.5, 0.25 0.2' has a comma\)"),
        ("0,0.5,0.5,0.25,0.2", "has a comma"),
        ("0 0.5 0.5 0.25", "has 4 numbers"),
        ("0 0.5 0.5 0.25 0.2 0.9", "has six numbers: a prediction with its confidence"),
        ("0 0.5 0.5 0.25 0.2 0.9 0.1 0.2", "has 8 numbers: a segment is"),
        ("fox 0.5 0.5 0.25 0.2", "holds something else than numbers"),
        ("3 0.5 0.5 0.25 0.2", "is of the class 3, and the classes are 0 = fox, 1 = owl"),
        ("0 20 15 10 6", "is in pixels or per cent, not in shares"),
        ("0 0.5 0.5 -0.25 0.2", "whose right edge is left of the left one"),
        ("0 0.5 nan 0.25 0.2", "an edge that is not a finite number"),
    ],
)
def test_a_row_that_is_no_box_is_named(tmp_path: Path, row: str, words: str) -> None:
    put(tmp_path, "images/a", rows=f"{ROW}{row}\n")
    (tmp_path / "data.yaml").write_text("names: [fox, owl]")
    with pytest.raises(DataError, match=words):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("names: fox", "names must name each class, .* Got 'fox'"),
        ("names: 2", "names must name each class, .* Got 2"),
        ("names: [fox, ~]", r"names must name each class, .* Got \['fox', None\]"),
        ("names: {fox: 0}", "names must name each class"),
        ("names: [fox, owl", r"data\.yaml is not valid YAML: .* Fix or remove it"),
    ],
)
def test_names_that_name_no_classes_are_errors(tmp_path: Path, text: str, words: str) -> None:
    put(tmp_path, "images/a")
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_numbers_of_one_name_are_one_class_and_noted(tmp_path: Path) -> None:
    put(tmp_path, "images/a", rows=f"{ROW}1 0.5 0.5 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text("names: [fox, fox]")
    data = read(tmp_path)
    assert data.classes == ["fox"]
    assert "data.yaml gives several numbers to one class: fox (0, 1)." in data.notes


def test_labels_without_pictures_and_a_wrong_number_of_names_are_errors(tmp_path: Path) -> None:
    put(tmp_path, "images/a")
    (tmp_path / "labels" / "lost.txt").write_text(ROW)
    with pytest.raises(DataError, match=r"Label files without a picture: 1, labels/lost\.txt"):
        read(tmp_path)
    (tmp_path / "labels" / "lost.txt").unlink()
    (tmp_path / "data.yaml").write_text("nc: 2\nnames: [fox]")
    with pytest.raises(DataError, match="says nc: 2, and names 1 classes"):
        read(tmp_path)


def test_copies_of_one_photograph_are_cut_together(tmp_path: Path) -> None:
    """Roboflow's names of three copies of each of ten photographs."""
    put(tmp_path, *(f"images/p{i}.rf.{copy}{i}" for i in range(10) for copy in "xyz"))
    data = load_data(tmp_path)
    groups = {split: {s.roles["group"] for s in part} for split, part in data.splits.items()}
    assert len(groups["train"] | groups["val"] | groups["test"]) == 10
    assert not groups["train"] & groups["test"] and not groups["train"] & groups["val"]
    assert any("30 pictures are copies of 10 photographs" in note for note in data.notes)
