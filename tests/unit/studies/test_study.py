"""Studies and runs as folders: finished runs are skipped, failed ones are rows, others resume."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version

import pandas as pd
import pytest

from graft import api
from graft.base.errors import BadValue, DataError, FolderError
from graft.base.records import Sample
from graft.reports.read import read
from graft.studies.run import execute
from graft.studies.spec import RunSpec
from graft.studies.study import Question, run_study
from graft.training.frozen import recording
from graft.training.observers import Observer
from tests.unit.studies import tiny_runs
from tests.unit.studies.tiny_runs import DATA

SPEC = replace(
    tiny_runs.SPEC, backbone="tiny:efficientnet", technique="feature-extraction:epochs=2"
)


class Events(Observer):
    def __init__(self):
        self.seen = []

    def study_event(self, event):
        self.seen.append((event.done, event.total, event.state, event.message))


def test_the_hash_is_of_what_decides_the_outcome():
    assert SPEC.hash == replace(SPEC, data={**SPEC.data, "path": "elsewhere"}).hash
    others = [
        replace(SPEC, seed=1),
        replace(SPEC, epochs=2),
        replace(SPEC, technique="lora"),
        replace(SPEC, precision="bf16"),
    ]
    assert len({SPEC.hash, *(other.hash for other in others)}) == 5


@pytest.mark.parametrize("verb", [api.fit, api.compare])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_data_that_lack_a_split_are_refused_before_anything_is_written(tmp_path, verb, split):
    rest = {name: samples for name, samples in DATA.splits.items() if name != split}
    for splits in (rest, {**rest, split: []}):
        with pytest.raises(DataError, match=rf"no samples in {split}\. .*graft\.load_data"):
            verb(DATA.with_splits(splits), out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_run_folder_holds_what_is_documented(tmp_path):
    result = execute(SPEC, DATA, tmp_path, Observer())
    names = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert names == {
        "spec.json", "status.json", "history.jsonl", "result.json",
        "predictions.parquet", "mistakes.jsonl", "model", "log.txt",
    }  # fmt: skip
    assert RunSpec.from_json(json.loads((tmp_path / "spec.json").read_text())) == SPEC
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    assert set(table.columns) == {
        "split",
        "id",
        "group",
        "target",
        "prediction",
        "confidence",
        "probabilities",
        "terms",
    }
    test = table[table.split == "test"]
    assert len(test) == len(DATA.splits["test"])
    assert (test.group == test.id).all()
    assert (test.target == test.prediction).mean() == pytest.approx(
        result["metrics"]["test"]["accuracy"]["value"]
    )
    assert result["cost"]["trainable_parameters"] < result["cost"]["total_parameters"]
    assert json.loads((tmp_path / "status.json").read_text())["state"] == "finished"


def test_examples_of_one_group_have_wider_intervals_and_say_so_in_the_predictions(tmp_path):
    thrice = [s for s in DATA.splits["test"] for _ in range(3)]
    samples = [
        Sample(f"scan {i}", {**s.roles, "group": f"patient {i // 3}"}) for i, s in enumerate(thrice)
    ]
    assert len(samples) >= 30, "too few groups are not drawn whole"
    alone = [
        Sample(sample.id, original.roles) for sample, original in zip(samples, thrice, strict=True)
    ]
    grouped, apart = (
        execute(SPEC, DATA.with_splits({**DATA.splits, "test": test}), tmp_path / name, Observer())
        for name, test in (("grouped", samples), ("apart", alone))
    )
    found, narrow = (result["metrics"]["test"]["brier"] for result in (grouped, apart))
    assert found["value"] == narrow["value"]
    assert found["high"] - found["low"] > 1.4 * (narrow["high"] - narrow["low"])
    table = pd.read_parquet(tmp_path / "grouped" / "predictions.parquet").query("split == 'test'")
    assert table.group.tolist() == [f"patient {i // 3}" for i in range(len(samples))]


def test_a_finished_run_is_returned_and_not_run_again(tmp_path):
    first = execute(SPEC, DATA, tmp_path, Observer())
    before = (tmp_path / "history.jsonl").stat().st_mtime_ns
    assert execute(SPEC, DATA, tmp_path, Observer()) == json.loads(json.dumps(first))
    assert (tmp_path / "history.jsonl").stat().st_mtime_ns == before


def test_a_run_that_fails_says_so_in_its_status(tmp_path):
    with pytest.raises(BadValue):
        execute(
            replace(SPEC, technique="partial-fine-tuning:from_group=99"), DATA, tmp_path, Observer()
        )
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["state"] == "failed"
    assert "from_group=99" in status["message"]
    assert not (tmp_path / "result.json").exists()


def test_two_processes_do_not_work_in_one_folder(tmp_path):
    class Second(Observer):
        def phases(self, names):
            with pytest.raises(FolderError, match="in use by process"):
                execute(replace(SPEC, seed=9), DATA, tmp_path, Observer())

    execute(SPEC, DATA, tmp_path, Second())


def test_a_study_skips_what_is_finished_and_tells_what_failed(tmp_path):
    broken = "partial-fine-tuning:from_group=99"
    question = Question(
        SPEC, (SPEC.technique, broken), (SPEC.backbone,), (0,), (1.0,), "graft compare tiny"
    )
    first, second = Events(), Events()
    run_study(question, DATA, tmp_path, 1, first)
    assert sorted(state for _, _, state, _ in first.seen) == ["failed", "finished", "finished"]
    assert next(message for _, _, state, message in first.seen if state == "failed").startswith(
        "from_group=99"
    )
    run_study(question, DATA, tmp_path, 1, second)
    assert sorted(state for _, _, state, _ in second.seen) == ["failed", "skipped", "skipped"]
    about = json.loads((tmp_path / "study.json").read_text())
    assert about["techniques"] == ["from-scratch", SPEC.technique, broken]
    assert Question.from_json(about).runs() == question.runs()
    rows = json.loads((tmp_path / "baselines.json").read_text())
    assert {row["baseline"] for row in rows} == {"majority", "pixels-logistic"}
    assert all((tmp_path / "baselines" / row["predictions"]).exists() for row in rows)
    assert {
        about["versions"]["torch"],
        *(run.spec["versions"]["torch"] for run in read(tmp_path).runs),
    } == {version("torch")}


def test_seeds_and_techniques_share_what_frozen_layers_give(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")
    techniques = ("feature-extraction", "lp-ft", "partial-fine-tuning:views=1")
    results = [
        execute(
            replace(SPEC, technique=technique, seed=seed, epochs=2),
            DATA,
            tmp_path / f"{technique[:4]}{seed}",
            Observer(),
        )
        for technique in techniques
        for seed in (0, 1)
    ]
    splits = {("head", split) for split in ("train", "val", "test")} | {
        ("blocks.4", split) for split in ("train", "val", "test")
    }
    assert len(recording.everything()) == len(splits)
    first, *others = results[:4]  # all behind the head
    assert first["cost"]["cache"]["shared_seconds"] == 0
    assert all(other["cost"]["cache"]["shared_seconds"] > 0 for other in others)
    assert all(
        result["cost"]["train_seconds"] >= result["cost"]["cache"]["shared_seconds"]
        for result in results
    )
