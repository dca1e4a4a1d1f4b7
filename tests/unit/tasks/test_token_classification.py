"""Which tokens of a word carry its tag."""

from __future__ import annotations

import pytest
import torch

import graft
from graft.backbones.load import load_backbone
from graft.backbones.preprocess.preprocess import TextPreprocess
from graft.base.records import Sample
from graft.tasks.token_classification import IGNORED, TokenClassification
from tests.jobs import job
from tests.unit.tasks.test_question_answering import byte_level, metaspace

CLASSES = ("O", "B-PER", "I-PER")
SENTENCE = Sample(
    "1", {"tokens": ("so", "Ada", "Lovelace", "wrote"), "tags": ("O", "B-PER", "I-PER", "O")}
)


def letters():
    return load_backbone("tiny:bert", job("token-classification", 3)).preprocess.tokenizer


def targets(subwords: str, tokenizer) -> tuple[list[str], list[int]]:
    """The tokens and their targets."""
    encoded = TokenClassification(CLASSES, "bio", subwords).encode(
        SENTENCE, TextPreprocess(tokenizer, 128), None
    )
    return [tokenizer.decode([i]) for i in encoded["input_ids"]], encoded["target"].tolist()


@pytest.mark.parametrize("reader", [letters, byte_level, metaspace])
def test_all_tokens_of_a_word_are_learned_or_the_first_alone(reader):
    tokenizer = reader()
    first, every = targets("first", tokenizer)[1], targets("all", tokenizer)[1]
    assert sorted(tag for tag in first if tag != IGNORED) == [0, 0, 1, 2]
    assert sum(tag == 1 for tag in every) == 1
    assert all(one in (IGNORED, other) for one, other in zip(first, every, strict=True))
    text = "so Ada Lovelace wrote"
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    for tag, (start, end) in zip(every, offsets, strict=True):
        if tag == IGNORED:
            assert not text[start:end].strip()
        else:
            assert (tag > 0) == bool(set(range(start, end)) & set(range(3, 15)) - {6})


def test_tags_that_are_no_entities_are_the_same_for_all_tokens_of_a_word():
    task = TokenClassification(("B-side", "noun"), "plain", "all")
    sample = Sample("1", {"tokens": ("ab", "cd"), "tags": ("B-side", "noun")})
    found = task.encode(sample, TextPreprocess(letters(), 128), None)["target"]
    assert torch.equal(found[found != IGNORED], torch.tensor([0, 0, 1, 1]))


def test_a_run_keeps_what_was_chosen(tmp_path):
    task = "token-classification:subwords=all"
    data = TokenClassification.tiny_data()
    run = graft.fit(
        data,
        "tiny:bert",
        "full-fine-tuning",
        task=task,
        epochs=20,
        precision="fp32",
        out=tmp_path / "run",
    )
    assert run.result["metrics"]["test"]["entity_f1"]["value"] > 0.9
    assert run.model.task.subwords == "all"
    assert run.model.evaluate(data)["entity_f1"] == run.result["metrics"]["test"]["entity_f1"]
