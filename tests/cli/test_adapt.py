"""The verb adapt, with a target without labels: predictions, and no verdict."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from tests.cli.conftest import Graft
from tests.unit.data.test_target import pictures

WORDS = ("-t", "mcc", "-b", "tiny:cnn", "--epochs", "1", "--batch-size", "8", "-q")


@pytest.fixture
def domains(tmp_path: Path) -> tuple[str, str]:
    source = pictures(tmp_path / "photos", ("ants", "bees"))
    return str(source), str(pictures(tmp_path / "drawings", ("",), count=9, shade=90))


def test_it_says_who_chose_and_where_the_predictions_are(
    domains: tuple[str, str], graft: Graft, schemas: ModuleType
) -> None:
    done = graft("adapt", *domains, *WORDS, "--out", "out")
    assert done.exit_code == 0, done.output
    assert "mcc was chosen by mixval. The target has no labels" in done.stdout
    assert Path("out/mcc/target.csv").exists()
    again = graft("adapt", *domains, *WORDS, "--out", "out", "--json")  # nothing is trained again
    schemas.check("adapt", again.stdout)
    answer = json.loads(again.stdout)
    assert answer["technique"] == "mcc"
    assert Path(answer["predictions"]).name == "target.csv"
    choice = answer["choice"]
    assert choice["validators"] == {"mcc": answer["validators"]}
    assert choice["samples"] == 9
    mine, others = (
        pd.read_csv(path)["prediction"]
        for path in (answer["predictions"], _predict(graft, "out/source-only", domains[1]))
    )
    assert choice["changed"] == (mine != others).sum()
    assert f"{choice['changed']} of 9 predictions differ from those of source-only" in done.stdout


def _predict(graft: Graft, run: str, data: str) -> Path:
    assert graft("predict", run, data, "--out", "control.csv").exit_code == 0
    return Path("control.csv")


def test_a_dry_run_says_how_long_each_technique_takes_and_writes_nothing(
    domains: tuple[str, str], graft: Graft, schemas: ModuleType
) -> None:
    asked = ("adapt", *domains, *WORDS, "-t", "deep-coral", "--out", "out", "--dry-run")
    done = graft(*asked, "--json")
    schemas.check("adapt", done.stdout)
    plan = json.loads(done.stdout)
    assert [cell["technique"] for cell in plan["cells"]] == ["mcc", "deep-coral", "source-only"]
    assert plan["seconds"] == sum(cell["seconds"] for cell in plan["cells"]) > 0
    assert {cell["backbone"] for cell in plan["cells"]} == {"tiny:cnn"}
    assert graft("adapt", *domains, *WORDS, "--out", "out").exit_code == 0
    done = graft(*asked)
    assert "nothing was written" in done.stdout
    assert "mcc" not in done.stdout  # its run is finished
    assert not Path("out/deep-coral").exists()


def test_a_dry_run_with_labels_of_the_target_is_that_of_the_comparison(
    domains: tuple[str, str], graft: Graft, tmp_path: Path
) -> None:
    target = str(pictures(tmp_path / "labeled", ("ants", "bees"), shade=90))
    done = graft("adapt", domains[0], target, *WORDS, "--out", "out", "--dry-run", "--json")
    assert {cell["technique"] for cell in json.loads(done.stdout)["cells"]} == {
        "mcc",
        "source-only",
    }
    assert not Path("out").exists()


def test_what_is_no_validator_is_refused(domains: tuple[str, str], graft: Graft) -> None:
    done = graft("adapt", *domains, *WORDS, "--selected-by", "mixvals")
    assert done.exit_code == 2
    assert "mixval" in done.output


def test_what_was_refused_during_a_run_leaves_the_folder_to_the_corrected_command(
    domains: tuple[str, str], graft: Graft
) -> None:
    asked = ("fit", domains[0], "--unlabeled", domains[1], "-b", "tiny:cnn", "-q", "--epochs", "1")
    clusters = "deep-clustering:clusters={},epochs=1 then full-fine-tuning"
    refused = graft(*asked, "-t", clusters.format(5000), "--out", "out")
    assert refused.exit_code == 2, refused.output
    corrected = graft(*asked, "-t", clusters.format(2), "--out", "out")
    assert corrected.exit_code == 0, corrected.output
    assert json.loads(Path("out/result.json").read_text())["technique"] == clusters.format(2)
    again = graft(*asked, "-t", clusters.format(3), "--out", "out")
    assert again.exit_code == 2 and "holds another run" in again.output
