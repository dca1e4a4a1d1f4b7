"""Consoles, scripts and arguments as users have them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import graft

SCRIPT = """
import graft

study = graft.compare("data.csv", {techniques!r}, "tiny:bert", seeds=1, epochs=1, out="study")
print(sorted(path.name for path in study.folder.glob("runs/*/result.json")))
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Thirty texts of two classes, in a script that is not Latin."""
    rows = "".join(
        f"текст номер {i} {'да' if i % 2 else 'нет'},{'pos' if i % 2 else 'neg'}\n"
        for i in range(30)
    )
    (tmp_path / "data.csv").write_text("text,label\n" + rows, encoding="utf-8")
    return tmp_path


def python(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    environment = os.environ | variables
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, timeout=300
    )


@pytest.mark.slow
def test_a_script_without_a_main_guard_runs(data: Path) -> None:
    (data / "run.py").write_text(SCRIPT.format(techniques=["feature-extraction"]))
    done = python(data, "run.py")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines()[-1] == "['result.json', 'result.json']"
    assert b"freeze_support" not in done.stderr


def test_what_a_console_cannot_show_is_replaced(data: Path) -> None:
    command = [
        "-m",
        "graft.cli",
        "check",
        "data.csv",
        "--columns",
        "label=text",
        "--columns",
        "text=label",
    ]
    done = python(data, *command, PYTHONIOENCODING="cp1252")
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert b"?" in done.stdout


def test_one_name_is_taken_where_a_list_is_meant(data: Path) -> None:
    options = {"seeds": 1, "epochs": 1, "dry_run": True, "out": data / "study"}
    plan = graft.compare(str(data / "data.csv"), "feature-extraction", "tiny:bert", **options)
    assert {cell.technique for cell in plan.cells} == {"from-scratch", "feature-extraction"}
