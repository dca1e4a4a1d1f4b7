"""Pascal VOC's masks: lists of splits, palettes, borders, names, and boxes in the same folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.data.load import read
from graft.data.masks.open import open_mask
from graft.data.masks.voc_classes import CLASSES, palette_color
from tests.unit.data.test_coco import draw
from tests.unit.data.test_pascal_voc import write

MASK = np.array([[0, 15, 15, 255], [0, 15, 255, 8]], np.uint8).repeat(10, 0).repeat(10, 1)
"""Background, a person, a cat, and a border; 40 x 20 pixels."""
LISTS = "ImageSets/Segmentation"


def save_mask(file: Path, numbers: np.ndarray = MASK) -> None:
    """A mask with VOC's palette."""
    image = Image.fromarray(numbers)
    image.putpalette([value for number in range(256) for value in palette_color(number)])
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Seven pictures, of which three have masks and two of these are in a list."""
    for name in "abcdefg":
        draw(tmp_path / "JPEGImages" / f"{name}.jpg", (40, 20))
    for name in "abc":
        save_mask(tmp_path / "SegmentationClass" / f"{name}.png")
        save_mask(tmp_path / "SegmentationObject" / f"{name}.png", (MASK > 0).astype(np.uint8))
    (tmp_path / LISTS).mkdir(parents=True)
    for split, names in (("train", "a"), ("val", "b"), ("trainval", "a\nb")):
        (tmp_path / LISTS / f"{split}.txt").write_text(f"{names}\n")
    return tmp_path


def splits_of(data) -> dict[str, list[str]]:
    return {split: [sample.id for sample in part] for split, part in data.splits.items()}


def test_lists_of_names_are_splits_and_255_is_ignored(voc: Path) -> None:
    data = read(voc)
    assert (data.format, data.classes) == ("mask-folders", ["0", "8", "15"])
    assert splits_of(data) == {"train": ["JPEGImages/a.jpg"], "val": ["JPEGImages/b.jpg"]}
    mask = open_mask(data.splits["train"][0].roles["mask"], data.classes, "a")
    assert mask[::10, ::10].tolist() == [[0, 2, 2, 255], [0, 2, 255, 1]]
    assert any("no list in ImageSets/Segmentation names them" in note for note in data.notes)


def test_the_folder_around_it_is_read_too(voc: Path) -> None:
    around = voc.parent / "around"
    (around / "VOCdevkit").mkdir(parents=True)
    voc.rename(around / "VOCdevkit" / "VOC2012")
    assert set(splits_of(read(around / "VOCdevkit"))) == {"train", "val"}


def test_classes_have_the_names_of_voc_if_its_lists_of_them_are_there(voc: Path) -> None:
    (voc / "ImageSets" / "Main").mkdir()
    for name in CLASSES:
        (voc / "ImageSets" / "Main" / f"{name}_train.txt").write_text("a  1\n")
    data = read(voc)
    assert len(data.classes) == 21 and {"background", "person", "tvmonitor"} <= set(data.classes)
    assert any(note.startswith("ImageSets/Main names the classes") for note in data.notes)
    mask = open_mask(data.splits["train"][0].roles["mask"], ["background", "cat", "person"], "a")
    assert mask[::10, ::10].tolist() == [[0, 2, 2, 255], [0, 2, 255, 1]]
    (voc / "classes.json").write_text('{"nothing": 0, "somebody": 15, "pet": 8}')
    assert set(read(voc).classes) == {"nothing", "somebody", "pet"}


def test_a_file_of_the_palette_names_classes_and_the_border_is_ignored(voc: Path) -> None:
    lines = ["background:0,0,0::", "person:192,128,128::", "cat:64,0,0::"]
    (voc / "labelmap.txt").write_text("\n".join(lines))
    data = read(voc)
    mask = open_mask(data.splits["train"][0].roles["mask"], ["background", "cat", "person"], "a")
    assert mask[::10, ::10].tolist() == [[0, 2, 2, 255], [0, 2, 255, 1]]


def test_a_name_without_a_mask_is_an_error(voc: Path) -> None:
    (voc / LISTS / "val.txt").write_text("b\nd\n")
    with pytest.raises(DataError, match=r"val\.txt names 'd', and there is no mask of that name"):
        read(voc)
    assert len(splits_of(read(voc, labels=False))["all"]) == 7


def test_beside_boxes_the_task_or_the_format_says_what_is_read(voc: Path) -> None:
    for name in "abcdefg":
        write(voc / "Annotations" / f"{name}.xml", (1, 2, 11, 18), size=(40, 20))
    boxes, masks = read(voc), read(voc, kinds=["masks"])
    assert (boxes.format, boxes.kind) == ("pascal-voc", "boxes")
    assert any("pass --format mask-folders" in note for note in boxes.notes)
    assert (masks.format, masks.kind) == ("mask-folders", "masks")
    assert any("pass --format pascal-voc" in note for note in masks.notes)
    assert read(voc, format="mask-folders").kind == "masks"
    assert read(voc, kinds=["boxes"]).format == "pascal-voc"
