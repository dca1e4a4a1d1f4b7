"""Boxes in Pascal VOC's XML and in CVAT's: splits, what is assumed, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.data.load import read
from tests.unit.data.test_coco import boxes_of, draw

OBJECT = """<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>
<xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"""
SIZE = "<size><width>{0}</width><height>{1}</height><depth>3</depth></size>"
CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>
<image id="0" name="a.png" width="40" height="30" subset="train">
<box label="fox" xtl="1" ytl="2" xbr="11" ybr="22" occluded="0"/>
<polygon label="owl" points="3,4;9,4;9,10.5"/><points label="eye" points="3,4"/></image>
<image id="1" name="b.png" width="40" height="30" subset="val"/></annotations>"""


def write(file: Path, *boxes: tuple, size: tuple | None = (40, 30), name: str = "fox", difficult=0):
    """An XML file with these boxes."""
    objects = (OBJECT.format(*box, name=name, difficult=difficult) for box in boxes)
    about = "" if size is None else SIZE.format(*size)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"<annotation><filename>x.png</filename>{about}{''.join(objects)}</annotation>")


def test_a_picture_beside_its_xml_or_in_the_folder_of_pictures(tmp_path: Path) -> None:
    for folder, other in (("images", "annotations"), ("all", "all"), ("JPEGImages", "Annotations")):
        top = tmp_path / folder
        draw(top / folder / "a.png")
        write(top / other / "a.xml", (1, 2, 11, 22))
        data = read(top)
        assert data.format == "pascal-voc" and boxes_of(data)["a.png"][0].box == (1, 2, 11, 22)


@pytest.mark.parametrize("lists", ["", "ImageSets/Main", "lists"])
def test_splits_are_lists_of_names(tmp_path: Path, lists: str) -> None:
    for name in "abcd":
        draw(tmp_path / "images" / f"{name}.png")
        write(tmp_path / "annotations" / f"{name}.xml", (1, 2, 11, 22))
    (tmp_path / lists).mkdir(parents=True, exist_ok=True)
    (tmp_path / lists / "train.txt").write_text("a\nb  1\n")
    (tmp_path / lists / "test.txt").write_text("images/c.png\n")
    data = read(tmp_path)
    assert {split: [s.id for s in part] for split, part in data.splits.items()} == {
        "train": ["images/a.png", "images/b.png"],
        "test": ["images/c.png"],
    }
    assert "1 file left out, no list names them: images/d.png." in data.notes
    (tmp_path / lists / "test.txt").write_text("a\n")
    with pytest.raises(DataError, match=r"'a' is in two lists, .*t(rain|est)\.txt and"):
        read(tmp_path)
    (tmp_path / lists / "test.txt").write_text("zebra\n")
    with pytest.raises(DataError, match="names 'zebra', and there is no XML of that name"):
        read(tmp_path)


def test_splits_are_folders(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        draw(tmp_path / split / "a.png")
        write(tmp_path / split / "a.xml", (1, 2, 11, 22))
    assert {split: part[0].id for split, part in read(tmp_path).splits.items()} == {
        "train": "train/a.png",
        "val": "valid/a.png",
    }


def test_what_is_assumed_of_the_first_pixel_is_said(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    write(tmp_path / "a.xml", (1, 2, 40, 30))
    words = "The edges in the XML are read as distances from the upper left corner"
    assert any(note.startswith(words) for note in read(tmp_path).notes)
    write(tmp_path / "a.xml", (0, 2, 39, 30))
    assert not any(note.startswith(words) for note in read(tmp_path).notes)


def test_difficult_objects_are_objects(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    write(tmp_path / "a.xml", (0, 2, 11, 22), difficult=1)
    data = read(tmp_path)
    assert not boxes_of(data)["a.png"][0].is_crowd
    assert any(note.startswith("Objects marked as difficult") for note in data.notes)


@pytest.mark.parametrize(
    ("boxes", "more", "words"),
    [
        ([(1, 2, "x", 22)], {}, r"edge that is not a finite number: .* 1 \(1, 2, x, 22\)"),
        ([(11, 2, 1, 22)], {}, r"whose right edge is left of the left one"),
        ([(50, 2, 60, 22)], {}, r"outside of their picture: 1 of 1, a.xml: object 1"),
        ([(1, 2, 11, 22)], {"name": ""}, r"without a known class: 1 of 1, a.xml: object 1"),
        ([(1, 2, 11, 22)], {"size": (80, 60)}, r"another size than in the annotation"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_an_error(tmp_path: Path, boxes, more, words) -> None:
    draw(tmp_path / "a.png")
    write(tmp_path / "a.xml", *boxes, **more)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_a_missing_picture_and_damaged_xml_are_errors(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    write(tmp_path / "a.xml", (1, 2, 11, 22), size=None)
    write(tmp_path / "b.xml", (1, 2, 11, 22))
    with pytest.raises(DataError, match=r"names are not there: 1 of 2, x\.png"):
        read(tmp_path)
    (tmp_path / "b.xml").write_text("<annotation><object>")
    with pytest.raises(DataError, match=r"b\.xml is not valid XML"):
        read(tmp_path)


def test_two_files_of_one_picture_are_both_named(tmp_path: Path) -> None:
    draw(tmp_path / "x.png")
    write(tmp_path / "a.xml", (1, 2, 11, 22))
    write(tmp_path / "b.xml", (1, 2, 5, 6))
    with pytest.raises(DataError, match=r"Two XML files describe x\.png: a\.xml and b\.xml"):
        read(tmp_path)


def test_cvat(tmp_path: Path) -> None:
    draw(tmp_path / "images" / "a.png")
    draw(tmp_path / "images" / "b.png")
    (tmp_path / "annotations.xml").write_text(CVAT)
    data = read(tmp_path)
    assert data.format == "cvat" and list(data.splits) == ["train", "val"]
    fox, owl = boxes_of(data)["a.png"]
    assert (fox.box, owl.box) == ((1, 2, 11, 22), (3, 4, 9, 10.5))
    assert owl.outline == ((3, 4, 9, 4, 9, 10.5),) and boxes_of(data)["b.png"] == ()
    assert any(
        "neither boxes nor polygons were left out: 1, points of eye" in note for note in data.notes
    )
    (tmp_path / "annotations.xml").write_text("<annotations><track/></annotations>")
    with pytest.raises(DataError, match="holds tracks of a video"):
        read(tmp_path)


def test_a_turned_box_of_cvat_has_the_box_around_it(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    shape = '<box label="fox" xtl="10" ytl="10" xbr="20" ybr="14" rotation="90"/>'
    entry = f'<image name="a.png" width="40" height="30">{shape}</image>'
    (tmp_path / "cvat.xml").write_text(f"<annotations>{entry}</annotations>")
    (box,) = boxes_of(read(tmp_path))["a.png"]
    assert box.box == (13, 7, 17, 17)
    (tmp_path / "cvat.xml").write_text(f"<annotations>{entry * 2}</annotations>")
    with pytest.raises(DataError, match=r"two entries for one picture: a\.png"):
        read(tmp_path)
