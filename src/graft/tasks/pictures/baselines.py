"""Trivial predictors of what is where in a picture; they look at no pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.base.baseline import Baseline
from graft.base.records import Sample
from graft.data.images.open import image_size
from graft.tasks.task import objects

GRID = 32
"""Places along each side of a picture, for each of which the classes are counted."""


def mean_box(classes: Sequence[str]) -> Baseline:
    """One box of each class: the mean of its boxes in training, as shares of the picture's sides.

    Its score is the share of training pictures with the class. Crowds are left out.
    """

    def predict(train: Sequence[Sample], test: Sequence[Sample]) -> NDArray:
        boxes, scores, occurring = _mean_boxes(train, classes)
        return objects(
            [
                {"boxes": boxes * _sides(sample), "scores": scores, "classes": occurring}
                for sample in test
            ]
        )

    return Baseline("mean-box", "the mean box of each class", predict)


def _mean_boxes(
    train: Sequence[Sample], classes: Sequence[str]
) -> tuple[NDArray, NDArray, NDArray]:
    """Boxes (K, 4), scores (K,) and numbers (K,) of the classes that occur."""
    shares: list[list[NDArray]] = [[] for _ in classes]
    pictures = np.zeros(len(classes))
    for sample in train:
        counted = [each for each in sample.roles["boxes"] if not each.is_crowd]
        numbers = [classes.index(each.label) for each in counted]
        sides = _sides(sample) if counted else None
        for number, each in zip(numbers, counted, strict=True):
            shares[number].append(np.array(each.box) / sides)
        pictures[list(set(numbers))] += 1
    occurring = np.flatnonzero(pictures)
    boxes = np.array([np.mean(shares[number], axis=0) for number in occurring]).reshape(-1, 4)
    return boxes, pictures[occurring] / max(len(train), 1), occurring


def _sides(sample: Sample) -> NDArray:
    """The sides (4,) of a picture by which its boxes are multiplied."""
    return np.array(image_size(sample.roles["image"], sample.id) * 2, float)


def class_by_place(
    num_classes: int,
    read_mask: Callable[[Sample], NDArray],
    score: Callable[[NDArray, Sample], Any],
) -> Baseline:
    """At each of 32 x 32 places of a picture the class that is most frequent there in training.

    `read_mask` opens the mask (H, W) of a sample, in which numbers from `num_classes` on are
    ignored; `score` makes of a predicted mask what the task has as the scores of a sample.
    """

    def predict(train: Sequence[Sample], test: Sequence[Sample]) -> NDArray:
        counts = np.zeros((num_classes + 1, GRID, GRID), int)
        for sample in train:
            small = np.minimum(_resize(read_mask(sample), (GRID, GRID)), num_classes)
            np.put_along_axis(
                counts, small[None], np.take_along_axis(counts, small[None], 0) + 1, 0
            )
        places = counts[:num_classes].argmax(axis=0).astype(np.uint8)
        return objects([score(_resize(places, _size(read_mask(s))), s) for s in test])

    words = "the most frequent class at each place"
    return Baseline("class-by-place", words, predict)


def _size(mask: NDArray) -> tuple[int, int]:
    """Width and height."""
    return mask.shape[1], mask.shape[0]


def _resize(mask: NDArray, size: tuple[int, int]) -> NDArray:
    """The mask at another width and height, by the nearest pixel."""
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
