"""Other pieces of the split that an augmented view shows: mosaics of object detection."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base import trees
from graft.base.errors import DataError
from graft.base.records import Batch, Sample
from graft.data import loaders
from graft.tasks.object_detection import ObjectDetection
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import NEVER, Stop, task_of, trained

TASK, DATA = task_of("object-detection")
STRONG = ImagePreprocess(TASK.input_size, (0.5,) * 3, (0.5,) * 3, whole=True, augment="strong")


class Counting(ObjectDetection):
    """Remembers the companions that its pieces came with."""

    def encode(self, sample, preprocess, rng):
        self.__dict__.setdefault("counts", []).append(len(sample.companions))
        return super().encode(sample, preprocess, rng)


def feed(task: ObjectDetection = TASK, preprocess: ImagePreprocess = STRONG, **how) -> Feed:
    made = Feed.of(DATA.splits["train"], task, preprocess, torch.device("cpu"), 8)
    return replace(made, **how)


def first(made: Feed, epoch: int, rows: tuple[int, ...] = (0, 1, 2, 3, 4, 5)) -> Batch:
    return next(made.stream([list(rows)], (3, epoch)))


def counted(epoch: int | None, **how) -> set[int]:
    """How many companions the pieces of an epoch come with; None is validation."""
    task = Counting(TASK.classes, picture=TASK.picture)
    list(feed(task, **how).stream([[0, 1]], None if epoch is None else (3, epoch)))
    return set(task.counts)


def same(one: Batch, other: Batch) -> bool:
    return one.target["boxes"].shape == other.target["boxes"].shape and trees.are_close(
        (one.inputs, one.target), (other.inputs, other.target), 0.0
    )


def test_equal_seeds_give_equal_views_whatever_the_batches_and_threads():
    made = feed()
    batch = first(made, 1)
    assert same(batch, first(feed(), 1))
    assert not same(batch, first(made, 2))
    plan = [[0, 1, 2], [3, 4, 5]]
    parts = list(loaders.stream(plan, lambda rows: made._make(rows, (3, 1)), threads=2))
    assert torch.equal(torch.cat([part.inputs["x"] for part in parts]), batch.inputs["x"])


def test_only_strongly_augmented_pieces_have_companions():
    assert counted(0) == {3}
    assert counted(None) == {0}
    assert counted(0, views=1) == {0}
    assert counted(0, preprocess=STRONG.with_augment("usual")) == {0}


@pytest.mark.parametrize(("epochs", "last"), [(20, 18), (5, 4), (3, 3)])
def test_the_last_tenth_of_the_epochs_has_none(epochs, last):
    assert counted(last - 1, epochs=epochs) == {3}
    assert counted(last, epochs=epochs) == {0}


def test_a_fixed_number_of_versions_is_the_same_in_all_epochs():
    made = feed(views=2, epochs=4)
    assert same(first(made, 1), first(made, 3))
    assert counted(3, views=2, epochs=4) == {3}


def test_targets_of_recorded_mosaics_are_those_of_the_pictures():
    made = feed(views=2)
    for epoch in range(2):
        rows = list(range(8))
        places = [2 * row + made.view(row, (3, epoch)) for row in rows]
        batch = first(made, epoch, tuple(rows))
        alone = made._targets(places)
        assert trees.are_close(alone, batch.target, 0.0)


def test_a_companion_is_opened_only_if_it_is_shown():
    piece = DATA.splits["train"][0]
    missing = Sample("missing", {"image": Path("nowhere.jpg"), "boxes": ()})
    samples = [piece, missing]
    made = Feed.of(samples, TASK, STRONG, torch.device("cpu"), 1)
    opened = []
    for epoch in range(20):
        try:
            list(made.stream([[0]], (0, epoch)))
        except DataError:
            opened.append(epoch)
    # A mosaic of half the views, and the missing picture in seven of eight of them.
    assert 0 < len(opened) < 20


def test_a_stopped_training_on_mosaics_goes_on_to_the_same_weights(tmp_path):
    spec, task = "full-fine-tuning:augment=strong", "object-detection:head=yolox"
    whole, _ = trained(spec, task, tmp_path / "whole", checkpoint_seconds=NEVER)
    with pytest.raises(KeyboardInterrupt):
        trained(spec, task, tmp_path / "again", Stop(1))
    again, _ = trained(spec, task, tmp_path / "again", checkpoint_seconds=NEVER)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
