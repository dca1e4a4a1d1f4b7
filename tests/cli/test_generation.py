"""Text generation at the command line: from a text file to generated text, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from graft.base import plugins
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

FIT = ("-b", "tiny:llama", "-o", "run", "-q")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A text that says the same again and again."""
    file = tmp_path / "book.txt"
    file.write_text(
        "\n\n".join("the cat sat on the mat. the dog ate the cat. " * 4 for _ in range(60))
    )
    return file


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Words to be said twice."""
    folder = tmp_path / "pairs"
    plugins.load("format", "jsonl")().write_tiny(
        plugins.load("task", "text-generation").tiny_data(), folder
    )
    return folder


def test_a_text_is_learned_and_continued(graft: Graft, book: Path) -> None:
    done = graft("fit", book, *FIT, "-t", "full-fine-tuning", "--epochs", "8")
    assert done.exit_code == 0, done.output
    result = json.loads(Path("run/result.json").read_text())
    lines = [json.loads(line) for line in Path("run/history.jsonl").read_text().splitlines()]
    assert (
        result["metrics"]["test"]["bits_per_byte"]["value"] < lines[0]["val"]["bits_per_byte"] - 1
    )
    assert result["baseline"]["byte-n-grams"]["bits_per_byte"]["value"] < 1
    assert {"prompt", "output", "reference"} == set(result["samples"][0])
    rows = pd.read_parquet("run/predictions.parquet")
    assert {"terms", "prediction", "confidence", "target"} <= set(rows)
    assert "bits per byte" in graft("evaluate", "run", book).stdout
    words = ("generate", "run", "the cat sat", "--max-new-tokens", "5")
    (told,) = json.loads(graft(*words, "--json").stdout)
    assert told["prompt"] == "the cat sat"
    assert told["output"] in graft(*words).stdout
    drawn = graft(*words, "the dog", "--temperature", "1", "--top-k", "3", "--seed", "4")
    assert drawn.exit_code == 0, drawn.output
    assert "> the dog" in drawn.stdout
    (row,) = json.loads(graft("predict", "run", "the cat", "--json").stdout)
    assert isinstance(row["prediction"], str) and 0 <= row["confidence"] <= 1


def test_the_saved_folder_is_a_pipeline_of_transformers(graft: Graft, pairs: Path) -> None:
    from transformers import pipeline

    from graft import api

    assert graft("fit", pairs, *FIT, "--epochs", "3").exit_code == 0
    assert json.loads(Path("run/result.json").read_text())["technique"] == "lora"
    model = api.load("run")
    ours = model.generate("abc:", max_new_tokens=6)
    theirs = pipeline("text-generation", model="run/model", tokenizer="run/model")
    told = theirs(
        "[BOS]abc:\n", max_new_tokens=6, max_length=None, do_sample=False, return_full_text=False
    )
    assert ours == [told[0]["generated_text"]]
    assert len(model.predict([{"prompt": "ab:"}, {"prompt": "abcde:"}])) == 2


@pytest.mark.slow
def test_a_comparison_has_a_verdict_and_shows_what_was_written(graft: Graft, pairs: Path) -> None:
    done = graft(
        "compare", pairs, "-b", "tiny:llama", "--seeds", "2", "--epochs", "2", "-o", "study", "-q"
    )
    assert done.exit_code == 0, done.output
    assert "byte-n-grams" in done.stdout
    about = json.loads(Path("study/study.json").read_text())
    assert about["techniques"] == ["from-scratch", "full-fine-tuning", "lora"]
    assert "acbdd:" in Path("study/report.html").read_text()


def test_a_technique_about_a_new_head_is_refused(graft: Graft, book: Path) -> None:
    assert_refused(
        graft("fit", book, *FIT, "-t", "feature-extraction"),
        "feature-extraction",
        "new head",
        "lora",
    )
    assert_refused(
        graft("fit", book, *FIT, "-t", "bitfit"), "trains biases", "tiny:llama has none", "lora"
    )


def test_a_prompt_longer_than_the_window(graft: Graft) -> None:
    rows = [{"prompt": "say " * n, "completion": "it"} for n in (3, 4, 5, 6, 7, 80)]
    Path("p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert_refused(graft("fit", "p.jsonl", *FIT), "p.jsonl:6", "128", "not cut")


def test_a_network_that_is_no_decoder(graft: Graft, book: Path) -> None:
    assert_refused(
        graft("fit", book, "-b", "tiny:bert", "-o", "run"),
        "bert",
        "tokens that it would have to predict",
        "smollm2",
    )


def test_a_classifier_writes_nothing(graft: Graft, run: Path) -> None:
    assert_refused(graft("generate", run, "hello"), "writes no text", "predict")
