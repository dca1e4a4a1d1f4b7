"""The threads that encode the batches of a split."""

from __future__ import annotations

import itertools
import threading

import pytest
import torch

from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base import env
from graft.data import loaders
from graft.tasks.image_classification import ImageClassification
from graft.training.feeds.feed import Feed

DATA = ImageClassification.tiny_data()


def _feed(task_class, device):
    preprocess = ImagePreprocess(24, (0.5,) * 3, (0.5,) * 3)
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
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(env.cores() < 2, reason="one core has one thread")
@pytest.mark.parametrize(
    "device", ["cpu", "meta"]
)  # meta: every machine has it, and it is not the processor
def test_pictures_are_encoded_by_several_threads(two_threads, device):
    feed = _feed(_WaitsForOther, device)
    batches = list(feed.stream(feed.plan(None)))
    assert sorted(row for batch in batches for row in batch.rows) == list(range(24))
