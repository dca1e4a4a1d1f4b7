"""Boxes of pictures that are turned, grey, of 16 bits or of one pixel; one set in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base import plugins
from graft.base.errors import DataError
from graft.base.records import LabeledBox, Sample
from graft.data.data import Data
from graft.data.images.open import open_image, read_header
from graft.data.load import read
from tests.unit.data.test_coco import boxes_of, draw, write
from tests.unit.data.test_real import shared

MARK = (200, 30, 40)
EXACT = [(3, 2, 10, 8), (0, 0, 1, 1), (12.5, 6.25, 20, 24)]


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_header_says_the_size_of_the_upright_picture(tmp_path, ending, orientation) -> None:
    file = draw(tmp_path / f"a{ending}", (40, 30), orientation)
    header = read_header(file)
    assert (header.width, header.height) == (40, 30) and header.orientation == orientation
    assert header.upright == open_image(file, "a").size
    assert read_header(file.read_bytes()) == header


@pytest.mark.parametrize("orientation", range(5, 9))
def test_boxes_on_the_stored_picture_are_turned_with_it(tmp_path: Path, orientation: int) -> None:
    """A marked rectangle of the stored picture is where its box is in the upright one."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[2:22, 1:11] = MARK
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    write(tmp_path / "a.json", ["a.png"], [{"segmentation": [[1, 2, 11, 2, 11, 22]]}])
    data = read(tmp_path)
    (box,) = boxes_of(data)["a.png"]
    left, top, right, bottom = map(int, box.box)
    upright = np.asarray(open_image(tmp_path / "a.png", "a"))
    assert (upright[top:bottom, left:right] == MARK).all() and (upright == MARK).all(
        -1
    ).sum() == 200
    xs, ys = box.outline[0][::2], box.outline[0][1::2]
    assert (min(xs), min(ys), max(xs), max(ys)) == box.box
    assert any(
        "turns it, as the size in the annotation says, were turned with it: 1 of 1" in n
        for n in data.notes
    )


def test_shares_of_the_stored_picture_are_turned_with_it(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg", (40, 30), 6)
    write(tmp_path / "a.json", ["a.jpg"], [{"bbox": [0.25, 0.1, 0.5, 0.4]}])
    assert boxes_of(read(tmp_path))["a.jpg"][0].box == (15, 10, 27, 30)


def test_boxes_on_the_upright_picture_stay(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg", (40, 30), 6)
    size = {"images": [{"id": 10, "file_name": "a.jpg", "width": 30, "height": 40}]}
    write(tmp_path / "a.json", [], [{"bbox": [1, 2, 10, 30]}], **size)
    data = read(tmp_path)
    assert boxes_of(data)["a.jpg"][0].box == (1, 2, 11, 32)
    assert any("taken as drawn on the upright picture" in note for note in data.notes)


@pytest.mark.parametrize(
    ("mode", "pixels"),
    [
        ("I;16", np.full((30, 40), 4000, np.uint16)),
        ("L", np.full((30, 40), 9, np.uint8)),
        ("CMYK", np.full((30, 40, 4), 9, np.uint8)),
    ],
)
def test_pictures_of_other_modes_have_boxes_too(tmp_path: Path, mode: str, pixels) -> None:
    name = "a.tif" if mode != "CMYK" else "a.jpg"
    is_cmyk = mode == "CMYK"  # which Pillow 11 takes four channels for only if it is told so
    picture = Image.frombytes(mode, (40, 30), pixels) if is_cmyk else Image.fromarray(pixels)
    picture.save(tmp_path / name)
    write(tmp_path / "a.json", [name], [{}])
    assert boxes_of(read(tmp_path))[name][0].box == (1, 2, 11, 22)
    assert open_image(tmp_path / name, name).size == (40, 30)


def test_a_picture_of_one_pixel(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", (1, 1))
    size = {"images": [{"id": 10, "file_name": "a.png", "width": 1, "height": 1}]}
    write(tmp_path / "a.json", [], [{"bbox": [0, 0, 1, 1]}], **size)
    assert boxes_of(read(tmp_path)) == {"a.png": (LabeledBox("fox", (0, 0, 1, 1)),)}


def test_one_set_of_boxes_is_the_same_in_every_format(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 24, 20, 3), dtype=np.uint8)
    boxes = (
        tuple(LabeledBox("b a", box) for box in sorted(EXACT)),
        (),
        (LabeledBox("ö", EXACT[0]),),
    )
    samples = [
        Sample(f"{i}", {"image": image, "boxes": held})
        for i, (image, held) in enumerate(zip(pixels, boxes, strict=True))
    ]
    for name in ("coco", "pascal-voc", "yolo", "cvat", "csv", "jsonl", "parquet"):
        folder = tmp_path / name
        plugins.load("format", name)().write_tiny(Data({"train": samples}, kind="boxes"), folder)
        data = read(folder)
        parts = [sample for part in data.splits.values() for sample in part]
        assert data.format == name and [s.roles["boxes"] for s in parts] == list(boxes), name


STYLES = (
    "coco/instances_v1.json",
    "coco/instances_v2.json",
    "voc_xml",
    "yolo",
    "cvat",
    "openimages",
)


def test_five_styles_of_one_data_set_are_the_same() -> None:
    """273 boxes of 20 classes on 100 pictures of VOC 2007."""
    styles = [boxes_of(read(shared("voc100_formats") / style)) for style in STYLES]
    assert len(styles[0]) == 100 and sum(map(len, styles[0].values())) == 273
    assert all(boxes == styles[0] for boxes in styles)


def test_a_folder_of_five_styles_names_them_with_their_folders() -> None:
    folder = shared("voc100_formats")
    with pytest.raises(DataError) as error:
        read(folder)
    assert str(error.value) == (
        f"{folder} can be read in several formats: 'coco' (coco/, detections_coco/), "
        "'csv' (openimages/), 'cvat' (cvat/), 'pascal-voc' (voc_xml/), 'yolo' (yolo/). "
        f"Choose with --format cvat, or give the path of one of them, as {folder}/cvat."
    )
    assert boxes_of(read(folder, format="cvat")) == boxes_of(read(folder / "cvat"))


@pytest.mark.parametrize(
    ("name", "format", "counts", "objects", "words"),
    [
        ("bccd", "coco", (205, 87, 72), (2804, 1137, 945), ""),
        ("coco_crowds", "coco", (32, 6), (288, 136), "37 of 80 categories have no object"),
        (
            "kangaroo",
            "pascal-voc",
            (95, 30),
            None,
            "Boxes that repeat another one of their class were left out: 1 of 210",
        ),
        ("wild_animals", "coco", (129, 22, 49), (177, 39, 62), "by up to 122.61 pixels"),
        ("rubik_yolo", "yolo", (208, 20, 10), (208, 20, 10), "copies of 70 photographs"),
    ],
)
def test_real_data_are_read_as_they_are(name, format, counts, objects, words) -> None:
    data = read(shared(name))
    parts = list(data.splits.values())
    assert data.format == format and tuple(map(len, parts)) == counts
    boxes = tuple(sum(len(sample.roles["boxes"]) for sample in part) for part in parts)
    assert objects in (None, boxes)
    assert words in " ".join(data.notes)


def test_crowds_of_coco_are_kept() -> None:
    data = read(shared("coco_crowds"))
    crowds = [
        b for part in data.splits.values() for s in part for b in s.roles["boxes"] if b.is_crowd
    ]
    assert len(crowds) == 5 and all(box.outline.counts for box in crowds)
