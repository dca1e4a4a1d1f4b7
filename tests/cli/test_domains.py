"""Several domains in one folder: one is left out in turn, or named as the target."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.conftest import Graft
from tests.unit.data.test_target import pictures

ONE = ("--epochs", "1", "--seeds", "1", "--jobs", "1")
WORDS = ("-b", "tiny:cnn", "--batch-size", "8", *ONE, "-q")


@pytest.fixture
def domains(tmp_path: Path) -> str:
    for shade, name in enumerate(("art", "photo", "sketch")):
        pictures(tmp_path / "pacs" / name, ("ants", "bees"), count=8, shade=60 * shade)
    return str(tmp_path / "pacs")


@pytest.mark.slow
def test_leaving_one_domain_out_answers_with_a_row_a_technique(
    domains: str, graft: Graft, schemas: ModuleType
) -> None:
    asked = ("compare", domains, "--leave-one-domain-out", "-t", "feature-extraction", *WORDS)
    done = graft(*asked, "--out", "out", "--json")
    assert done.exit_code == 0, done.output
    schemas.check("compare", done.stdout)
    answer = json.loads(done.stdout)
    assert set(answer["reports"]) == {"art", "photo", "sketch"}
    assert {row["technique"] for row in answer["rows"]} >= {"feature-extraction", "from-scratch"}
    shown = graft(*asked, "--out", "out")  # nothing is trained again
    assert "feature-extraction" in shown.stdout
    assert "sketch: No verdict from one seed" in shown.stdout


def test_check_says_that_there_are_few_unlabeled_samples(domains: str, graft: Graft) -> None:
    done = graft("check", f"{domains}/art", "--unlabeled", f"{domains}/photo")
    assert done.exit_code == 0, done.output
    assert "16 samples without labels and 11 samples to train on" in done.output
