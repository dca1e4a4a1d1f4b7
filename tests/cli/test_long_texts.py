"""Long texts from the command line: what is cut is told, and read whole where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Graft

FIT = ("-b", "tiny:bert", "-t", "feature-extraction", "--epochs", "1", "-q")


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """Texts of 10 and of 300 characters, of which a tiny network reads 126."""
    lines = ["text,label"]
    for number in range(60):
        word, long = ("ant", "bee")[number % 2], number % 3 == 0
        lines.append(f"{' '.join([word, str(number)] * (40 if long else 2))},{word}")
    path = tmp_path / "letters.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_texts_that_are_cut_are_told(graft: Graft, letters: Path) -> None:
    done = graft("fit", letters, *FIT, "-o", "run")
    assert done.exit_code == 0, done.output
    data = json.loads(Path("run/result.json").read_text())["data"]
    assert sum(data["cut"].values()) == 20
    assert f"{data['cut']['train']} of {data['counts']['train']} train" in done.stdout
    graft("report", "run")
    assert "texts are longer than the network reads, and are cut." in Path("run/report.md").read_text()


def test_nothing_is_said_where_nothing_is_cut(graft: Graft, letters: Path) -> None:
    letters.write_text("\n".join(line for line in letters.read_text().splitlines() if len(line) < 100))
    done = graft("fit", letters, *FIT, "-o", "run")
    assert set(json.loads(Path("run/result.json").read_text())["data"]["cut"].values()) == {0}
    assert "cut" not in done.stdout
