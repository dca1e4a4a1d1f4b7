"""The threads that encode the batches of a split."""

from __future__ import annotations

import itertools
import threading

import pytest
import torch

from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base import env
from graft.data import loaders
from graft.studies.run import build_model
from graft.tasks.image_classification import ImageClassification
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.frozen import frozen_prefix, recording
from graft.training.observers import Observer

DATA = ImageClassification.tiny_data()


def _feed(task_class, device):
    preprocess = ImagePreprocess((24, 24), (0.5,) * 3, (0.5,) * 3)
    task = task_class.from_data(DATA)
    return Feed.of(DATA.splits["train"], task, preprocess, torch.device(device), 4)


def test_augmented_batches_do_not_depend_on_the_threads():
    feed, seed = _feed(ImageClassification, "cpu"), (0, 0)
    plan = feed.plan(seed)
    several = loaders.stream(plan, lambda rows: feed._make(rows, seed), threads=3)
    for one, other in zip(feed.stream(plan, seed), several, strict=True):
        assert one.rows == other.rows
        assert torch.equal(one.target, other.target)
        assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


class _WaitsForOther(ImageClassification):
    """The first two pictures wait for each other, so that one thread alone cannot encode them."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.calls, self.together = itertools.count(), threading.Barrier(2)

    def encode(self, sample, preprocess, rng):
        if next(self.calls) < 2:
            self.together.wait(20)
        return super().encode(sample, preprocess, rng)


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr(env, "cores", lambda: 2)  # threads wait for each other on one, too
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "device", ["cpu", "meta"]
)  # meta: every machine has it, and it is not the processor
def test_pictures_are_encoded_by_several_threads(two_threads, device):
    feed = _feed(_WaitsForOther, device)
    batches = list(feed.stream(feed.plan(None)))
    assert sorted(row for batch in batches for row in batch.rows) == list(range(24))


class _FollowsThePicture(ImageClassification):
    """Its target is padded, depends on the version of the picture, and counts the pictures read."""

    opened = 0

    def encode(self, sample, preprocess, rng):
        type(self).opened += 1
        target = self.encode_target(sample, preprocess, rng)
        return super().encode(sample, preprocess, rng) | {"target": target}

    def encode_target(self, piece, preprocess, rng):
        number = 0.0 if rng is None else rng.random()
        classes = torch.arange(len(piece.id) % 3)
        return {"number": torch.tensor(number), "classes": classes}

    def collate_targets(self, targets):
        classes = [target["classes"] for target in targets]
        return {
            "number": torch.stack([target["number"] for target in targets]),
            "classes": torch.nn.utils.rnn.pad_sequence(classes, True, -1),
        }

    def targets(self, samples):
        assert len(samples) == 1, "the targets of a whole split are never made to train"
        return super().targets(samples)


@pytest.mark.parametrize("groups", [2, 4], ids=["inside", "at the head"])
@pytest.mark.parametrize("views", [1, 3])
def test_targets_behind_a_recording_are_those_of_the_version_without_opening_a_picture(
    groups, views, tmp_path, monkeypatch
):
    monkeypatch.setattr(recording, "home", lambda: tmp_path)
    task, engine = _FollowsThePicture.from_data(DATA), Engine("fp32")
    model = engine.place(build_model("tiny:cnn", task, pretrained=True, seed=0)).eval()
    frozen = min(groups, len(model.backbone.groups) - 1)
    index = model.group_indices()
    for name, parameter in model.network.named_parameters():
        parameter.requires_grad_(index[name] == -1 or index[name] >= frozen)
    samples = DATA.splits["train"][:6]
    plain = Feed.of(samples, task, model.backbone.preprocess, engine.device, 4, views)
    behind = frozen_prefix.find(model, plain, engine).record(plain, Observer())
    task.__class__.opened = 0
    plan, seed = [[0, 1, 2], [5, 3, 4]], (0, 1)
    targets = [batch.target for batch in behind.stream(plan, seed)]
    assert task.opened == 0
    for target, batch in zip(targets, plain.stream(plan, seed), strict=True):
        assert torch.equal(target["number"], batch.target["number"])
        width = batch.target["classes"].shape[1]
        assert torch.equal(target["classes"][:, :width], batch.target["classes"])
        assert (target["classes"][:, width:] == -1).all()
