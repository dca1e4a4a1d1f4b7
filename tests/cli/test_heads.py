"""Another head than the usual one, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

FIT = ("-b", "tiny:bert", "--epochs", "1", "-q")


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """Forty short texts of two classes."""
    lines = [f"{('ant', 'bee')[i % 2]} {i},{('ant', 'bee')[i % 2]}" for i in range(40)]
    path = tmp_path / "letters.csv"
    path.write_text("\n".join(["text,label", *lines]) + "\n")
    return path


def test_a_run_under_another_head_is_kept_and_predicts(graft: Graft, letters: Path) -> None:
    task = "text-classification:head=pooled"
    done = graft("fit", letters, *FIT, "-t", "feature-extraction", "--task", task, "-o", "run")
    assert done.exit_code == 0, done.output
    card = json.loads(Path("run/model/graft.json").read_text())
    assert (card["head"], card["job"]["form"]) == ("pooled", "sequence")
    rows = json.loads(graft("predict", "run", "ant 1", "bee 2", "--json").stdout)
    assert [row["prediction"] for row in rows] == ["ant", "bee"]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("poled", ("'poled'", "Did you mean 'pooled'?")),
        ("number", ("'number'", "classes", "linear", "pooled")),
    ],
)
def test_a_head_that_may_not_stand_there_is_refused(
    graft: Graft, letters: Path, head: str, words: tuple[str, ...]
) -> None:
    task = f"text-classification:head={head}"
    assert_refused(graft("fit", letters, *FIT, "--task", task, "-o", "run"), *words)
    assert not Path("run").exists()


def test_the_heads_of_a_task_are_listed_in_its_info(graft: Graft) -> None:
    assert (
        "head=auto  attention-pooled | linear | pooled"
        in graft("info", "text-classification").stdout
    )
    parameters = json.loads(graft("info", "text-regression", "--json").stdout)["parameters"]
    allowed = {parameter["name"]: parameter["allowed"] for parameter in parameters}
    assert allowed["head"] == "attention-pooled | number | pooled"


def test_label_words_has_a_head_of_its_own(graft: Graft, letters: Path) -> None:
    words = ("-b", "tiny:llama", "-t", "label-words", "--task", "text-classification:head=pooled")
    assert_refused(graft("fit", letters, *words, "-o", "run", "-q"), "'label-words'", "head=pooled")
