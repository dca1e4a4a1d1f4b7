"""Damaged files: what `benchmarks/fuzz.py` and the property tests found, each once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.checks.inspect import inspect
from graft.data.data import Data
from graft.data.load import read

ROWS = [{"text": f"text number {i}", "label": ("a", "b")[i % 2]} for i in range(8)]
ARTICLE = {
    "title": "t",
    "paragraphs": [
        {"context": "Ada ran.", "qas": [{"question": "Who?", "id": "1", "answers": []}]}
    ],
}
SQUAD = {"data": [ARTICLE]}


def write(file: Path, value: Any, encoding: str = "utf-8") -> Path:
    file.write_text(json.dumps(value), encoding=encoding)
    return file


@pytest.mark.parametrize("value", [ROWS, SQUAD], ids=["json", "squad"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_split_in_another_encoding_is_read_with_the_others(
    value: Any, encoding: str, tmp_path: Path
) -> None:
    write(tmp_path / "train.json", value)
    write(tmp_path / "test.json", value, encoding)
    data = read(tmp_path)
    assert len(data.splits["train"]) == len(data.splits["test"])


@pytest.mark.parametrize("value", [ROWS, SQUAD], ids=["json", "squad"])
def test_a_damaged_split_is_not_left_out_in_silence(value: Any, tmp_path: Path) -> None:
    write(tmp_path / "train.json", value)
    (tmp_path / "test.json").write_text("x" + json.dumps(value))
    with pytest.raises(DataError, match=r"test\.json is not valid JSON"):
        read(tmp_path)


def test_damaged_tags_are_not_left_out_in_silence(tmp_path: Path) -> None:
    good = "Ada B-PER\nran O\n\nBob B-PER\nsat O\n"
    for name, text in {"train": good, "dev": good, "test": "Ada and Bob\n" + good}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    with pytest.raises(DataError, match=r"test\.txt:1 \(3\)"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t-v2.0.json", "classes.json"])
def test_deeply_nested_json_is_refused(name: str, tmp_path: Path) -> None:
    deep = "[" * 100_000
    if name == "classes.json":
        write(tmp_path / "t.jsonl", {"text": "a text", "label": 1})
        (tmp_path / name).write_text(deep)
    elif "v2" in name:
        (tmp_path / name).write_text(json.dumps(SQUAD)[:-1] + f', "more": {deep}')
    else:
        (tmp_path / name).write_text(
            ("[" if name == "t.json" else "") + f'{{"text": "a", "label": {deep}'
        )
    with pytest.raises(DataError, match="nested too deeply"):
        read(tmp_path / ("t.jsonl" if name == "classes.json" else name))


def test_an_empty_cell_is_no_image(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "t.csv").write_text("image,label\n1.png,a\n,b\n2.png,b\n1.png,a\n")
    with pytest.raises(DataError, match=r"1 of 4 rows of t\.csv has no image: t\.csv:3"):
        read(tmp_path / "t.csv")


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([["a text"], ["x"], ["y"]], names=["text", "label", "label"])
    with pa.ipc.new_stream(tmp_path / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(DataError, match="several columns of one name: text, label, label"):
        read(tmp_path / "t.arrow")


def test_a_text_that_is_cut_inside_a_letter_is_refused(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xc3")]
    )
    pa.parquet.write_table(pa.table({"text": broken, "label": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(tmp_path / "t.parquet")


def test_a_delimiter_stands_in_row_1_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\none\ntwo\tparts\nthree\n")
    assert [s.roles["text"] for s in read(tmp_path / "t.csv", labels=False).splits["all"]] == [
        "one",
        "two\tparts",
        "three",
    ]


def test_numbers_are_one_label_or_group_however_a_table_writes_them(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": float(i % 2), "group": float(i // 2)} for i in range(8)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [",".join(map(str, row.values())) for row in rows]
    (tmp_path / "t.csv").write_text("\n".join(["text,label,group", *lines]) + "\n")
    samples = [
        [s.roles for s in read(tmp_path / name).splits["all"]] for name in ("t.jsonl", "t.csv")
    ]
    assert samples[0] == samples[1] and samples[1][3] == {
        "text": "text 3",
        "label": "1",
        "group": "1",
    }


def test_columns_of_labels_hold_0_and_1_however_a_table_writes_them(tmp_path: Path) -> None:
    cells = [("1.0", "0.0", "1.0"), ("0.0", "0.0", "1.0"), ("1.0", "1.0", "0.0")] * 2
    lines = [f"the words of text {i},{','.join(row)}" for i, row in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join(["text,a,b,c", *lines]) + "\n")
    assert [s.roles["label"] for s in read(tmp_path / "t.csv").splits["all"]][:2] == [
        ("a", "c"),
        ("c",),
    ]


def test_texts_in_a_column_of_an_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.array([["one text"], ["other text"]]), y=np.array(["a", "b"]))
    assert [s.roles["text"] for s in read(tmp_path / "t.npz").splits["all"]] == [
        "one text",
        "other text",
    ]


def test_an_array_that_is_no_picture_is_a_finding() -> None:
    samples = [Sample(str(i), {"image": np.zeros(3), "label": "a"}) for i in range(2)]
    finding = inspect(Data({"all": samples}))[0]
    assert finding.code == "unreadable" and "array of shape (3,)" in finding.message
