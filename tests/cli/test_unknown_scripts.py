"""Texts in unknown scripts are reported in the terminal, the report and result.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Graft

FIT = ("-b", "tiny:bert", "-t", "feature-extraction", "--epochs", "1", "-q", "-o", "run")
SENTENCES = {
    "weather": ("Сегодня идёт дождь", "今天下雨了", "rain ☔ again"),
    "food": ("Мы едим хлеб", "我们吃面包", "bread 🍞 again"),
}


def written(path: Path, foreign: bool) -> Path:
    """Return thirty sentences a class; with `foreign`, two of three are in unknown scripts."""
    lines = ["text,label"]
    for number in range(60):
        label = ("weather", "food")[number % 2]
        lines.append(f"{SENTENCES[label][number % 3] if foreign else label} {number},{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("foreign", [True, False])
def test_unknown_scripts_are_told(graft: Graft, tmp_path: Path, foreign: bool) -> None:
    done = graft("fit", written(tmp_path / "notes.csv", foreign), *FIT)
    assert done.exit_code == 0, done.output
    data = json.loads(Path("run/result.json").read_text())["data"]
    train = data["unknown"]["train"]
    assert train["texts"] == data["counts"]["train"]
    assert (train["share"] > 0.3) == foreign
    assert train["with_unknown"] == (train["texts"] if foreign else 0)
    told = f"note: {100 * train['share']:.0f} % of the tokens of the train texts"
    assert (told in done.stdout) == foreign
    assert ("are unknown to the network, for example" in done.stdout) == foreign
    graft("report", "run")
    assert ("are unknown to the network" in Path("run/report.md").read_text()) == foreign
    assert ("are unknown to the network" in Path("run/report.html").read_text()) == foreign
