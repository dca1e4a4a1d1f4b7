"""Pictures with outlines of their own are recognized, but not learned yet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.data.load import read
from tests.unit.data.test_folder_cases import pictures, put, write_rows

VOC = "<?xml version='1.0'?>\n<annotation><object><name>fox</name></object></annotation>"


@pytest.mark.parametrize(
    ("folder", "ending", "text", "words"),
    [
        ("images", ".json", '{"flags": {}, "shapes": [{"label": "fox"}]}', "outlines in JSON"),
        ("labels", ".json", '{"version": "5", "shapes": [{"label": "fox"}]}', "outlines in JSON"),
    ],
)
def test_a_file_of_outlines_for_each_picture(tmp_path, folder, ending, text, words) -> None:
    put(tmp_path, *pictures("images"), "lists/train.txt", "README.md")
    (tmp_path / folder).mkdir(exist_ok=True)
    for i in range(3):
        (tmp_path / folder / f"images{i}{ending}").write_text(text)
    with pytest.raises(DataError, match=rf"holds 3 pictures with {words} \(3 files\)\. No task"):
        read(tmp_path)


def test_classes_are_classes_whatever_lies_beside_the_pictures(tmp_path: Path) -> None:
    put(tmp_path, *pictures("foxes", "owls"))
    for name in pictures("foxes", "owls", ending=".xml"):
        (tmp_path / name).write_text(VOC)
    data = read(tmp_path)
    assert data.classes == ["foxes", "owls"]
    assert data.notes[0].startswith("6 files left out, they are not images")


def test_a_table_says_what_pictures_with_boxes_are(tmp_path: Path) -> None:
    put(tmp_path, *pictures("images"))
    for i in range(3):
        (tmp_path / "images" / f"images{i}.xml").write_text(VOC)
    write_rows(tmp_path / "labels.csv", "file,label", "images/images{i}.png,{label}", count=3)
    assert read(tmp_path).classes == ["a", "b"]


def test_pictures_to_predict_may_have_boxes_beside_them(tmp_path: Path) -> None:
    put(tmp_path, *pictures("images"))
    (tmp_path / "images" / "images0.xml").write_text(VOC)
    assert len(read(tmp_path, labels=False).splits["all"]) == 3


def test_slots_are_tags_and_intents_are_named_beside_them(tmp_path: Path) -> None:
    words = {"tokens": ["play", "jazz", "now"], "slots": ["O", "B-genre", "O"]}
    rows = [{**words, "intent": f"i{i % 2}"} for i in range(4)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = read(tmp_path / "t.jsonl")
    assert data.kind == "tags" and data.classes == ["genre"]
    assert data.notes == ["The column 'intent' may be a class of each sample; to learn it: "
                          "--columns text=tokens --columns label=intent."]  # fmt: skip
    intents = read(tmp_path / "t.jsonl", columns={"text": "tokens", "label": "intent"})
    assert intents.splits["all"][0].roles == {"text": "play jazz now", "label": "i0"}
