"""Damaged and lost files of a study: each is named, with what stands there and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graft import api
from graft.base.errors import FolderError
from tests.unit.studies.tiny_runs import DATA

ASKED = {"backbones": ["tiny:cnn"], "seeds": 2, "epochs": 1, "jobs": 1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "study"
    api.compare(DATA, ["bitfit"], out=folder, **ASKED)
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "study"))


def compare(study: Path) -> api.Study:
    return api.compare(DATA, ["bitfit"], out=study, **ASKED)


def first_run(study: Path) -> Path:
    return min((study / "runs").iterdir())


def change(path: Path, keys: str, value: Any) -> None:
    """Put a value at a place, as `data.hash`; `...` removes what stands there."""
    content = json.loads(path.read_text(encoding="utf-8"))
    *parents, last = keys.split(".")
    inner = content
    for key in parents:
        inner = inner[int(key) if isinstance(inner, list) else key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    path.write_text(json.dumps(content), encoding="utf-8")


def assert_refused(act: Callable[[], Any], path: Path, words: str) -> None:
    with pytest.raises(FolderError) as refused:
        act()
    message = str(refused.value)
    assert f"{path} " in message and words in message
    # No more is deleted than the file itself, or its value is put back.
    assert f"elete {path}, then" in message or "Put the value back" in message


RESULTS = {
    "metrics": ({}, "lacks 'metrics.val'"),
    "metrics.test": ({}, "has 'accuracy' as 'primary_metric', which must be in 'metrics.test'"),
    "metrics.test.accuracy": (None, "has null as 'metrics.test.accuracy', which must be an obj"),
    "metrics.test.accuracy.value": ("x", "which must be a number or null"),
    "primary_metric": ("zz", "has 'zz' as 'primary_metric'"),
    "cost": ({}, "lacks 'cost.train_seconds'"),
    "cost.train_seconds": ("x", "has \"x\" as 'cost.train_seconds', which must be a number"),
    "data": ({}, "lacks 'data.hash'"),
    "data.counts.train": (-1, "must be a whole number from 0 on"),
    "frozen": ([], "has a list as 'frozen', which must be an object"),
    "warnings": (5, "has 5 as 'warnings', which must be a list"),
    "seed": (77, "has 77 as 'seed', and spec.json beside it has 0"),
    "confusion.matrix": ([[1]], "has as 'confusion.matrix' no"),
    "per_class_table.rank": ("zz", "has 'zz' as 'per_class_table.rank', which must be one of"),
    "mistakes": (["x"], "has a list as 'mistakes', which must be a list of two texts"),
}
STUDIES = {
    "techniques": ([5], "has 5 as 'techniques[0]', which must be a text"),
    "backbones": ([], "has a list as 'backbones', which must be a list of at least one value"),
    "seeds": (["x"], "has \"x\" as 'seeds[0]', which must be a whole number from 0"),
    "fractions": ([2], "has 2 as 'fractions[0]', which must be a number more than 0"),
    "runs": (["../../../runs/t1"], "as 'runs[0]', which must be 16 hexadecimal digits"),
    "jobs": ("x", "has \"x\" as 'jobs', which must be a whole number from 1 on"),
    "threads": (-4, "has -4 as 'threads', which must be a whole number from 1 on"),
    "data": ({}, "lacks 'data.path'"),
}
BASELINES = {
    "0.metrics": ({}, "lacks '[0].metrics.test'"),
    "0.metrics.test": ({}, "lacks 'accuracy' in 'metrics.test' of majority"),
    "0.predictions": (5, "which must be a file name without a folder"),
    "0.seconds": ("x", "has \"x\" as '[0].seconds', which must be a number or null"),
    "0.fraction": ("y", "has \"y\" as '[0].fraction', which must be a number more than 0"),
}


@pytest.mark.parametrize("key", RESULTS)
def test_a_wrong_value_in_a_result_is_named(study: Path, key: str) -> None:
    value, words = RESULTS[key]
    paths = (study / "runs").glob("*/result.json")
    path = next(path for path in paths if json.loads(path.read_text())["seed"] == 0)
    change(path, key, value)
    assert_refused(lambda: api.open_study(study), path, words)


def test_a_study_does_not_go_on_over_a_damaged_result(study: Path) -> None:
    path = first_run(study) / "result.json"
    change(path, "cost", {})
    assert_refused(lambda: compare(study), path, "lacks 'cost.train_seconds'")


@pytest.mark.parametrize("key", STUDIES)
def test_a_wrong_value_in_a_study_is_named(study: Path, key: str) -> None:
    value, words = STUDIES[key]
    change(study / "study.json", key, value)
    assert_refused(lambda: api.open_study(study), study / "study.json", words)


@pytest.mark.parametrize("key", BASELINES)
def test_a_wrong_value_in_the_baselines_is_named(study: Path, key: str) -> None:
    value, words = BASELINES[key]
    change(study / "baselines.json", key, value)
    assert_refused(lambda: api.open_study(study), study / "baselines.json", words)


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        ({"severity": "zz", "message": "x"}, "has \"zz\" as '[0].severity', which must be 'info'"),
        ({"severity": "error", "message": 5}, "has 5 as '[0].message', which must be a text"),
    ],
)
def test_a_wrong_finding_is_named(study: Path, finding: dict[str, Any], words: str) -> None:
    path = study / "findings.json"
    path.write_text(json.dumps([finding]), encoding="utf-8")
    assert_refused(lambda: api.open_study(study), path, words)


def test_runs_of_two_primary_metrics_are_named(study: Path) -> None:
    path = first_run(study) / "result.json"
    change(path, "primary_metric", "macro_f1")
    with pytest.raises(FolderError, match=r"'macro_f1'.*one of them was changed"):
        api.open_study(study)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "its lists or objects are nested too deep"),
        (b'{"seed": "\xff"}', "its byte 10 is not UTF-8 text"),
        (None, "it is a folder"),
    ],
    ids=["deep", "bytes", "folder"],
)
@pytest.mark.parametrize("name", ["spec.json", "result.json"])
def test_an_unreadable_file_of_a_run_is_named(
    study: Path, name: str, content: bytes | None, words: str
) -> None:
    path = first_run(study) / name
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert_refused(lambda: api.open_study(study), path, f"of a run cannot be read: {words}")


def test_a_lost_spec_is_written_again_and_nothing_is_trained(study: Path) -> None:
    run = first_run(study)
    before, result = json.loads((run / "spec.json").read_text()), (run / "result.json").read_bytes()
    (run / "spec.json").unlink()
    compare(study)
    after = json.loads((run / "spec.json").read_text())
    assert (run / "result.json").read_bytes() == result
    assert after == {name: before[name] for name in after} and "versions" not in after


LINES = {
    "bytes": (b"\xff\xfe\x00\x80\n", "its byte 0 is not UTF-8 text"),
    "other keys": (b'{"id": 5}\n', "it "),
    "no object": (b"7\n", "it holds 7 where an object belongs"),
}


@pytest.mark.parametrize("how", LINES)
@pytest.mark.parametrize("name", ["history.jsonl", "mistakes.jsonl"])
def test_a_damaged_line_is_left_out_with_a_caution(study: Path, name: str, how: str) -> None:
    line, words = LINES[how]
    run = first_run(study)
    whole = (run / name).read_bytes()
    (run / name).write_bytes(whole + line)
    (caution,) = [c for c in api.open_study(study).verdict.cautions if name in c]
    count = len(whole.splitlines()) + 1
    assert caution.startswith(f"{run / name} is damaged from line {count} on ({words}")


@pytest.mark.parametrize("name", ["history.jsonl", "mistakes.jsonl"])
def test_a_folder_in_the_place_of_lines_is_said(study: Path, name: str) -> None:
    path = first_run(study) / name
    path.unlink()
    path.mkdir()
    assert any("it is a folder" in c for c in api.open_study(study).verdict.cautions)


def test_a_line_that_a_kill_tore_is_no_damage(study: Path) -> None:
    path = first_run(study) / "history.jsonl"
    path.write_bytes(path.read_bytes() + b'{"epoch": 9')
    assert not any("history" in c for c in api.open_study(study).verdict.cautions)


def test_lost_predictions_of_baselines_are_said_and_made_again(study: Path) -> None:
    names = sorted(path.name for path in (study / "baselines").iterdir())
    shutil.rmtree(study / "baselines")
    cautions = api.open_study(study).verdict.cautions
    assert any("The predictions of" in c and "are missing in" in c for c in cautions)
    again = compare(study)
    assert sorted(path.name for path in (study / "baselines").iterdir()) == names
    assert not any("missing" in caution for caution in again.verdict.cautions)


def test_lost_baselines_are_said(study: Path) -> None:
    (study / "baselines.json").unlink()
    assert any("no baselines.json" in c for c in api.open_study(study).verdict.cautions)


def test_lost_predictions_of_a_run_are_said_and_made_again(study: Path) -> None:
    path = first_run(study) / "predictions.parquet"
    whole = path.read_bytes()
    path.unlink()
    assert any(f"{path} is missing" in c for c in api.open_study(study).verdict.cautions)
    compare(study)
    assert path.read_bytes() == whole


TABLES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "no rows": (lambda table: table.iloc[:0], "it holds 0 test examples, and there are "),
    "rows gone": (lambda table: table.iloc[:-3], "it holds "),
    "no column": (lambda table: table.drop(columns="terms"), "it lacks the columns terms"),
    "no target": (lambda table: table.assign(target=None), "rows have no 'target'"),
    "no group": (lambda table: table.assign(group=None), "rows have no text as 'group'"),
    "no terms": (lambda table: table.assign(terms=0.5), "rows have no text as 'terms'"),
    "text as terms": (lambda table: table.assign(terms='"x"'), "its 'terms' are not the numbers"),
    "no JSON": (lambda table: table.assign(terms="x"), "Expecting value"),
    "deep": (lambda table: table.assign(terms="[" * 100_000), "nested too deep"),
}


@pytest.mark.parametrize("how", TABLES)
def test_damaged_predictions_are_named(study: Path, how: str) -> None:
    damage, words = TABLES[how]
    path = first_run(study) / "predictions.parquet"
    damage(pd.read_parquet(path)).to_parquet(path, index=False)
    assert_refused(lambda: api.open_study(study), path, words)


def test_damaged_predictions_of_a_baseline_are_made_again(study: Path) -> None:
    path = min((study / "baselines").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert_refused(lambda: api.open_study(study), path, "cannot be read: ")
    path.unlink()
    compare(study)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("key", "value"), [("epochs", 2), ("techniques", ["lora"]), ("seeds", [0, 5])]
)
def test_a_study_that_was_changed_does_not_go_on(study: Path, key: str, value: Any) -> None:
    change(study / "study.json", key, value)
    with pytest.raises(FolderError, match=r"study\.json was changed after it was written"):
        api.resume(study, data=DATA)


SPECS = {
    "seed": (5, "was changed after it was written"),
    "technique": ("lora", "was changed after it was written"),
    "threads": ("two", "has \"two\" as 'threads', which must be a whole number from 1 on"),
    "data": ({}, "lacks 'data.path'"),
    "data.options": (..., "lacks 'data.options'"),
    "data.path": (5, "has 5 as 'data.path', which must be a text"),
    "folders": ([1], "has a list as 'folders', which must be an object"),
}


@pytest.mark.parametrize("key", SPECS)
def test_a_run_whose_spec_was_changed_does_not_go_on(study: Path, key: str) -> None:
    value, words = SPECS[key]
    run = first_run(study)
    (run / "result.json").unlink()
    change(run / "spec.json", key, value)
    with pytest.raises(FolderError) as refused:
        api.resume(run, data=DATA)
    assert f"{run / 'spec.json'} {words}" in str(refused.value)
