"""Entities and answers on real data with the default network.

They are better than the baselines, and transformers opens the saved models.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import graft
from graft.base.records import Batch
from graft.data.data import Data


def cut(data: Data, **most: int) -> Data:
    return data.with_splits(
        {name: data.splits[name][: most[name]] for name in ("train", "val", "test")}
    )


@pytest.fixture(scope="module")
def tagger(real, tmp_path_factory):
    """MiniLM fine-tuned on 600 sentences of news."""
    data = cut(graft.load_data(real("conll2003")), train=600, val=100, test=300)
    return graft.fit(
        data, technique="full-fine-tuning", epochs=3, out=tmp_path_factory.mktemp("tagger") / "run"
    )


@pytest.mark.slow
def test_entities_are_found_far_better_than_by_the_most_frequent_tag(tagger):
    found, beaten = (
        tagger.result["metrics"]["test"]["entity_f1"],
        tagger.result["baseline"]["most-frequent-tag"]["entity_f1"],
    )
    assert found["low"] > beaten["high"]
    assert set(tagger.result["per_class"]) == {"LOC", "MISC", "ORG", "PER"}


@pytest.mark.slow
def test_entities_are_parts_of_the_users_own_text(tagger):
    text = 'Yesterday  in\tParis, "Angela Merkel" said no.'
    (row,) = tagger.model.predict(text)
    assert {(entity["type"], entity["text"]) for entity in row["prediction"]} >= {("LOC", "Paris")}
    assert all(
        text[entity["start"] : entity["end"]] == entity["text"] for entity in row["prediction"]
    )


@pytest.mark.slow
def test_the_pipeline_of_transformers_gives_the_same_tags(tagger):
    from transformers import pipeline

    texts = ["Jan Peters flew from Oslo to Rome .", "The Bank of England is in London ."]
    theirs = pipeline("token-classification", model=str(tagger.folder / "model"), ignore_labels=[])
    ours = tagger.model.predict([{"tokens": tuple(text.split())} for text in texts])
    for text, told, row in zip(texts, theirs(texts), ours, strict=True):
        ends = np.cumsum([len(word) + 1 for word in text.split()])
        first: dict[int, str] = {}
        for token in told:
            first.setdefault(
                int(np.searchsorted(ends, token["start"], side="right")), token["entity"]
            )
        assert [first[i] for i in range(len(ends))] == row["tags"]


@pytest.mark.slow
def test_questions_are_answered_better_than_by_the_best_sentence(real, tmp_path):
    run = graft.fit(real("xquad_en"), technique="full-fine-tuning", epochs=3, out=tmp_path / "run")
    found, beaten = (
        run.result["metrics"]["test"]["answer_f1"],
        run.result["baseline"]["best-overlap-sentence"]["answer_f1"],
    )
    assert found["low"] > beaten["high"]
    (row,) = run.model.predict(
        [{"question": "Who built it?", "context": "It was built by Ada Lovelace in 1843."}]
    )
    assert row["prediction"] in "It was built by Ada Lovelace in 1843."


def test_a_saved_reader_gives_transformers_the_same_logits(real, tmp_path):
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    data = cut(graft.load_data(real("xquad_en")), train=16, val=4, test=4)
    run = graft.fit(data, technique="feature-extraction:epochs=1", out=tmp_path / "run")
    theirs = AutoModelForQuestionAnswering.from_pretrained(run.folder / "model").eval()
    inputs = AutoTokenizer.from_pretrained(run.folder / "model")(
        "Who?", "Ada did.", return_tensors="pt"
    )
    with torch.no_grad():
        expected, ours = theirs(**inputs), run.model.network(Batch(dict(inputs))).raw
    for name in ("start_logits", "end_logits"):
        torch.testing.assert_close(expected[name], ours[name], atol=1e-4, rtol=1e-4)
