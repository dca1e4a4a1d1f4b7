"""Every notebook of the course, and the script of the seven steps, run from beginning to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.behaviour.conftest import DATA
from tests.course import CHAPTERS, maker

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs(chapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real data where they are, else with what packages carry."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    if DATA.is_dir():
        monkeypatch.setenv("GRAFT_DATA", str(DATA))
    notebook = maker().execute(chapter)
    assert any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.slow
def test_the_seven_steps_run(tmp_path: Path) -> None:
    script = ROOT / "examples" / "seven_steps.py"
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "7. Evaluate" in done.stdout
