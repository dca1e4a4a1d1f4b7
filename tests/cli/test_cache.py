"""`graft cache` lists all that lies in the folder of recordings, and `--clear` removes it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from graft.cli.main import app
from graft.training.frozen import recording


@pytest.fixture
def left_by_killed_processes(tmp_path, monkeypatch):
    """Leave what killed processes leave: one while recording, one while deleting a recording."""
    home = tmp_path / "recordings"
    monkeypatch.setattr(recording, "home", lambda: home)
    for name in ("0123.part", "4567"):
        (home / name).mkdir(parents=True)
        (home / name / "0.bin").write_bytes(b"0" * 2048)
    return home


def _answer(*arguments):
    done = CliRunner().invoke(app, ["cache", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_killed_processes_left_is_counted(left_by_killed_processes):
    assert json.loads(_answer("--json"))["bytes"] == 4096
    assert "4 kB were left by processes that were killed" in _answer()


def test_what_killed_processes_left_is_cleared(left_by_killed_processes):
    shown = _answer("--clear")
    assert list(left_by_killed_processes.iterdir()) == []
    assert "4 kB freed" in shown
