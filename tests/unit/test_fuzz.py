"""A small part of `benchmarks/fuzz.py`: damaged data are answered or refused, in any format."""

from __future__ import annotations

import importlib
import itertools
from pathlib import Path
from types import ModuleType

import pytest

from graft.base import plugins

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/fuzz.py, which is no part of the package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("fuzz")


def test_damaged_data_are_answered_or_refused(fuzz: ModuleType, tmp_path: Path) -> None:
    campaign = fuzz.Campaign(tmp_path)
    assert set(campaign.seeds) == set(plugins.names("format"))
    rows = [campaign.run(number, tmp_path / "case") for number in range(60)]
    assert fuzz.faults(rows) == []
    assert {row["outcome"] for row in rows} == {"answer", "refused"}


def test_a_case_is_the_same_again(fuzz: ModuleType, tmp_path: Path) -> None:
    seeds = fuzz.write_seeds(tmp_path / "seeds")
    for number in range(10):
        cases = [fuzz.make_case(number, seeds, tmp_path / name) for name in ("one", "other")]
        one, other = (
            (tmp_path / name / case["file"]).read_bytes()
            for name, case in zip(("one", "other"), cases, strict=True)
        )
        assert cases[0]["mutation"] == cases[1]["mutation"] and one == other


def test_what_does_not_end_is_a_hang(fuzz: ModuleType) -> None:
    with pytest.raises(fuzz.Hang), fuzz.time_limit(0.01):
        for _ in itertools.count():
            pass


def test_an_answer_that_lacks_a_file_is_wrong(fuzz: ModuleType) -> None:
    def answer(**sizes: int) -> dict:
        splits = {split: {"samples": size, "classes": {}} for split, size in sizes.items()}
        return {"kind": "pairs", "classes": [], "splits": splits, "findings": []}

    whole = answer(train=6, test=4)
    assert fuzz.problem_of(answer(train=6, test=3), whole, "test.json", False) is None
    assert (
        fuzz.problem_of(answer(train=5, test=1), whole, "test.json", False)
        == "the samples of test are missing in silence"
    )
    assert (
        fuzz.problem_of(answer(train=6, test=3), whole, "test.json", True)
        == "the damage is none, but changes splits"
    )
