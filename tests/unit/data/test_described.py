"""Data that cannot be split are described all the same, with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graft.cli.main import app


def table(folder: Path, name: str, labels: str) -> None:
    rows = "".join(
        f"{name} text number {i} of some words,{label}\n" for i, label in enumerate(labels)
    )
    (folder / f"{name}.csv").write_text("text,label\n" + rows)


@pytest.mark.parametrize(
    ("parts", "reason", "counts"),
    [
        (
            {"train": "aaaaaa", "test": "abab"},
            "test has classes that do not occur in training: b",
            {"train": 6, "test": 4},
        ),
        ({"t": "aaaaaa"}, "there is only one class, 'a'", {"all": 6}),
        (
            {"dev": "abab", "test": "abab"},
            "hold no training split, only val, test",
            {"val": 4, "test": 4},
        ),
        ({"t": "abc"}, "No test split can be cut from 3 samples of 3 classes", {"all": 3}),
    ],
)
def test_what_cannot_be_split_is_described(
    tmp_path: Path, parts: dict[str, str], reason: str, counts: dict[str, int]
) -> None:
    for name, labels in parts.items():
        table(tmp_path, name, labels)
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    first, *others = done.stdout.splitlines()[1:]
    assert done.exit_code == 1
    assert first.startswith("error:") and reason in first
    assert any(f"{sum(counts.values())} samples of" in line for line in others)
    answer = json.loads(CliRunner().invoke(app, ["check", str(tmp_path), "--json"]).stdout)
    assert (
        answer["findings"][0]["severity"] == "error" and reason in answer["findings"][0]["message"]
    )


def test_one_image_of_each_class_is_described(tmp_path: Path) -> None:
    from tests.unit.data.test_folder_cases import pictures, put

    put(tmp_path / "shapes", *pictures("round", "square", count=1))
    done = CliRunner().invoke(app, ["check", str(tmp_path / "shapes")])
    assert done.exit_code == 1 and "2 samples of 2 classes" in done.stdout
