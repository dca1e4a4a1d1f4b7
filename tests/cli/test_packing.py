"""Packed texts at the command line: the same numbers for each text, and what cannot be packed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft import api
from graft.backbones.load import load_backbone
from graft.base import plugins
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused
from tests.jobs import job

PACKED = "text-generation:packed=true"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Words to be said twice."""
    folder = tmp_path / "pairs"
    plugins.load("format", "jsonl")().write_tiny(
        plugins.load("task", "text-generation").tiny_data(), folder
    )
    return folder


@pytest.mark.parametrize("network", ["tiny:llama", "tiny:gpt2"])
def test_every_text_has_the_row_that_it_has_unpacked(
    graft: Graft, pairs: Path, network: str
) -> None:
    found = []
    for task in ("text-generation", PACKED):
        folder = task.partition(":")[2] or "plain"
        done = graft(
            "fit",
            pairs,
            "--task",
            task,
            "-b",
            network,
            "-t",
            "zero-shot",
            "--precision",
            "fp32",
            "-o",
            folder,
            "-q",
        )
        assert done.exit_code == 0, done.output
        assert "attention_mask" not in done.output
        found.append(pd.read_parquet(Path(folder) / "predictions.parquet"))
    plain, packs = found
    assert plain[["split", "id", "target", "tokens", "bytes"]].equals(
        packs[["split", "id", "target", "tokens", "bytes"]]
    )
    np.testing.assert_allclose(packs["nats"], plain["nats"], rtol=1e-5)
    terms = [np.array([json.loads(term) for term in rows["terms"]]) for rows in (packs, plain)]
    np.testing.assert_allclose(*terms, rtol=1e-5)


def test_packs_are_learned_saved_and_used(graft: Graft, pairs: Path) -> None:
    words = (
        "-b",
        "tiny:gpt2",
        "-t",
        "full-fine-tuning",
        "--epochs",
        "10",
        "--batch-size",
        "1",
        "-q",
    )
    done = graft("fit", pairs, "--task", PACKED, *words, "-o", "run")
    assert done.exit_code == 0, done.output
    assert json.loads(Path("run/spec.json").read_text())["task"] == PACKED
    assert json.loads(Path("run/model/graft.json").read_text())["task_settings"]["packed"] is True
    lines = [json.loads(line) for line in Path("run/history.jsonl").read_text().splitlines()]
    assert lines[-1]["val"]["bits_per_byte"] < lines[0]["val"]["bits_per_byte"] - 1
    assert lines[-1]["step"] < 10 * 24, "fewer steps than examples"
    assert "bits per byte" in graft("evaluate", "run", pairs).stdout
    rows = json.loads(graft("predict", "run", "ab:", "abcde:", "--json").stdout)
    assert [type(row["prediction"]) for row in rows] == [str, str]
    assert api.load("run").embed(["ab:", "abcde:"]).shape == (2, 32), "a vector a text, not a pack"


def test_continued_pretraining_in_packs(graft: Graft, tmp_path: Path) -> None:
    rows = [
        f"the {'sun' if i % 2 else 'bread'} is number {i},{'sky' if i % 2 else 'food'}"
        for i in range(60)
    ]
    Path("d.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    steps = []
    for technique in ("causal-language-modeling", "causal-language-modeling:packed=true"):
        chain = f"{technique} then full-fine-tuning"
        done = graft(
            "fit", "d.csv", "-b", "tiny:llama", "-t", chain, "--epochs", "1", "-o", technique
        )
        assert done.exit_code == 0, done.output
        lines = [
            json.loads(line) for line in Path(technique, "history.jsonl").read_text().splitlines()
        ]
        steps.append(
            max(line["step"] for line in lines if line["phase"] == "causal language modeling")
        )
    assert steps[1] < steps[0] / 2


def test_what_cannot_be_packed_is_refused(graft: Graft, pairs: Path) -> None:
    tokenizer = load_backbone("tiny:llama", job("text-generation")).preprocess.tokenizer
    settings = {
        "model_type": "bloom",
        "hidden_size": 32,
        "n_layer": 2,
        "n_head": 2,
        "vocab_size": len(tokenizer),
    }
    found = plugins.load("source", "transformers")().create(
        settings, tokenizer, job("text-generation")
    )
    for part in (found.network, tokenizer):
        part.save_pretrained("bloom")
    words = ("-b", "./bloom", "-q", "-t", "full-fine-tuning", "-o", "run")
    assert_refused(
        graft("fit", pairs, "--task", PACKED, *words),
        "'bloom'",
        "keep the texts of a pack apart",
        "packed=true",
    )
    assert_refused(
        graft("fit", pairs, "--task", "text-generation:packed=2", *words), "true or false", "'2'"
    )
