"""The question of a study: each run once, and only runs and baselines that answer it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft import api
from graft.base.errors import BadValue, FolderError
from graft.studies import study
from graft.studies.spec import hash_folders
from graft.studies.study import Question
from graft.training.observers import Observer
from tests.unit.studies.tiny_runs import DATA, DESCRIBED, SPEC


class Notes(Observer):
    def __init__(self):
        self.heard = []

    def note(self, message):
        self.heard.append(message)


def question(
    base=SPEC,
    techniques=("feature-extraction",),
    backbones=("tiny:cnn",),
    seeds=(0,),
    fractions=(1.0,),
):
    return Question(base, techniques, backbones, seeds, fractions, "graft compare tiny")


def probabilities(folder):
    table = pd.read_parquet(folder / "baselines" / "pixels-logistic-1-0.parquet")
    return table.sort_values("id").probabilities.map(tuple).tolist()


def test_baselines_of_other_shots_in_the_folder_are_not_used_again(tmp_path):
    for folder, shots in (("both", 3), ("both", 1), ("alone", 1), ("three", 3)):
        study._write_baselines(question(replace(SPEC, shots=shots)), DATA, tmp_path / folder)
    assert probabilities(tmp_path / "both") == probabilities(tmp_path / "alone")
    assert probabilities(tmp_path / "both") != probabilities(tmp_path / "three")


def test_baselines_of_unweighted_classes_are_not_used_for_weighted_ones(tmp_path):
    for weighted in (False, True):
        study._write_baselines(question(replace(SPEC, weighted=weighted)), DATA, tmp_path)
    rows = json.loads((tmp_path / "baselines.json").read_text())
    assert [row.get("weighted") for row in rows] == [True, True]


def test_a_study_that_grows_keeps_the_baselines_that_it_has(tmp_path):
    base = replace(SPEC, shots=2)
    study._write_baselines(question(base), DATA, tmp_path)
    before = json.loads((tmp_path / "baselines.json").read_text())
    study._write_baselines(question(base, seeds=(0, 1)), DATA, tmp_path)
    after = json.loads((tmp_path / "baselines.json").read_text())
    assert after[: len(before)] == before  # with the seconds that they took then
    assert [row["seed"] for row in after] == [0] * len(before) + [1] * len(before)


def test_what_is_asked_for_twice_is_run_once():
    twice = question(
        techniques=("lora", "lora:r=8", "lora:r=4", "lora"),
        backbones=("tiny:cnn", "tiny:cnn"),
        seeds=(0, 0),
        fractions=(1.0, 1),
    )
    assert [(run.technique, run.backbone, run.seed) for run in twice.runs()] == [
        ("from-scratch", "tiny:cnn", 0),
        ("lora", "tiny:cnn", 0),
        ("lora:r=4", "tiny:cnn", 0),
    ]


def test_a_control_that_spells_out_its_defaults_is_the_control():
    runs = question(techniques=("from-scratch:warmup=0.1", "lora")).runs()
    assert [run.technique for run in runs] == ["from-scratch:warmup=0.1", "lora"]


def test_a_technique_written_differently_is_the_same_run():
    assert replace(SPEC, technique="lora").hash == replace(SPEC, technique="lora:r=8").hash
    sums = (
        "full-fine-tuning+l2-sp:weight=0.01,warmup=0.1",
        "full-fine-tuning + l2-sp:warmup=0.1,weight=0.01",
    )
    assert len({replace(SPEC, technique=technique).hash for technique in sums}) == 1
    assert replace(SPEC, technique="lora").hash != replace(SPEC, technique="lora:r=4").hash


def test_studies_of_other_settings_have_other_folders_and_a_larger_one_the_same(tmp_path):
    from graft.studies.question import check_folder, default_folder

    folder = default_folder(tmp_path, question())
    assert folder == tmp_path / "compare-epochs-1"
    folder.mkdir()
    (folder / "study.json").write_text(json.dumps(question().to_json()))
    assert default_folder(tmp_path, question(techniques=("lora", "bitfit"), seeds=(0, 1))) == folder
    assert (
        default_folder(tmp_path, question(replace(SPEC, epochs=None, shots=8)))
        == tmp_path / "compare-shots-8"
    )
    mended = question(replace(SPEC, data={**DESCRIBED, "hash": "of mended data"}))
    assert default_folder(tmp_path, mended) == tmp_path / f"compare-epochs-1-{mended.identity[:6]}"
    assert check_folder(folder, question(seeds=(0, 1))) == []
    assert check_folder(folder, question(techniques=("lora",)))[0].startswith("1 of the runs in")


def test_a_folder_that_holds_another_study_is_refused(tmp_path):
    (tmp_path / "study.json").write_text(json.dumps(question(replace(SPEC, shots=4)).to_json()))
    with pytest.raises(FolderError, match=r"another study: shots 4, not None\. .*--out"):
        api.compare(
            DATA, ["feature-extraction"], ["tiny:cnn"], epochs=1, precision="fp32", out=tmp_path
        )


def test_a_seed_asked_for_twice_is_noted(tmp_path):
    heard = Notes()
    (tmp_path / "study.json").write_text(json.dumps(question(replace(SPEC, shots=4)).to_json()))
    with pytest.raises(FolderError):
        api.compare(
            DATA, ["lora", "lora:r=8"], ["tiny:cnn"], seeds=[0, 0], out=tmp_path, observer=heard
        )
    assert "The technique lora:r=8 is the same as lora; it is run once." in heard.heard
    assert "The seed 0 was asked for twice; it is run once." in heard.heard


ASKED = {"epochs": 1, "precision": "fp32", "technique": "full-fine-tuning"}


def test_a_retrained_model_folder_makes_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = []
    for seed in (0, 1):
        shutil.rmtree("start", ignore_errors=True)
        api.fit(DATA, "tiny:cnn", seed=seed, out="start", **ASKED)
        folders.append(api.fit(DATA, "local:start/model", **ASKED).folder)
    assert folders[0] != folders[1]


def test_a_finished_run_outlives_the_model_folder_that_it_started_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    api.fit(DATA, "tiny:cnn", out="start", **ASKED)
    first = api.fit(DATA, "start/model", **ASKED)
    assert api.fit(DATA, "local:./start/model/", **ASKED).folder == first.folder
    shutil.rmtree("start")
    assert api.resume(first.folder, data=DATA).result["cost"] == first.result["cost"]


@pytest.mark.parametrize(
    ("backbone", "file"),
    [
        ("local:model", "model/config.json"),
        ("transformers:model", "model/config.json"),
        ("yolox:mine.pth", "mine.pth"),
        ("keras:mine.keras", "mine.keras"),
        ("keras:VGG16:weights=mine.weights.h5", "mine.weights.h5"),
        ("keras:mine.json:weights=mine.weights.h5", "mine.json"),
        ("keras:mine.json:weights=mine.weights.h5", "mine.weights.h5"),
    ],
)
def test_a_model_of_other_content_makes_another_run(backbone, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(file).parent.mkdir(exist_ok=True)
    for name in ("mine.json", "mine.weights.h5", file):
        Path(name).write_text("{}")
    spec = replace(SPEC, backbone=backbone, folders=hash_folders([backbone]))
    spec.check_folders()
    Path(file).write_text("{ }")
    assert replace(spec, folders=hash_folders([backbone])).hash != spec.hash
    with pytest.raises(FolderError, match="has changed since"):
        spec.check_folders()
    Path(file).unlink()
    with pytest.raises(FolderError, match=r"is missing|has changed since"):
        spec.check_folders()


def test_numbers_of_any_type_ask_for_the_same_runs():
    plain = question(seeds=(0, 1), fractions=(1.0,))
    other = question(
        replace(SPEC, epochs=np.float64(1)), seeds=tuple(np.arange(2)), fractions=(np.float32(1),)
    )
    assert [run.hash for run in plain.runs()] == [run.hash for run in other.runs()]
    json.dumps(other.to_json())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"seed": "0"}, "seed"),
        ({"seed": 2**70}, "seed"),
        ({"shots": 1.5}, "shots"),
        ({"fraction": "all"}, "fraction"),
    ],
)
def test_what_is_no_number_is_refused_by_name(given, named):
    with pytest.raises(BadValue, match=f"{named} must be"):
        replace(SPEC, **given)
