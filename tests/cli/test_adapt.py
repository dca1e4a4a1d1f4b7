"""The verb adapt, with a target without labels: predictions, and no verdict."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

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


def test_what_is_no_validator_is_refused(domains: tuple[str, str], graft: Graft) -> None:
    done = graft("adapt", *domains, *WORDS, "--selected-by", "mixvals")
    assert done.exit_code == 2
    assert "mixval" in done.output
