"""What `graft check --json` prints: of every format and kind, by the schema in docs/schemas/."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from graft.base import plugins
from graft.base.errors import DataError
from graft.data.kinds.kind import kind_named
from tests.cli.conftest import Graft

CASES = {
    f"{kind}: {name}": data
    for kind in plugins.names("kind")
    for name, data in kind_named(kind).tiny().items()
}


def checked(graft: Graft, path: Path, *words: str) -> dict[str, Any]:
    result = graft("check", path, "--json", *words)
    assert result.exit_code in (0, 1), result.output
    return json.loads(result.stdout)


def total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """How often each class occurs in all splits together."""
    return sum(map(Counter, counts), Counter())


@pytest.mark.parametrize("case", CASES)
def test_every_kind_in_every_format_that_holds_it(
    case: str, graft: Graft, schemas: ModuleType, tmp_path: Path
) -> None:
    data = CASES[case]
    written = 0
    for name in plugins.names("format"):
        try:
            plugins.load("format", name)().write_tiny(data, tmp_path / name)
        except DataError:
            continue
        result = graft("check", tmp_path / name, "--json")
        written += 1
        if "split can be cut" in result.output:  # too few samples of each class
            continue
        assert result.exit_code in (0, 1), result.output
        schemas.check("check", result.stdout)
        answer = json.loads(result.stdout)
        assert (answer["format"], answer["kind"], answer["classes"]) == (
            name,
            data.kind,
            data.classes,
        )
        assert total(split["classes"] for split in answer["splits"].values()) == total(
            data.counts().values()
        )
        assert sum(split["samples"] for split in answer["splits"].values()) == sum(
            map(len, data.splits.values())
        )
    assert written > 1


def test_what_several_tasks_learn_from_is_described(graft: Graft, tmp_path: Path) -> None:
    (data,) = kind_named("pairs").tiny().values()
    plugins.load("format", "parallel")().write_tiny(data, tmp_path / "pairs")
    assert checked(graft, tmp_path / "pairs")["task"] is None
    assert checked(graft, tmp_path / "pairs", "--task", "translation")["task"] == "translation"
    words = "pairs. Several tasks learn from it; choose one with --task: summarization, translation"
    assert words in " ".join(graft("check", tmp_path / "pairs").stdout.split())


def test_something_else_is_not_by_the_schema(
    graft: Graft, schemas: ModuleType, photos: Path
) -> None:
    answer = checked(graft, photos)
    schemas.check("check", json.dumps(answer))
    for wrong in (
        {"kind": None},
        {"more": 1},
        {"splits": {"train": 3}},
        {"findings": [{"code": "leak"}]},
    ):
        with pytest.raises(ValidationError):
            schemas.check("check", json.dumps({**answer, **wrong}))


def test_columns_are_named_as_the_option_takes_them(graft: Graft, tmp_path: Path) -> None:
    rows = [
        f"the words of review number {i},{'good' if i % 2 else 'poor'},{i % 5}" for i in range(20)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["Words,Verdict,Speaker", *rows]))
    asked = ("--columns", "text=Words", "--columns", "label=Verdict")
    columns = checked(graft, tmp_path / "t.csv", *asked)["columns"]
    assert columns == {"text": ["Words"], "label": ["Verdict"], "group": ["Speaker"]}
    (tmp_path / "t.conll").write_text(
        "".join(f"Ada\t{i}\tB-PER\nran{i}\t{i}\tO\n\n" for i in range(20))
    )
    assert checked(graft, tmp_path / "t.conll")["columns"] == {"tokens": ["0"], "tags": ["2"]}


def test_columns_of_archives_and_of_parallel_files(graft: Graft, tmp_path: Path) -> None:
    data = CASES["labels: images"]
    plugins.load("format", "npz")().write_tiny(data, tmp_path / "npz")
    columns = checked(graft, tmp_path / "npz")["columns"]
    assert columns == {"image": ["x_train", "x_test"], "label": ["y_train", "y_test"]}
    plugins.load("format", "parallel")().write_tiny(CASES["pairs: pairs"], tmp_path / "parallel")
    columns = checked(graft, tmp_path / "parallel", "--task", "translation")["columns"]
    assert columns == {"source": ["source"], "target": ["target"]}
