"""Boxes in tables: a row a box, lists of objects, as Hugging Face's data sets have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graft.base.errors import DataError
from graft.base.records import LabeledBox
from graft.data.checks.inspect import inspect
from graft.data.kinds.kind import kind_of
from graft.data.load import read
from graft.data.memory import from_memory
from tests.unit.data.test_coco import boxes_of, draw

FOX = LabeledBox("fox", (1, 2, 11, 22))


def table(folder: Path, text: str, name: str = "boxes.csv") -> Path:
    """A table beside the pictures a, b and c."""
    for picture in "abc":
        draw(folder / f"{picture}.png")
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("image,xmin,ymin,xmax,ymax,class", "a.png,1,2,11,22,fox"),
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.png,40,30,fox,1,2,11,22"),
        ("file,label,x,y,w,h", "a.png,fox,1,2,10,20"),
        ("image_id,x,y,width,height,category", "a,1,2,10,20,fox"),
        ("image,bbox,label", 'a.png,"[1, 2, 10, 20]",fox'),
        ("ImageID,LabelName,XMin,XMax,YMin,YMax", 'a,fox,"0,025","0,275","0,0666667","0,733333"'),
    ],
)
def test_a_row_a_box(tmp_path: Path, header: str, row: str) -> None:
    data = read(table(tmp_path, f"{header}\n{row}\n{row.replace('fox', 'owl')}\n"))
    assert data.kind == "boxes" and [s.id for s in data.splits["all"]] == ["boxes.csv:2"]
    boxes = boxes_of(data)["a.png"]
    assert [box.label for box in boxes] == ["fox", "owl"]
    assert all(np.allclose(box.box, FOX.box, atol=1e-4) for box in boxes)


def test_a_row_without_a_box_is_a_picture_without_objects(tmp_path: Path) -> None:
    rows = "image,xmin,ymin,xmax,ymax,class,split\na.png,1,2,11,22,fox,train\nb.png,,,,,,test\n"
    data = read(table(tmp_path, rows))
    assert boxes_of(data) == {"a.png": (FOX,), "b.png": ()}
    assert list(data.splits) == ["train", "test"]


def test_rows_with_a_class_and_no_box_are_noted(tmp_path: Path) -> None:
    rows = "image,xmin,ymin,xmax,ymax,class\na.png,1,2,11,22,fox\nb.png,,,,,nothing\n"
    data = read(table(tmp_path, rows))
    assert boxes_of(data) == {"a.png": (FOX,), "b.png": ()}
    words = "Rows with a class and no box add no object: boxes.csv:3 (nothing)."
    assert words in data.notes


@pytest.mark.parametrize("names", ["width,height", "image_width,image_height"])
def test_columns_of_the_size_of_the_picture_are_compared_with_it(tmp_path: Path, names) -> None:
    rows = f"image,{names},class,xmin,ymin,xmax,ymax\na.png,80,60,fox,1,2,11,22\n"
    with pytest.raises(DataError, match=r"another size .* boxes.csv:2 \(40 x 30, not 80 x 60\)"):
        read(table(tmp_path, rows))


def test_columns_may_repeat_the_size_of_a_box(tmp_path: Path) -> None:
    rows = "image,width,height,class,xmin,ymin,xmax,ymax\na.png,10,20,fox,1,2,11,22\n"
    assert boxes_of(read(table(tmp_path, rows))) == {"a.png": (FOX,)}


def test_a_row_whose_boxes_cannot_be_read_is_named(tmp_path: Path) -> None:
    boxes = [[{"label": "fox", "box": [1, 2, 11, 22]}]] * 2 + ["none"]
    rows = [
        {"image": f"{name}.png", "boxes": each} for name, each in zip("abc", boxes, strict=True)
    ]
    folder = table(tmp_path, "\n".join(map(json.dumps, rows)), "boxes.jsonl")
    with pytest.raises(DataError, match=r"has boxes that cannot be read: boxes\.jsonl:3"):
        read(folder)


def test_columns_may_be_named(tmp_path: Path) -> None:
    folder = table(tmp_path, "image,a,b,c,d,what\na.png,1,2,11,22,fox\n")
    named = dict(
        zip(("left", "top", "right", "bottom", "label"), ("a", "b", "c", "d", "what"), strict=True)
    )
    assert boxes_of(read(folder, columns=named)) == {"a.png": (FOX,)}
    sized = {"left": "a", "top": "b", "width": "c", "height": "d", "label": "what"}
    assert boxes_of(read(folder, columns=sized))["a.png"][0].box == (1, 2, 12, 24)


def test_a_table_without_classes_has_one(tmp_path: Path) -> None:
    data = read(table(tmp_path, "image,xmin,ymin,xmax,ymax\na.png,1,2,11,22\n"))
    assert data.classes == ["object"] and any("Nothing names the class" in n for n in data.notes)


def test_rows_of_one_picture_must_agree(tmp_path: Path) -> None:
    start = "image,xmin,ymin,xmax,ymax,split\n"
    rows = f"{start}a.png,1,2,11,22,train\na.png,1,2,9,9,test\n"
    with pytest.raises(DataError, match=r"another split than the first row.*:3 \('test'\)"):
        read(table(tmp_path, rows))


@pytest.mark.parametrize(
    "boxes",
    [
        [{"label": "fox", "box": [1, 2, 11, 22]}],
        [{"label": "fox", "bbox": [1, 2, 10, 20]}],
        [{"class": "fox", "xmin": 1, "ymin": 2, "xmax": 11, "ymax": 22}],
        [{"name": "fox", "x": 1, "y": 2, "width": 10, "height": 20}],
        {"bbox": [[1, 2, 10, 20]], "category": ["fox"], "id": [7]},
    ],
)
def test_json_lines(tmp_path: Path, boxes: Any) -> None:
    rows = [{"image": "a.png", "objects": boxes}, {"image": "b.png", "objects": []}]
    lines = "\n".join(map(json.dumps, rows))
    data = read(table(tmp_path, lines, "train.jsonl"))
    assert boxes_of(data) == {"a.png": (FOX,), "b.png": ()}


@pytest.mark.parametrize("polygons", [[["a", 2, 3, 4, 5, 6]], [[1, 2]], [1.0, 2.0]])
def test_an_outline_that_cannot_be_read_is_an_error(tmp_path: Path, polygons: Any) -> None:
    boxes = [{"label": "fox", "box": [1, 2, 11, 22], "polygons": polygons}]
    folder = table(tmp_path, json.dumps({"image": "a.png", "boxes": boxes}), "train.jsonl")
    with pytest.raises(DataError, match=r"boxes that cannot be read: train.jsonl:1"):
        read(folder, columns={"image": "image", "boxes": "boxes"})


def test_parallel_lists_of_boxes_and_labels() -> None:
    picture = np.zeros((30, 40, 3), np.uint8)
    rows = [{"image": picture, "boxes": [[1, 2, 10, 20], [5, 5, 9, 9]], "labels": ["fox", "owl"]}]
    data = from_memory(rows)
    assert [box.label for box in data.splits["all"][0].roles["boxes"]] == ["fox", "owl"]
    assert "Boxes that are lists of four numbers are read as x, y, width and height." in data.notes


def test_parquet_as_hugging_face_writes_it(tmp_path: Path) -> None:
    picture = {"bytes": draw(tmp_path / "a.png").read_bytes(), "path": None}
    objects = {"bbox": [[1.0, 2.0, 10.0, 20.0]], "category": [1]}
    names = {"feature": {"names": ["owl", "fox"], "_type": "ClassLabel"}, "_type": "Sequence"}
    about = {"info": {"features": {"image": {}, "objects": {"category": names}}}}
    made = pa.table({"image": [picture], "objects": [objects]})
    made = made.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(made, tmp_path / "train.parquet")
    data = read(tmp_path / "train.parquet")
    assert data.splits["all"][0].roles["boxes"] == (FOX,)


def test_a_table_of_labels_beside_boxes_is_read_as_labels_if_asked(tmp_path: Path) -> None:
    folder = table(tmp_path, "image,xmin,ymin,xmax,ymax,label\na.png,1,2,11,22,fox\n")
    assert read(folder, kinds=["labels"]).kind == "labels"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "a.png,1,2,,22,fox",
            r"edge that is not a finite number: 1 of 1, boxes.csv:2 \(1, 2, nothing, 22\)",
        ),
        ("a.png,1,2,x,22,fox", r"edge that is not a finite number: 1 of 1, boxes.csv:2"),
        ("a.png,11,2,1,22,fox", r"whose right edge is left of the left one.*boxes.csv:2"),
        ("a.png,1,2,11,22,", r"without a known class: 1 of 1, boxes.csv:2"),
        (",1,2,11,22,fox\na.png,1,2,11,22,fox", r"1 of 2 rows .* has no image: boxes.csv:2"),
        ("lost.png,0.1,0.2,0.3,0.4,fox", r"in shares of pictures that cannot be read"),
    ],
)
def test_what_cannot_be_right_is_an_error(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(table(tmp_path, f"image,xmin,ymin,xmax,ymax,class\n{row}\n"))


def test_findings_name_what_a_person_should_know(tmp_path: Path) -> None:
    draw(tmp_path / "d.png")
    rows = [
        "a.png,1,2,11,22,fox", "a.png,1,2,11,22.4,owl", "b.png,,,,,", "c.png,1,2,11,22,fox",
        "copy.png,1,2,15,22,fox",
    ]  # fmt: skip
    folder = table(tmp_path, "\n".join(["image,xmin,ymin,xmax,ymax,class", *rows]))
    (folder / "copy.png").write_bytes((folder / "c.png").read_bytes())
    findings = {finding.code: finding.message for finding in inspect(read(folder))}
    assert findings["counts"] == "4 pictures with objects of 2 classes: all 4 (4 objects)."
    assert findings["no-objects"] == "Pictures without an object: all 1 of 4."
    assert findings["same-place"].startswith("1 pair of boxes in nearly one place")
    assert findings["box-sizes"].startswith("Boxes: short side 10 to 14 px, median 10;")
    assert "Equal samples have different boxes" in findings["conflicting-labels"]
    assert "1 class with one object in training: owl." in findings["single-example"]


def test_a_training_split_without_a_box_is_an_error(tmp_path: Path) -> None:
    rows = "image,xmin,ymin,xmax,ymax,class,split,is_crowd\na.png,1,2,11,22,fox,train,1\n"
    data = read(table(tmp_path, rows + "b.png,1,2,11,22,fox,test,0\n"))
    (finding,) = [each for each in inspect(data) if each.severity == "error"]
    assert "nothing to learn" in finding.message


def test_pictures_alone_are_no_pictures_with_boxes(tmp_path: Path) -> None:
    assert kind_of({"image"}) == "labels" and kind_of({"image", "boxes"}) == "boxes"
    folder = table(tmp_path, "image,x\na.png,1\nb.png,2\n")
    assert read(folder, labels=False).kind == "labels"
    data = read(folder, labels=False, kinds=["boxes"])
    assert boxes_of(data) == {"a.png": None, "b.png": None}, "to be predicted"
