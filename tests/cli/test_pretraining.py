"""Pretraining on the user's texts from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

CHAIN = "masked-language-modeling then full-fine-tuning"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        f"the {'sun' if i % 2 else 'bread'} is number {i},{'sky' if i % 2 else 'food'}"
        for i in range(60)
    ]
    (tmp_path / "d.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return tmp_path / "d.csv"


def test_few_labels_and_many_texts(graft: Graft, table: Path) -> None:
    Path("more.txt").write_text("a cloud and the moon. " * 200)
    words = (
        "fit",
        table,
        "-b",
        "tiny:bert",
        "-t",
        CHAIN,
        "--shots",
        4,
        "--epochs",
        1,
        "--unlabeled",
        "more.txt",
    )
    assert "masked" in graft(*words, "--dry-run").stdout
    done = graft(*words, "-o", "run", "-q")
    assert done.exit_code == 0, done.output
    phases = [
        json.loads(line)["phase"] for line in Path("run/history.jsonl").read_text().splitlines()
    ]
    assert list(dict.fromkeys(phases)) == ["masked language modeling", "fine-tuning"]
    assert json.loads(Path("run/result.json").read_text())["data"]["counts"]["unlabeled"] > 20


def test_what_leaves_the_head_untrained_is_refused(graft: Graft, table: Path) -> None:
    assert_refused(
        graft("fit", table, "-b", "tiny:bert", "-t", "masked-language-modeling"),
        "then full-fine-tuning",
    )
