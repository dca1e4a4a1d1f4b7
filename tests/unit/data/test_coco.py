"""Boxes in COCO's JSON: where the files lie, and what is wrong in them."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.base.records import LabeledBox, RunLengths
from graft.data.boxes.outlines import find_extent, read_run_lengths
from graft.data.boxes.pictures import PictureFiles
from graft.data.data import Data
from graft.data.load import read

A_PNG = {"id": 10, "file_name": "a.png"}


def draw(file: Path, size: tuple[int, int] = (40, 30), orientation: int = 1) -> Path:
    """A picture of this size, as it is stored, which an EXIF tag turns upright."""
    file.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    seed = zlib.crc32(file.as_posix().encode())
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, exif=exif)
    return file


def write(file: Path, names: list[str], objects: list[dict[str, Any]], **more: Any) -> Path:
    """COCO's JSON of these pictures, which are drawn if they are not there."""
    images = [
        {"id": 10 + i, "file_name": n, "width": 40, "height": 30} for i, n in enumerate(names)
    ]
    defaults = {"image_id": 10, "category_id": 3, "bbox": [1, 2, 10, 20], "iscrowd": 0}
    content = {
        "images": images,
        "annotations": [{"id": 100 + i, **defaults, **o} for i, o in enumerate(objects)],
        "categories": [{"id": 3, "name": "fox"}, {"id": 7, "name": "owl"}],
        **more,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def boxes_of(data: Data) -> dict[str, tuple[LabeledBox, ...]]:
    """The boxes of each picture by its name."""
    samples = (sample for part in data.splits.values() for sample in part)
    return {sample.roles["image"].name: sample.roles["boxes"] for sample in samples}


@pytest.mark.parametrize(
    ("pictures", "annotations"),
    [
        (["train", "valid"], ["train/_annotations.coco.json", "valid/_annotations.coco.json"]),
        (
            ["images/train", "images/val"],
            ["annotations/instances_train.json", "annotations/instances_val.json"],
        ),
        (
            ["train2017", "val2017"],
            ["annotations/instances_train2017.json", "annotations/instances_val2017.json"],
        ),
        (["images", "images"], ["train.json", "val.json"]),
    ],
)
def test_where_annotations_and_pictures_lie(tmp_path: Path, pictures, annotations) -> None:
    for i, (folder, name) in enumerate(zip(pictures, annotations, strict=True)):
        draw(tmp_path / folder / f"{i}.png")
        write(tmp_path / name, [f"{i}.png"], [{}])
    (tmp_path / "annotations").mkdir(exist_ok=True)
    captions = {"images": [{"id": 1, "file_name": "0.png"}], "annotations": [{"caption": "a fox"}]}
    if any("instances" in name for name in annotations):
        (tmp_path / "annotations" / "captions_train2017.json").write_text(json.dumps(captions))
    data = read(tmp_path)
    assert data.format == "coco" and data.kind == "boxes" and data.classes == ["fox"]
    assert {split: len(part) for split, part in data.splits.items()} == {"train": 1, "val": 1}
    assert data.splits["train"][0].id == f"{pictures[0]}/0.png"


def test_a_file_alone_finds_its_pictures_beside_it(tmp_path: Path) -> None:
    draw(tmp_path / "set" / "images" / "a.png")
    file = write(tmp_path / "set" / "coco" / "some.json", ["a.png"], [{}])
    assert boxes_of(read(file)) == {"a.png": (LabeledBox("fox", (1, 2, 11, 22)),)}


def test_pictures_of_one_name_are_those_of_their_split(tmp_path: Path) -> None:
    for split in ("train", "val"):
        draw(tmp_path / "images" / split / "1.png")
        write(tmp_path / "annotations" / f"{split}.json", ["1.png"], [{}])
    data = read(tmp_path)
    assert [s.id for part in data.splits.values() for s in part] == [
        "images/train/1.png", "images/val/1.png",
    ]  # fmt: skip


def test_pictures_in_a_folder_at_the_root_are_those_of_their_split() -> None:
    known = PictureFiles(Path("/data"))
    known.files = [Path("/data/1.png"), Path("/data/val/1.png")]
    assert known.find("1.png", Path("/labels"), "val") == Path("/data/val/1.png")


def test_crowds_polygons_and_pictures_without_objects_are_kept(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    runs = {"size": [30, 40], "counts": [35, 10, 20, 10, 1125]}
    polygon = [1, 2, 11, 2, 11, 22]
    write(
        tmp_path / "a.json",
        ["a.png", "b.png"],
        [
            {"category_id": 7, "segmentation": [polygon], "area": 100},
            {"iscrowd": 1, "segmentation": runs, "bbox": [1, 5, 2, 10]},
        ],
    )
    crowd = LabeledBox("fox", (1, 5, 3, 15), True, None, RunLengths(30, 40, (35, 10, 20, 10, 1125)))
    owl = LabeledBox("owl", (1, 2, 11, 22), area=100, outline=(tuple(map(float, polygon)),))
    assert boxes_of(read(tmp_path)) == {"a.png": (crowd, owl), "b.png": ()}


def test_a_polygon_or_an_area_that_is_the_box_itself_says_nothing(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    corners = [1, 2, 1, 22, 11, 22, 11, 2]
    write(tmp_path / "a.json", ["a.png"], [{"segmentation": [corners], "area": 200}])
    assert boxes_of(read(tmp_path))["a.png"] == (LabeledBox("fox", (1, 2, 11, 22)),)


def test_compressed_run_lengths() -> None:
    """Counts as pycocotools 2.0.11 writes them, of rows 5 to 14 in columns 1 and 2 of 30 x 40."""
    runs = read_run_lengths({"size": [30, 40], "counts": "S1:d00aR1"})
    assert runs == RunLengths(30, 40, (35, 10, 20, 10, 1125))
    assert find_extent(runs) == (1, 5, 3, 15)
    assert read_run_lengths({"size": [30, 40], "counts": [35, 10]}) is None, "they fill the picture"


def test_an_object_without_a_box_has_that_of_its_outline(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    polygons = [[1, 2, 11, 2, 11, 22], [5, 1, 9, 1, 9, 3]]
    write(tmp_path / "a.json", ["a.png"], [{"bbox": [], "segmentation": polygons}])
    assert boxes_of(read(tmp_path))["a.png"][0].box == (1, 1, 11, 22)


def test_pictures_that_nobody_has_looked_at_are_to_predict_only(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    file = write(tmp_path / "image_info_test.json", ["a.png"], [])
    content = json.loads(file.read_text())
    del content["annotations"]
    file.write_text(json.dumps(content))
    assert boxes_of(read(file, labels=False)) == {"a.png": None}
    with pytest.raises(DataError, match="it has no list 'annotations'"):
        read(file)


def test_a_picture_without_an_entry_is_named(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    write(tmp_path / "a.json", ["a.png"], [{}])
    notes = read(tmp_path).notes
    assert "1 file left out, no annotation file names them: b.png." in notes
    assert "1 of 2 categories have no object: owl." in notes


@pytest.mark.parametrize(
    ("objects", "more", "words"),
    [
        (
            [{"image_id": 99}],
            {},
            r"1 of 1 annotations have an image that is not .*: a.json: annotation 100 \(image 99\)",
        ),
        (
            [{"category_id": 0}],
            {},
            r"a category that is not among .*\(category 0\)\. Its ids: 3, 7",
        ),
        (
            [{"bbox": [5, 5, -2, 3]}],
            {},
            r"right edge is left of .*: 1 of 1, .*annotation 100 on a.png \(5, 5, 3, 8\)",
        ),
        (
            [{"bbox": [5, 5, None, 3]}],
            {},
            r"Boxes with an edge that is not a finite number: 1 of 1, a.json",
        ),
        (
            [{"bbox": [5, 5, float("nan"), 3]}],
            {},
            r"edge that is not a finite number",
        ),
        ([{"bbox": [40, 5, 3, 3]}], {}, r"Boxes outside of their picture: 1 of 1"),
        (
            [{"segmentation": [[1, 2, 3]]}],
            {},
            r"annotation 100 on a.png has a segmentation that is neither",
        ),
        (
            [{"segmentation": {"size": [3, 3], "counts": [1]}}],
            {},
            "nor run lengths that fill their size",
        ),
        (
            [{"segmentation": {"size": [40, 30], "counts": [1200]}}],
            {},
            r"Run lengths that have another size.*annotation 100 on a.png \(30 x 40\)",
        ),
        (
            [{}],
            {"images": [{**A_PNG, "width": 80, "height": 60}]},
            r"another size than in the annotation: .*\(40 x 30, not 80 x 60\)",
        ),
        (
            [{}],
            {"images": [A_PNG, {**A_PNG, "file_name": "b.png"}]},
            r"two entries for one picture",
        ),
        (
            [{}],
            {"images": [{**A_PNG, "file_name": "lost.png"}]},
            r"Pictures that .*a.json names are not there: 1 of 1, lost.png",
        ),
        ([{}], {"categories": None}, r"it has no list 'categories'"),
        ([{}], {"categories": [{"name": "fox"}]}, r"entry 1 of 'categories' lacks id \("),
        ([{}], {"categories": [{"id": 3, "name": None}]}, r"entry 1 of 'categories' lacks name \("),
        (
            [{}],
            {"categories": [{"id": 3, "name": "fox"}, {"id": 3, "name": "owl"}]},
            r"a.json gives the id 3 to two categories, 'fox' and 'owl'",
        ),
        ([{}], {"images": [{**A_PNG, "id": [10]}]}, r"entry 1 of 'images' has a value of id that"),
        (
            [{"image_id": {}}],
            {},
            r"has a value of image_id that is neither a number",
        ),
        ([{"category_id": [3]}], {}, r"has a value of category_id that is neither"),
        ([{"image_id": "10"}], {}, r"\(image '10'\)\. .* Its ids: 10\."),
        ([{"bbox": [5, 5, 10**400, 3]}], {}, r"edge that is not a finite number: .*\(\[5, 5, 1000"),
        ([{"bbox": "1,2,3,4"}], {}, r"edge that is not a finite number: .*a.png \(1,2,3,4\)"),
        ([{"bbox": None}], {}, r"edge that is not a finite number: .*a.png \(nothing\)"),
        ([{"segmentation": [[10**400, 1, 2, 3, 4, 5]]}], {}, r"has a segmentation that is neither"),
        (
            [{}],
            {"images": [{**A_PNG, "file_name": "a" * 5000 + ".png"}]},
            r"names are not there: 1 of 1, aaa",
        ),
        (
            [{}],
            {"images": [{**A_PNG, "width": "80", "height": 60.0}]},
            r"\(40 x 30, not 80 x 60\)",
        ),
    ],
)
def test_what_cannot_be_right_is_an_error(tmp_path: Path, objects, more, words) -> None:
    draw(tmp_path / "a.png")
    write(tmp_path / "a.json", ["a.png"], objects, **more)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_marks_and_numbers_may_be_texts(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    marks = [{"iscrowd": "0"}, {"iscrowd": "1", "bbox": ["1", "2", "3", "4"], "area": 10**400}]
    write(tmp_path / "a.json", ["a.png"], marks)
    expected = (
        LabeledBox("fox", (1, 2, 4, 6), is_crowd=True),
        LabeledBox("fox", (1, 2, 11, 22)),
    )
    assert boxes_of(read(tmp_path)) == {"a.png": expected}


def test_categories_of_one_name_are_one_class_and_noted(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    categories = [{"id": 3, "name": "fox"}, {"id": 4, "name": "fox"}]
    write(tmp_path / "a.json", ["a.png"], [{}, {"category_id": 4, "bbox": [5, 5, 5, 5]}],
          categories=categories)  # fmt: skip
    data = read(tmp_path)
    assert data.classes == ["fox"]
    assert "a.json gives several numbers to one class: fox (3, 4)." in data.notes


def test_two_annotation_files_for_one_split_are_both_named(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    for name in ("instances_train.json", "train.json"):
        write(tmp_path / "annotations" / name, ["a.png"], [{}])
    assert len(read(tmp_path).splits["train"]) == 1, "of COCO's files those of instances count"
    write(tmp_path / "annotations" / "instances_train2017.json", ["a.png"], [{}])
    words = "two annotation files of the split 'train': annotations/instances_train.json and"
    with pytest.raises(DataError, match=words):
        read(tmp_path)


@pytest.mark.parametrize("name", ["annotations/instances_{}2017.json", "{}/_annotations.coco.json"])
def test_a_damaged_file_of_a_split_is_an_error(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "a.png")
    write(tmp_path / name.format("train"), ["a.png"], [{}])
    write(tmp_path / name.format("val"), ["a.png"], [{}]).write_text('{"imag')
    with pytest.raises(DataError, match=r"val.*is not valid JSON"):
        read(tmp_path)


def test_small_faults_are_mended_and_named(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    boxes = [[1, 2, 10, 20], [1, 2, 10, 20], [3, 3, 0, 5], [35, -1, 10, 11]]
    write(tmp_path / "a.json", ["a.png"], [{"bbox": box} for box in boxes])
    data = read(tmp_path)
    assert [box.box for box in boxes_of(data)["a.png"]] == [(1, 2, 11, 22), (35, 0, 40, 10)]
    about = "\n".join(data.notes)
    assert (
        "Boxes that reach beyond their picture, by up to 5 pixels, were clipped at its edge: 1 of 4"
        in about
    )
    assert "a.json: annotation 103 on a.png (35, -1, 45, 10)" in about
    assert "Boxes without an area were left out: 1 of 4, a.json: annotation 102" in about
    assert "Boxes that repeat another one of their class were left out: 1 of 4" in about


def test_shares_are_known_and_per_cent_refused(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", (400, 300))
    size = {"images": [{"id": 10, "file_name": "a.png", "width": 400, "height": 300}]}
    write(tmp_path / "a.json", ["a.png"], [{"bbox": [0.1, 0.2, 0.5, 0.5]}], **size)
    data = read(tmp_path)
    assert [box.box for box in boxes_of(data)["a.png"]] == [(40, 60, 240, 210)]
    assert "No edge of a box is beyond 1: they are shares of width and height." in data.notes
    objects = [{"bbox": [i, 20, 50, 60]} for i in range(12)]
    write(tmp_path / "a.json", ["a.png"], objects, **size)
    with pytest.raises(DataError, match=r"None of 12 boxes reaches beyond 100, .* in per cent"):
        read(tmp_path)


def test_objects_without_outlines_are_no_masks_and_few_of_them_are_noted(tmp_path: Path) -> None:
    box, other = {"bbox": [1, 2, 10, 20]}, {"bbox": [5, 2, 30, 20]}
    corners = [1, 2, 11, 2, 11, 22, 1, 22]
    for entries in ([box], [{**box, "segmentation": [corners]}, other]):
        write(tmp_path / "instances.json", ["a.png"], entries)
        draw(tmp_path / "a.png")
        with pytest.raises(DataError, match=r"of \d objects? none has an outline .*'segmentation'"):
            read(tmp_path, kinds=["masks"])
        assert read(tmp_path, kinds=["masks"], labels=False).kind == "boxes"
    outlined = {**box, "segmentation": [[1, 2, 11, 2, 11, 22]]}
    write(tmp_path / "instances.json", ["a.png"], [other, outlined])
    notes = read(tmp_path, kinds=["masks"]).notes
    assert any(note.startswith("1 of 2 objects have no outline but their box") for note in notes)
