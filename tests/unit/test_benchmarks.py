"""The benchmarks refuse names that they do not know, before anything is run or written."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from graft.base.errors import UnknownName

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("name", "words", "near"),
    [
        ("quality", ["--only", "sst2", "hymenopetra"], "hymenoptera"),
        ("speed", ["--rows", "features-cat_dogs"], "features-cats_dogs"),
        ("speed", ["--rows", "partial", "--peers", "plain-pytorch"], "plain_pytorch"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(name, words, near, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module(name)
    shutil.copy(BENCHMARKS / f"{name}.md", tmp_path)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *words, "--print", "--out", str(tmp_path / "out")])
    before = (tmp_path / f"{name}.md").read_text()
    with pytest.raises(UnknownName, match=near):
        module.main()
    assert (tmp_path / f"{name}.md").read_text() == before
