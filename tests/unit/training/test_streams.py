from __future__ import annotations

import pytest
import torch

from graft.studies.run import build_model
from graft.training.feeds.feed import Feed
from graft.training.observers import Observer
from tests.contracts.tiny import task_of, trained

TASK = "text-generation"


class Notes(Observer):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def feed() -> Feed:
    task, data = task_of(TASK)
    preprocess = build_model("tiny:llama", task, pretrained=True, seed=0).backbone.preprocess
    return Feed.of(data.splits["train"], task, preprocess, torch.device("cpu"))


@pytest.mark.parametrize(("share", "epochs"), [(0.5, 0.5), (2.0, 1.0)])
def test_a_task_with_a_number_of_tokens_is_trained_on_so_many_in_one_pass_at_most(
    share, epochs, tmp_path, monkeypatch
):
    task, _ = task_of(TASK)
    monkeypatch.setattr(type(task), "tokens", int(share * sum(feed().lengths)))
    notes = Notes()
    _, position = trained("lora", TASK, tmp_path, notes, epochs=None, backbone="tiny:llama")
    assert position.examples == pytest.approx(epochs * len(feed().pieces), rel=0.1)
    assert any("50% of the training split" in note for note in notes.said) == (epochs < 1)


def test_what_is_asked_for_is_trained_on_whatever_the_number_of_tokens(tmp_path, monkeypatch):
    task, _ = task_of(TASK)
    monkeypatch.setattr(type(task), "tokens", 1)
    notes = Notes()
    _, position = trained("lora", TASK, tmp_path, notes, epochs=1, backbone="tiny:llama")
    assert position.examples == len(feed().pieces)
    assert not any("training split" in note for note in notes.said)
