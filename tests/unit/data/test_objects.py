"""JSON as people write it: other forms than a list of objects are named with the way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graft.base.errors import DataError
from graft.data.load import read

ROWS = [{"text": f"text number {i}", "label": "ab"[i % 2]} for i in range(6)]
FORM = r'Write the samples as \[\{"text": "a text", "label": "spam"\}, \.\.\.\]'


def write(folder: Path, value: Any, name: str = "t.json") -> Path:
    (folder / name).write_text(json.dumps(value))
    return folder / name


def test_the_key_of_the_list_is_said(tmp_path: Path) -> None:
    data = read(write(tmp_path, {"version": "1.0", "data": ROWS}))
    assert data.classes == ["a", "b"]
    assert "The rows of t.json are the list under its key 'data'." in data.notes
    assert read(write(tmp_path, ROWS)).notes == []


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ([list(row.values()) for row in ROWS], r"6 of 6 entries .* are lists: 1 \(\['text number"),
        (["a text", *ROWS], r"1 of 7 entries .* are not objects: 1 \('a text'\)"),
        ({"train": ROWS, "test": ROWS}, "holds 2 lists"),
        ({"text": "a text"}, "holds a single object with the keys 'text'"),
        (None, "holds null"),
    ],
)
def test_other_forms_are_named(tmp_path: Path, value: Any, what: str) -> None:
    with pytest.raises(DataError, match=f"{what}.*{FORM}"):
        read(write(tmp_path, value))


def test_objects_in_cells_are_no_texts(tmp_path: Path) -> None:
    rows = [{**row, "text": {"title": row["text"], "body": "more"}} for row in ROWS]
    file = write(tmp_path, rows)
    advice = r"'text' \(\{'title': 'text number 0'.*Give each of their keys a column of its own"
    with pytest.raises(DataError, match=advice):
        read(file)
    with pytest.raises(DataError, match=r"6 of 6 rows .* have an object .* as text: t\.json:1"):
        read(file, columns={"text": "text", "label": "label"})


@pytest.mark.parametrize("label", [{"name": "a"}, [["a"], ["b"]], [{"name": "a"}]])
def test_objects_in_cells_are_no_labels(tmp_path: Path, label: Any) -> None:
    rows = [{**row, "label": label} for row in ROWS]
    with pytest.raises(DataError, match=r"have an object or a list of lists as label.*Write the"):
        read(write(tmp_path, rows))
