"""`graft demo`, from its data to its verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graft.base.errors import BackboneError
from graft.datasets import write_questions
from tests.cli.conftest import Graft


@pytest.mark.slow
def test_the_demo_wins_once_and_loses_once(graft: Graft, tmp_path: Path) -> None:
    try:
        write_questions(tmp_path)
    except BackboneError as error:
        pytest.skip(str(error))
    done = graft("demo", "--json", "-q")
    assert done.exit_code == 0, done.output
    studies = json.loads(done.stdout)
    assert studies["questions"]["verdict"]["outcome"] == "positive transfer"
    assert studies["questions"]["verdict"]["against_baseline"] == "better"
    assert studies["digits"]["verdict"]["against_baseline"] == "worse"
    assert all(Path(study["report"]).exists() for study in studies.values())
