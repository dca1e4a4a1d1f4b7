"""Entities and questions at the command line: from files to predictions, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from graft.base import plugins
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

FIT = ("-b", "tiny:bert", "-t", "full-fine-tuning", "--epochs", "30", "-o", "run", "-q")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """Sentences with people and places, in CoNLL columns."""
    folder = tmp_path / "names"
    plugins.load("format", "conll")().write_tiny(
        plugins.load("task", "token-classification").tiny_data(), folder
    )
    return folder


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Questions for the thing of a color, in SQuAD's JSON."""
    folder = tmp_path / "questions"
    plugins.load("format", "squad")().write_tiny(
        plugins.load("task", "question-answering").tiny_data(), folder
    )
    return folder


def test_entities_are_learned_and_found_in_running_text(graft: Graft, names: Path) -> None:
    assert graft("fit", names, *FIT).exit_code == 0
    result = json.loads(Path("run/result.json").read_text())
    assert result["metrics"]["test"]["entity_f1"]["value"] > 0.9
    assert set(result["per_class"]) == {"LOC", "PER"}
    text = "  Bob  likes\tLima."
    (row,) = json.loads(graft("predict", "run", text, "--json").stdout)
    assert [(e["type"], e["text"]) for e in row["prediction"]] == [("PER", "Bob"), ("LOC", "Lima")]
    assert all(text[e["start"] : e["end"]] == e["text"] for e in row["prediction"])
    assert "Lima [LOC]" in graft("predict", "run", text).stdout
    assert "entity F1" in graft("evaluate", "run", names).stdout
    rows = pd.read_parquet("run/predictions.parquet")
    assert {"terms", "tags", "prediction", "target"} <= set(rows)


def test_answers_are_parts_of_the_context(graft: Graft, questions: Path) -> None:
    assert graft("fit", questions, *FIT).exit_code == 0
    result = json.loads(Path("run/result.json").read_text())
    assert {"answer_f1", "exact_match"} == set(result["metrics"]["test"])
    assert result["data"]["classes"] == []
    context = "the red thing is a lamp. the blue thing is a cup."
    Path("asked.jsonl").write_text(
        json.dumps({"question": "what is blue?", "context": context}) + "\n"
    )
    (row,) = json.loads(graft("predict", "run", "asked.jsonl", "--json").stdout)
    assert row["prediction"] == ("" if row["start"] is None else context[row["start"] : row["end"]])
    assert len(row["n_best"]) == 5


@pytest.mark.slow
def test_a_comparison_of_taggers_has_a_verdict(graft: Graft, names: Path) -> None:
    words = (
        "-b",
        "tiny:bert",
        "-t",
        "full-fine-tuning",
        "--seeds",
        "2",
        "--epochs",
        "8",
        "-o",
        "study",
        "-q",
    )
    done = graft("compare", names, *words)
    assert done.exit_code == 0, done.output
    assert "entity F1" in done.stdout
    assert "most-frequent-tag" in done.stdout or "most frequent tag" in done.stdout
    assert (Path("study") / "report.html").exists()


def test_nothing_is_trained_and_said_so(graft: Graft) -> None:
    rows = [
        f"{word} {i},{label}"
        for label, word in (("food", "bread"), ("sky", "cloud"))
        for i in range(12)
    ]
    Path("texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    words = ("fit", "texts.csv", "-b", "tiny:sentence-bert", "-t", "zero-shot", "-o", "run", "-q")
    assert "nothing is trained" in graft(*words, "--dry-run").stdout
    assert not Path("run").exists()
    done = graft(*words)
    assert done.exit_code == 0, done.output
    assert " 0 of " in done.stdout
    assert graft("report", "run").exit_code == 0
    (row,) = json.loads(graft("predict", "run", "bread", "--json").stdout)
    assert row["prediction"] in ("food", "sky")


def test_tags_that_are_not_as_many_as_tokens(graft: Graft) -> None:
    rows = [
        {"tokens": ["Ada", "sleeps"], "tags": ["B-PER", "O"]},
        {"tokens": ["Bob", "too"], "tags": ["B-PER"]},
    ]
    Path("names.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert_refused(graft("fit", "names.jsonl"), "names.jsonl:2", "2", "1")


def test_a_line_without_its_tag(graft: Graft) -> None:
    Path("train.txt").write_text("Ada B-PER\nsleeps\n\nBob B-PER\nruns O\n")
    assert_refused(graft("fit", "train.txt", "--format", "conll"), "train.txt:2")


def test_a_span_that_cuts_a_word(graft: Graft) -> None:
    row = {"text": "Ada lives in Rome.", "entities": [{"start": 0, "end": 2, "label": "PER"}]}
    Path("names.jsonl").write_text(json.dumps(row) + "\n")
    assert_refused(graft("fit", "names.jsonl"), "names.jsonl:1", "'Ada'", "cuts a word")


def test_an_answer_that_is_not_in_its_context(graft: Graft) -> None:
    row = {
        "question": "Where?",
        "context": "The box is in Rome.",
        "answers": ["Oslo"],
        "answer_start": [14],
    }
    Path("questions.jsonl").write_text(json.dumps(row) + "\n")
    assert_refused(graft("fit", "questions.jsonl"), "questions.jsonl:1", "'Oslo'", "'Rome'")


def test_a_text_is_no_question(graft: Graft, questions: Path) -> None:
    assert graft("fit", questions, *FIT[:4], "--epochs", "1", "-o", "run", "-q").exit_code == 0
    assert_refused(
        graft("predict", "run", "What is blue?"), "question-answering", "context", "question"
    )


def test_shots_need_classes(graft: Graft, names: Path) -> None:
    assert_refused(graft("fit", names, "--shots", "3"), "shots", "fraction")
