"""Translation and summarization at the command line: from files to texts, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from sacrebleu.metrics import BLEU, CHRF

from graft.base import plugins
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

FIT = ("-b", "tiny:llama", "-o", "run", "-q")


@pytest.fixture
def parallel(tmp_path: Path) -> Path:
    folder = tmp_path / "words"
    plugins.load("format", "parallel")().write_tiny(
        plugins.load("task", "translation").tiny_data(), folder
    )
    return folder


@pytest.fixture
def summaries(tmp_path: Path) -> Path:
    folder = tmp_path / "weather"
    plugins.load("format", "jsonl")().write_tiny(
        plugins.load("task", "summarization").tiny_data(), folder
    )
    return folder


def test_parallel_files_are_learned_and_translated(graft: Graft, parallel: Path) -> None:
    done = graft(
        "fit", parallel, *FIT, "--task", "translation", "-t", "full-fine-tuning", "--epochs", "3"
    )
    assert done.exit_code == 0, done.output
    result = json.loads(Path("run/result.json").read_text())
    assert result["primary_metric"] == "bleu"
    lines = [json.loads(line)["val"] for line in Path("run/history.jsonl").read_text().splitlines()]
    assert all(set(line) == {"loss", "bits_per_byte"} for line in lines), (
        "nothing is written while training goes on"
    )
    assert lines[-1]["loss"] < lines[0]["loss"]
    rows = pd.read_parquet("run/predictions.parquet")
    rows = rows[rows["split"] == "test"]
    told, true = rows["prediction"].tolist(), [rows["target"].tolist()]
    assert all(isinstance(text, str) for text in told)
    for name, package in (("bleu", BLEU()), ("chrf", CHRF())):
        assert 100 * result["metrics"]["test"][name]["value"] == pytest.approx(
            package.corpus_score(told, true).score
        )
    assert "copy-source" in result["baseline"]
    assert {"prompt", "output", "reference"} == set(result["samples"][0])
    (row,) = json.loads(graft("predict", "run", "red cat", "--json").stdout)
    assert isinstance(row["prediction"], str) and 0 <= row["confidence"] <= 1
    assert (
        graft("generate", "run", "red cat", "--num-beams", "2", "--max-new-tokens", "5").exit_code
        == 0
    )
    again = json.loads(graft("evaluate", "run", parallel, "--json").stdout)
    assert again["bleu"]["value"] == pytest.approx(
        result["metrics"]["test"]["bleu"]["value"], abs=1e-6
    )
    turned = graft(
        "evaluate",
        "run",
        parallel,
        "--columns",
        "source=target",
        "--columns",
        "target=source",
        "--json",
    )
    assert json.loads(turned.stdout)["chrf"] != again["chrf"]


@pytest.mark.slow
def test_summaries_are_compared_with_the_first_sentence(graft: Graft, summaries: Path) -> None:
    words = (
        "compare",
        summaries,
        "--task",
        "summarization",
        "-b",
        "tiny:bart",
        "--seeds",
        "2",
        "--epochs",
        "1",
    )
    done = graft(*words, "-o", "study", "-q")
    assert done.exit_code == 0, done.output
    assert "lead-sentences" in done.stdout and "ROUGE-1" in done.stdout
    page = Path("study/report.html").read_text()
    assert "first sentences" in page and ">bits per byte</th>" in page


def test_the_task_is_asked_for_where_both_fit(graft: Graft, summaries: Path) -> None:
    assert_refused(graft("fit", summaries, *FIT), "--task", "summarization", "translation")


def test_uneven_parallel_files(graft: Graft, parallel: Path) -> None:
    with open(parallel / "train.target", "a") as file:
        file.write("noch eine\n")
    assert_refused(
        graft("fit", parallel, *FIT, "--task", "translation"),
        "train.source",
        "24",
        "train.target",
        "25",
    )


def test_a_network_that_is_no_decoder(graft: Graft, parallel: Path) -> None:
    refused = graft("fit", parallel, "--task", "translation", "-b", "tiny:bert", "-o", "run")
    assert_refused(refused, "for translation", "bert", "smollm2")


def test_a_technique_for_networks_with_biases(graft: Graft, parallel: Path) -> None:
    assert_refused(
        graft("fit", parallel, *FIT, "--task", "translation", "-t", "bitfit"),
        "tiny:llama has none",
        "lora",
    )
    assert not Path("run").exists()
