"""Metrics of masks equal plain loops over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graft.metrics import segmentation
from graft.metrics.intervals import interval
from graft.metrics.metric import plain_term
from graft.metrics.segmentation import METRICS, TOLERANCE, count_pixels

IGNORED = 255


def draw(seed: int, images: int, classes: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Predicted and true masks: blocks of classes, moved, with ignored pixels."""
    rng = np.random.default_rng(seed)
    predicted, true = [], []
    for _ in range(images):
        height, width = rng.integers(1, 5, 2) * 8
        mask = np.kron(rng.integers(0, classes, (height // 8, width // 8)), np.ones((8, 8), int))
        noise = rng.random(mask.shape) < 0.05
        guess = np.where(noise, rng.integers(0, classes, mask.shape), np.roll(mask, 1, axis=1))
        predicted.append(guess.astype(np.uint8))
        true.append(np.where(rng.random(mask.shape) < 0.1, IGNORED, mask).astype(np.uint8))
    return predicted, true


def scores_of(predicted: list[np.ndarray], true: list[np.ndarray], classes: int) -> np.ndarray:
    array = np.empty(len(true), object)
    for row, (guess, mask) in enumerate(zip(predicted, true, strict=True)):
        array[row] = count_pixels(guess, mask, classes)
    return array


def by_loops(predicted: list[np.ndarray], true: list[np.ndarray], classes: int) -> dict[str, float]:
    """Each metric by its definition, pixel by pixel."""
    guess = np.concatenate([mask.ravel() for mask in predicted])
    mask = np.concatenate([mask.ravel() for mask in true])
    guess, mask = guess[mask != IGNORED], mask[mask != IGNORED]
    unions, dices, f1s = [], [], []
    for number in range(classes):
        ours, theirs = guess == number, mask == number
        if (ours | theirs).any():
            unions.append((ours & theirs).sum() / (ours | theirs).sum())
            dices.append(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()))
        near = [borders_by_loops(*pair, number) for pair in zip(predicted, true, strict=True)]
        near_true, all_guessed, near_guess, all_true = np.sum(near, axis=0)
        if all_guessed + all_true:
            precision = near_true / all_guessed if all_guessed else 0
            recall = near_guess / all_true if all_true else 0
            both = precision + recall
            f1s.append(2 * precision * recall / both if both else 0)
    return {
        "miou": np.mean(unions),
        "dice": np.mean(dices),
        "pixel_accuracy": (guess == mask).mean(),
        "boundary_f1": np.mean(f1s) if f1s else math.nan,
    }


def borders_by_loops(guess: np.ndarray, mask: np.ndarray, number: int) -> tuple[int, ...]:
    reach = TOLERANCE * math.hypot(*mask.shape)
    ours, theirs = (
        edges_by_loops(np.where(mask == IGNORED, IGNORED, side), number) for side in (guess, mask)
    )
    counts = []
    for points, others in ((ours, theirs), (theirs, ours)):
        near = [any(math.dist(point, other) <= reach for other in others) for point in points]
        counts += [sum(near), len(points)]
    return tuple(counts)


def edges_by_loops(mask: np.ndarray, number: int) -> list[tuple[int, int]]:
    height, width = mask.shape
    edges = []
    for y, x in np.argwhere(mask == number):
        beside = ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
        values = [mask[i, j] for i, j in beside if 0 <= i < height and 0 <= j < width]
        if any(value not in (number, IGNORED) for value in values):
            edges.append((y, x))
    return edges


@pytest.mark.parametrize("seed", range(12))
def test_every_metric_is_that_of_plain_loops(seed):
    classes = 2 + seed % 4
    predicted, true = draw(seed, 1 + seed % 5, classes)
    scores = scores_of(predicted, true, classes)
    ours = {name: metric(scores, scores) for name, metric in METRICS.items()}
    assert ours == pytest.approx(by_loops(predicted, true, classes), nan_ok=True)


def test_a_border_that_is_off_by_little_of_a_large_picture_is_right():
    true = np.zeros((400, 300), np.uint8)
    true[:, 150:] = 1
    for offset, wanted in ((0, 1.0), (3, 1.0), (5, 0.0)):  # 0.75 % of a diagonal of 500 are 3.75
        scores = scores_of([np.roll(true, offset, axis=1)[:, 20:280]], [true[:, 20:280]], 2)
        assert METRICS["boundary_f1"](scores, scores) == wanted


def test_a_class_that_is_nowhere_is_left_out_and_one_made_up_counts_as_0():
    true, guess = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    scores = scores_of([guess], [true], 3)
    assert METRICS["miou"](scores, scores) == 1
    guess[0, 0] = 2
    scores = scores_of([guess], [true], 3)
    assert METRICS["miou"](scores, scores) == pytest.approx((15 / 16 + 0) / 2)


def test_ignored_pixels_count_for_nothing():
    rng = np.random.default_rng(0)
    true = np.kron([[0, 1], [1, 0]], np.ones((8, 8), np.uint8)).astype(np.uint8)
    true[:, 6:10] = IGNORED
    guess = np.where(true == IGNORED, rng.integers(0, 2, true.shape), true)
    scores = scores_of([guess], [true], 2)
    assert {name: metric(scores, scores) for name, metric in METRICS.items()} == dict.fromkeys(
        METRICS, 1.0
    )


def test_nothing_but_ignored_pixels_is_undefined():
    true = np.full((4, 4), IGNORED, np.uint8)
    scores = scores_of([np.zeros((4, 4), np.uint8)], [true], 2)
    assert all(np.isnan(metric(scores, scores)) for metric in METRICS.values())


def test_an_image_is_one_example_of_its_interval():
    predicted, true = draw(3, 30, 3)
    scores = scores_of(predicted, true, 3)
    terms = [plain_term(term) for term in METRICS["miou"].terms(scores, scores)]
    assert METRICS["miou"].weigh(terms).value == METRICS["miou"](scores, scores)
    value, low, high = interval(METRICS["miou"], scores, scores)
    assert low < value < high


def test_classes_have_their_numbers_and_pixels_their_confusions():
    predicted, true = draw(4, 6, 3)
    scores = scores_of(predicted, true, 4)
    table = segmentation.per_class(scores, ("a", "b", "c", "never"))
    known = [table[name] for name in "abc"]
    for key, name in (("iou", "miou"), ("dice", "dice"), ("boundary_f1", "boundary_f1")):
        assert np.mean([row[key] for row in known]) == pytest.approx(METRICS[name](scores, scores))
    assert np.isnan(table["never"]["iou"])
    assert set(table["a"]) == {column.key for column in segmentation.COLUMNS}
    matrix = segmentation.confusion(scores, 4)
    assert matrix.sum() == sum((mask != IGNORED).sum() for mask in true)
    assert [row["pixels"] for row in known] == matrix.sum(axis=1)[:3].tolist()
    assert matrix.trace() / matrix.sum() == METRICS["pixel_accuracy"](scores, scores)


def test_the_quality_of_an_image_is_its_own_miou():
    predicted, true = draw(5, 4, 3)
    scores = scores_of(predicted, true, 3)
    wanted = [METRICS["miou"](scores[row : row + 1], scores[row : row + 1]) for row in range(4)]
    assert segmentation.quality(scores) == pytest.approx(wanted)
