"""Texts longer than the network reads: how many are cut, and what is read of them."""

from __future__ import annotations

import numpy as np
import pytest

from graft.backbones.load import load_backbone
from graft.backbones.preprocess import TextPreprocess
from graft.base.records import Sample
from graft.tasks.question_answering import QuestionAnswering
from graft.tasks.text_classification import TextClassification

TASK = TextClassification(("food", "sport"))


def preprocess(network: str = "tiny:bert", task: str = "text-classification") -> TextPreprocess:
    return load_backbone(network, task, 2).preprocess


def samples(*texts: str) -> list[Sample]:
    return [Sample(f"{i}", {"text": text, "label": "food"}) for i, text in enumerate(texts)]


@pytest.mark.parametrize("network", ["tiny:bert", "tiny:gpt2", "tiny:t5", "tiny:xlnet"])
def test_cut_texts_are_those_of_which_tokens_are_missing(network):
    found = preprocess(network)
    rng = np.random.default_rng(0)
    texts = ["x" * int(n) for n in rng.integers(100, 160, 40)] + ["", "the cat " * 40]
    whole = [len(found.tokenizer(text)["input_ids"]) for text in texts]
    assert 0 < sum(length > found.max_length for length in whole) < len(texts)
    for text, length in zip(texts, whole, strict=True):
        assert TASK.cut(samples(text), found) == (length > found.max_length), length


def test_of_questions_and_contexts_only_questions_are_cut():
    found = preprocess(task="question-answering")

    def cut(question: str, context: str) -> int:
        sample = Sample("1", {"question": question, "context": context, "answers": ()})
        return QuestionAnswering().cut([sample], found)

    assert cut("who?", "word " * 400) == 0
    assert cut("who? " * 100, "word") == 1
