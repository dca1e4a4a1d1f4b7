"""The setting `augment` of a technique: what it reaches, and where it would change nothing."""

from __future__ import annotations

import pytest
import torch

from graft.base.errors import BadValue
from graft.studies.run import build_model
from graft.tasks.task import Task
from graft.techniques.specs.combine import parse
from graft.techniques.technique import Technique
from graft.training.feeds.feed import Feed
from graft.training.feeds.streams import Streams
from tests.contracts.tiny import task_of


def feeds(technique: Technique, task_name: str, network: str) -> tuple[Feed, Feed]:
    task, data = task_of(task_name)
    model = build_model(network, task, pretrained=True, seed=0)
    streams = Streams(
        data, task, technique, model.backbone.preprocess, torch.device("cpu"), 0, None, None
    )
    train, val = streams.make_feeds(technique, technique.objective(model, task))
    return train.main, val


def augment(feed: Feed) -> str:
    return feed.preprocess.augment


@pytest.mark.parametrize("name", ["none", "weak", "usual", "strong"])
def test_it_reaches_training_alone(name: str) -> None:
    technique = parse(f"full-fine-tuning:augment={name}")
    train, val = feeds(technique, "image-classification", "tiny:cnn")
    assert augment(train) == name and augment(val) == "usual"
    assert train.augments == (name != "none")


def check(technique: str, task_name: str, network: str) -> None:
    task: Task = task_of(task_name)[0]
    backbone = build_model(network, task, pretrained=True, seed=0).backbone
    parse(technique).check(backbone, task)


def test_texts_are_not_augmented() -> None:
    with pytest.raises(
        BadValue,
        match=r"Only pictures and sounds are augmented.*reads texts\. Leave out augment=weak",
    ):
        check("lora:augment=weak", "text-classification", "tiny:bert")


def test_the_plain_picture_is_not_augmented() -> None:
    with pytest.raises(BadValue, match=r"views=1 is the plain example.*Set views=4"):
        check("feature-extraction:augment=strong", "image-classification", "tiny:cnn")
    check("feature-extraction:augment=strong,views=4", "image-classification", "tiny:cnn")


def test_another_word_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadValue, match="one of 'none', 'weak', 'usual', 'strong'"):
        parse("lora:augment=heavy")


@pytest.mark.parametrize("asked", [None, "usual", "strong"])
def test_sounds_are_augmented_where_it_is_asked_for(asked: str | None) -> None:
    technique = parse("full-fine-tuning" + (f":augment={asked}" if asked else ""))
    train, val = feeds(technique, "audio-classification", "tiny:whisper")
    assert augment(train) == (asked or "none") and augment(val) == "none"
    assert train.augments == (asked is not None)


def test_the_plain_sound_is_not_augmented() -> None:
    with pytest.raises(BadValue, match=r"views=1 is the plain example.*Set views=4"):
        check("feature-extraction:augment=usual", "audio-classification", "tiny:whisper")
    check("feature-extraction:augment=usual,views=4", "audio-classification", "tiny:whisper")
