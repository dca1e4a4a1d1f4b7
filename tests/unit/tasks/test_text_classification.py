"""Texts longer than the network reads: how many are cut, and what is read of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

import graft
from graft.backbones.load import load_backbone
from graft.backbones.preprocess.preprocess import TextPreprocess
from graft.base.errors import BadValue, UnknownName
from graft.base.records import Output, Sample
from graft.studies.run import build_model
from graft.tasks.question_answering import QuestionAnswering
from graft.tasks.specs.options import read_task
from graft.tasks.text.words import SPARE, parts_of_text
from graft.tasks.text_classification import TextClassification
from graft.training.engine import Engine
from graft.training.evaluate import predict
from graft.training.feeds.feed import Feed
from tests.jobs import job
from tests.unit.tasks.test_question_answering import LONG, byte_level, metaspace

TASK = TextClassification(("food", "sport"))


def preprocess(network: str = "tiny:bert", task: str = "text-classification") -> TextPreprocess:
    return load_backbone(network, job(task, 2)).preprocess


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
        assert TASK.count_cut(samples(text), found) == (length > found.max_length), length


def test_of_questions_and_contexts_only_questions_are_cut():
    found = preprocess(task="question-answering")

    def cut(question: str, context: str) -> int:
        sample = Sample("1", {"question": question, "context": context, "answers": ()})
        return QuestionAnswering().count_cut([sample], found)

    assert cut("who?", "word " * 400) == 0
    assert cut("who? " * 100, "word") == 1


READERS = {"bytes": byte_level, "pieces": metaspace, "letters": lambda: preprocess().tokenizer}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "text", [LONG, "y" * 900, "a b " * 300], ids=["prose", "one word", "short words"]
)
def test_windows_leave_nothing_out_and_fit(kind, text):
    found = TextPreprocess(READERS[kind](), 96)
    task = replace(TASK, long="windows")
    parts = [piece.roles["text"] for piece in task.windows(samples(text), found).pieces]
    assert len(parts) > 2
    assert not any(found.cuts(part) for part in parts)
    assert task.count_cut(samples(text), found) == 0
    tokens = found.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)[
        "offset_mapping"
    ]
    room = found.max_length - found.tokenizer.num_special_tokens_to_add() - SPARE
    spans = parts_of_text(text, tokens, room, room // 4)
    assert [text[start:end] for start, end in spans] == parts
    assert (spans[0][0], spans[-1][1]) == (0, len(text))
    assert all(start < end_before for (_, end_before), (start, _) in pairwise(spans))


@pytest.mark.parametrize("kind", READERS)
def test_head_and_tail_are_the_first_quarter_of_the_tokens_and_the_last_three(kind):
    found = TextPreprocess(READERS[kind](), 64)
    text = " ".join(f"w{i}" for i in range(100, 300))
    task = replace(TASK, long="head+tail")
    (piece,) = task.windows(samples(text), found).pieces
    head, tail = piece.roles["text"].split(" ")[0], piece.roles["text"].split(" ")[-1]
    assert (head, tail) == ("w100", "w299")
    read = task.encode(piece, found, None)["input_ids"]
    assert len(read) <= found.max_length
    assert len(read) >= found.max_length - 12  # whole words, and room to spare
    words = [int(word[1:]) for word in piece.roles["text"].split(" ")]
    (gap,) = np.flatnonzero(np.diff(words) != 1)
    assert 0.15 < (gap + 1) / len(words) < 0.3
    assert task.count_cut(samples(text), found) == 1


@pytest.mark.parametrize("long", ["head", "head+tail", "windows"])
def test_short_texts_are_read_the_same_whatever_is_done_with_long_ones(long):
    task, short = replace(TASK, long=long), samples("the cat", "", "two words")
    assert list(task.windows(short, preprocess()).pieces) == short


def test_a_text_in_windows_gets_the_mean_of_their_probabilities():
    task = replace(TASK, long="windows")
    model = build_model("tiny:bert", task, True, 0)
    found = model.backbone.preprocess
    both = samples("short", LONG)
    engine = Engine("fp32")
    scores, _ = predict(model, Feed.of(both, task, found, engine.device), engine)
    parts = task.windows(both, found).pieces[1:]
    alone, _ = predict(model, Feed.of(parts, TASK, found, engine.device), engine)
    assert len(parts) > 2
    np.testing.assert_allclose(scores[1], alone.mean(0), atol=1e-6)


def test_of_several_labels_each_has_the_mean_over_the_windows():
    task = TextClassification(("food", "sport"), multi_label=True, long="windows")
    long = [Sample("1", {"text": "x " * 300, "label": ("food",)})]
    windows = task.windows(long, preprocess())
    logits = torch.linspace(-2, 2, 2 * len(windows.pieces)).view(-1, 2)
    scores = task.scores(task.rows(Output(logits, logits), None), windows)
    np.testing.assert_allclose(scores[0], logits.double().sigmoid().mean(0), atol=1e-6)


def lengthened(sample: Sample) -> Sample:
    return replace(sample, roles={**sample.roles, "text": sample.roles["text"] + " so" * 80})


@pytest.mark.parametrize("long", ["head+tail", "windows"])
def test_a_run_keeps_what_was_chosen_and_its_saved_model_reads_alike(long, tmp_path):
    tiny = TextClassification.tiny_data()
    data = tiny.with_splits(
        {name: [lengthened(sample) for sample in split] for name, split in tiny.splits.items()}
    )
    chosen = f"text-classification:long={long}"
    run = graft.fit(
        data,
        "tiny:bert",
        "full-fine-tuning",
        task=chosen,
        epochs=2,
        precision="fp32",
        out=tmp_path / "run",
    )
    assert run.result["task"] == chosen
    assert run.result["data"]["cut"]["test"] == (12 if long == "head+tail" else 0)
    assert run.model.task.long == long
    written = pd.read_parquet(run.folder / "predictions.parquet").query("split == 'test'")
    again = run.model.predict([sample.roles["text"] for sample in data.splits["test"]])
    np.testing.assert_allclose(
        np.stack(written["probabilities"]), [row["probabilities"] for row in again], atol=1e-5
    )


def test_options_of_tasks_are_read_and_refused():
    data = TextClassification.tiny_data()
    assert read_task("text-classification:long=windows", data).long == "windows"
    assert read_task("text-classification", data) == TextClassification.from_data(data)
    with pytest.raises(BadValue, match=r"one of 'head', 'head\+tail', 'windows'\. Got 'all'"):
        read_task("text-classification:long=all", data)
    with pytest.raises(UnknownName, match="long"):
        read_task("text-classification:classes=a", data)
    with pytest.raises(UnknownName, match="text-classification"):
        read_task("text-clasification:long=windows", data)
