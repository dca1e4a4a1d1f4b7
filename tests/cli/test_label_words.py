"""Label words at the command line: a decoder classifies without training, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

FIT = ("fit", "texts.csv", "-b", "tiny:llama", "-o", "run", "-q", "-t")


@pytest.fixture(autouse=True)
def texts(graft: Graft) -> None:
    """Texts of two classes, whose names are numbers."""
    rows = [
        f"{word} {i},{label}" for label, word in enumerate(("bread", "cloud")) for i in range(12)
    ]
    Path("texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")


def test_nothing_is_trained_and_a_class_is_told(graft: Graft) -> None:
    done = graft(*FIT, r"label-words:template=so {}\nis,words=0=good food;1=the sky")
    assert done.exit_code == 0, done.output
    assert " 0 of " in done.stdout
    kept = json.loads(Path("run/model/config.json").read_text())["graft_label_words"]
    assert [len(word) for word in kept["words"]] == [8, 6]
    rows = json.loads(graft("predict", "run", "bread", "cloud [EOS]", "--json").stdout)
    assert {row["prediction"] for row in rows} <= {"0", "1"}
    assert graft("evaluate", "run", "texts.csv").exit_code == 0
    assert graft("embed", "run", "texts.csv", "-o", "v.npy").exit_code == 0


def test_what_it_cannot_be_asked(graft: Graft) -> None:
    assert_refused(graft(*FIT, "label-words"), "say nothing", "label-words:words=0=some words")
    assert_refused(graft(*FIT, "label-words:words=2=two"), "'2=two'", "0, 1")
    assert_refused(graft(*FIT, "label-words:template=so it is"), "{}", "'so it is'")
    assert_refused(graft(*FIT, "label-words:calibration=magic"), "'contextual'", "'magic'")
    assert_refused(
        graft(*FIT, "label-words:words=0=bad;1=good", "-b", "tiny:bert"),
        "label-words",
        "tiny:bert",
        "decoders",
    )
    assert not Path("run").exists()
