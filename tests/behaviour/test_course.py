"""Every notebook of the course, and every example without data, run from beginning to end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.behaviour.conftest import DATA
from tests.course import CHAPTERS, load

ROOT = Path(__file__).resolve().parents[2]
USAGE = re.compile(r"^ *python examples/\w+\.py(?: \[.*)?$", re.MULTILINE)
"""How an example is called that needs no argument."""
ALONE = [
    path
    for path in sorted((ROOT / "examples").glob("*.py"))
    if USAGE.search(path.read_text("utf-8"))
]


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs(chapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real data where they are, else with what packages carry."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    if DATA.is_dir():
        monkeypatch.setenv("GRAFT_DATA", str(DATA))
    notebook = load("build").execute(chapter)
    assert any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.slow
@pytest.mark.parametrize("script", ALONE, ids=lambda path: path.stem)
def test_an_example_that_needs_no_data_runs(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_there_are_examples_that_need_no_data() -> None:
    assert {"seven_steps", "keras_vgg16", "torchvision_resnet18"} <= {path.stem for path in ALONE}
