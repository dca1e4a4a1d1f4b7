"""Pairs of texts: which columns they are, and from a table to predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import graft
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.checks.inspect import inspect
from graft.data.data import Data
from graft.data.load import load_data, read
from graft.studies.run import build_model
from graft.tasks.text_classification import TextClassification


def table(folder: Path, *rows: dict) -> Path:
    (folder / "t.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    return folder / "t.jsonl"


@pytest.mark.parametrize(
    "names",
    [
        ("sentence1", "sentence2"),
        ("premise", "hypothesis"),
        ("text_a", "text_b"),
        ("question1", "question2"),
    ],
)
def test_pairs_are_known_by_the_names_of_their_columns(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    first, second = names
    data = read(
        table(
            tmp_path,
            *({"id": i, first: f"a {i}", second: f"b {i}", "label": i % 2} for i in range(4)),
        )
    )
    assert data.kind == "text-pairs" and data.splits["all"][3].roles == {
        "text": "a 3",
        "text_pair": "b 3",
        "label": "1",
    }
    assert any(f"for one text: --columns text={first}+{second}" in note for note in data.notes)
    joined = read(tmp_path / "t.jsonl", columns={"text": f"{first}+{second}"})
    assert joined.kind == "labels" and joined.splits["all"][3].roles["text"] == "a 3 b 3"


def test_columns_of_other_names_are_pairs_when_asked_for(tmp_path: Path) -> None:
    file = table(
        tmp_path, *({"claim": f"a {i}", "evidence": f"b {i}", "label": i % 2} for i in range(4))
    )
    data = read(file, columns={"text": "claim", "text_pair": "evidence"})
    assert data.splits["all"][0].roles == {"text": "a 0", "text_pair": "b 0", "label": "0"}


def test_a_pair_is_equal_to_the_same_pair_only() -> None:
    def pair(name: str, text: str, other: str, label: str) -> Sample:
        return Sample(name, {"text": text, "text_pair": other, "label": label})

    train = [
        pair("1", "Is it?", "It is.", "a"),
        pair("2", "is it?", "It  is.", "b"),
        pair("3", "It is.", "Is it?", "a"),
    ]
    found = {f.code: f for f in inspect(Data({"train": train}))}
    assert found["duplicates"].samples == ("2",)
    assert "1 is 'a' / 2 is 'b'" in found["conflicting-labels"].message


def pairs(count: int) -> list[dict]:
    """Pairs of the same word, or of two."""
    rng = np.random.default_rng(0)
    words = ["ant", "bee", "crow", "dog"]
    rows = []
    for i in range(count):
        first = words[int(rng.integers(4))]
        second = first if i % 2 else words[(words.index(first) + 1) % 4]
        rows.append(
            {
                "sentence1": f"{first} {i}",
                "sentence2": f"{second} {i}",
                "label": ("other", "same")[i % 2],
            }
        )
    return rows


def test_a_network_is_trained_on_pairs_and_predicts_pairs(tmp_path: Path) -> None:
    data = load_data(table(tmp_path, *pairs(60)))
    run = graft.fit(
        data,
        "tiny:bert",
        "full-fine-tuning",
        epochs=1,
        batch_size=8,
        precision="fp32",
        out=tmp_path / "run",
    )
    model = run.model
    assert model.task.settings()["pairs"]
    told = model.predict([("ant 1", "ant 1"), ("ant 1", "bee 1")])
    assert [row["id"] for row in told] == ["text:1", "text:2"]
    as_dicts = model.predict(
        [{"text": "ant 1", "text_pair": "ant 1"}, {"text": "ant 1", "text_pair": "bee 1"}]
    )
    assert [row["probabilities"] for row in as_dicts] == [row["probabilities"] for row in told]
    new = tmp_path / "new"
    new.mkdir()
    rows = [
        {"sentence1": "ant 1", "sentence2": "ant 1"},
        {"sentence1": "ant 1", "sentence2": "bee 1"},
    ]
    assert [row["probabilities"] for row in model.predict(table(new, *rows))] == [
        row["probabilities"] for row in told
    ]
    with pytest.raises(DataError, match=r"the model reads pairs of texts"):
        model.predict(["ant 1"])


@pytest.mark.parametrize("network", ["tiny:bert", "tiny:roberta", "tiny:gpt2", "tiny:t5"])
def test_the_tokenizer_joins_the_two_texts_and_order_matters(network: str) -> None:
    preprocess = build_model(
        network, TextClassification(("a", "b"), pairs=True), True, 0
    ).backbone.preprocess
    one, other = (
        preprocess(pair, None)["input_ids"].tolist() for pair in (("ant", "bee"), ("bee", "ant"))
    )
    assert one != other and sorted(one) == sorted(other)
    if preprocess.tokenizer.num_special_tokens_to_add(pair=True):
        assert one != preprocess("ant bee", None)["input_ids"].tolist()
    long = preprocess(("ant " * 500, "bee"), None)["input_ids"].tolist()
    assert len(long) == preprocess.max_length and long[-2:] == one[-2:], "the longer text is cut"
    assert preprocess.cuts(("ant " * 500, "bee")) and not preprocess.cuts(("ant", "bee"))


def test_a_model_of_single_texts_reads_no_pairs_unless_they_are_joined() -> None:
    sample = Sample("1", {"text": "a", "text_pair": "b", "label": "x"})
    with pytest.raises(DataError, match=r"reads single texts.*text=NAME\+NAME"):
        TextClassification(("x", "y")).without_target(sample)
    assert TextClassification(("x", "y"), pairs=True).without_target(sample).roles == {
        "text": "a",
        "text_pair": "b",
    }
