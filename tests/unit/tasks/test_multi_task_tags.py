"""Tags of words beside a class of the whole text, by one network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import graft
from graft.backbones.folder import open_model
from graft.base.records import Batch
from graft.data.data import Data
from graft.studies.run import build_model
from graft.tasks.multi_task import MultiTask
from graft.tasks.specs.find_task import find_task
from graft.tasks.specs.options import read_task
from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed

TASKS = ["intent", "slots"]
OUTPUTS = {"rtol": 1e-4, "atol": 1e-4}
"""Equal weights: float32 products in another order."""


def commands(path: Path, words: int = 1) -> str:
    """Write words with tags and an intent, each missing in some lines; `words` times as long."""
    rng, rows = np.random.default_rng(0), []
    for number in range(40):
        verb, intent = (("play", "music"), ("book", "travel"))[number % 2]
        thing = ("jazz", "rome", "blues", "oslo")[int(rng.integers(4))]
        tokens = [verb, "some", thing] * words + [str(number)]
        slots = ["O", "O", "B-thing"] * words + ["O"]
        row = {"tokens": tokens, "slots": slots if number % 5 else None}
        rows.append({**row, "intent": intent if number % 4 else None})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def learned(path: Path, words: int = 1) -> tuple[MultiTask, Data]:
    data = graft.load_data(commands(path, words), task=TASKS)
    return read_task(find_task(data, " + ".join(TASKS)), data), data


def test_a_column_of_lists_is_found_to_be_tags_and_the_other_task_reads_the_words(tmp_path):
    task, data = learned(tmp_path / "t.jsonl")
    names = [part.name for part in task.parts.values()]
    assert names == ["text-classification", "token-classification"]
    sample = data.splits["train"][0]
    assert sample.roles["parts"]["intent"]["text"] == " ".join(sample.roles["tokens"])
    assert task.read_as is task.parts["slots"]
    assert task.job().form == "sequence"


def test_long_texts_are_cut_with_their_tags(tmp_path):
    """The loss does not depend on how pieces are batched, and each word has one tag."""
    task, data = learned(tmp_path / "t.jsonl", words=60)
    engine = Engine("fp32")
    model = build_model("tiny:bert", task, True, seed=0).eval()
    preprocess = model.backbone.preprocess
    windows = task.windows(data.splits["test"], preprocess)
    assert len(windows.pieces) > len(data.splits["test"])
    for piece in windows.pieces:
        tags = piece.roles["parts"]["slots"]["tags"]
        assert tags is None or len(tags) == len(piece.roles["tokens"])
    losses = []
    for size in (1, 3):
        feed = Feed.of(data.splits["test"], task, preprocess, engine.device, size)
        evaluation = evaluate(model, feed, engine)
        losses.append(evaluation.loss)
        rows = task.decode(evaluation.scores, data.splits["test"])
        for row, sample in zip(rows, data.splits["test"], strict=True):
            assert len(row["tags"]["slots"]) == len(sample.roles["tokens"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)  # sums of float32


def test_each_task_has_a_model_of_its_own_with_the_same_outputs(tmp_path):
    run = graft.fit(
        commands(tmp_path / "t.jsonl"), "tiny:bert", "lora:r=2", task=TASKS, epochs=1,
        out=tmp_path / "run",
    )  # fmt: skip
    joint, _ = open_model(run.folder / "model")
    inputs = joint.backbone.preprocess.example()
    batch = Batch(inputs, mask=joint.backbone.preprocess.mask(inputs))
    whole, places = joint(batch).logits, run.model.task.places
    slots, _ = open_model(run.folder / "models" / "slots")
    torch.testing.assert_close(slots(batch).logits, whole[..., places["slots"]], **OUTPUTS)
    intent, _ = open_model(run.folder / "models" / "intent")
    weight = batch.mask[..., None].float()
    mean = (whole[..., places["intent"]] * weight).sum(1) / weight.sum(1)
    torch.testing.assert_close(intent(batch).logits, mean, **OUTPUTS)
    (row,) = run.model.predict("play some jazz")
    assert set(row["prediction"]) == {"intent", "slots"}
    assert len(row["tags"]["slots"]) == 3
    measured = run.model.evaluate(tmp_path / "t.jsonl")
    assert {"intent.accuracy", "slots.entity_f1"} <= set(measured)
