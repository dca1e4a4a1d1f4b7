"""Metrics of classification: `metric(scores, targets) -> float`.

Single-label: scores (N, C) probabilities, targets (N,) class indices; the class with the highest score is predicted.
Multi-label: scores (N, C) probabilities, targets (N, C) of 0 and 1; a label is predicted from 0.5 on.
All values are fractions between 0 and 1; higher is better but for `ece` and `brier`. What is undefined is nan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import Metric, divide, left_out, of_sums, ratio, sums_by

BINS = 15


def per_class(
    scores: NDArray, targets: NDArray, classes: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    """Class -> `precision`, `recall`, `f1` (nan where undefined) and `support`, the number of its examples."""
    hits, predicted, actual = _totals(scores, targets)
    precision, recall, f1 = (
        divide(hits, predicted),
        divide(hits, actual),
        divide(2 * hits, predicted + actual),
    )
    return {
        name: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(actual[i]),
        }
        for i, name in enumerate(classes)
    }


def confusion(scores: NDArray, targets: NDArray) -> NDArray[np.int64]:
    """(C, C) counts of single-label examples: rows are targets, columns predictions."""
    size = scores.shape[1]
    return np.bincount(targets * size + scores.argmax(axis=1), minlength=size * size).reshape(
        size, size
    )


def _decisions(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, C) of 0 and 1: what is predicted."""
    if targets.ndim == 2:
        return (scores >= 0.5).astype(float)
    return _one_hot(scores.argmax(axis=1), scores.shape[1])


def _truth(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, C) of 0 and 1: what is true."""
    return targets.astype(float) if targets.ndim == 2 else _one_hot(targets, scores.shape[1])


def _one_hot(indices: NDArray, size: int) -> NDArray:
    rows = np.zeros((len(indices), size))
    rows[np.arange(len(indices)), indices] = 1
    return rows


def _counts(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 3C): for each class, is it predicted and true, predicted, true."""
    decisions, truth = _decisions(scores, targets), _truth(scores, targets)
    return np.concatenate([decisions * truth, decisions, truth], axis=1)


def _cells(scores: NDArray, targets: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """The examples (M,) and classes (M,) where `_counts` is not 0, and its counts there (3, M).

    Of single labels these are two cells an example at most, however many classes there are.
    """
    if targets.ndim == 2:
        decisions, truth = scores >= 0.5, targets > 0
        rows, classes = np.nonzero(decisions | truth)
        predicted, actual = decisions[rows, classes], truth[rows, classes]
    else:
        guesses, each = scores.argmax(axis=1), np.arange(len(targets))
        wrong = np.flatnonzero(guesses != targets)
        rows, classes = np.concatenate([each, wrong]), np.concatenate([guesses, targets[wrong]])
        predicted, actual = (
            np.arange(len(rows)) < len(each),
            np.concatenate([guesses == targets, np.ones(len(wrong), bool)]),
        )
    return rows, classes, np.stack([predicted & actual, predicted, actual]).astype(float)


def _totals(scores: NDArray, targets: NDArray) -> NDArray:
    """(3, C): the sum of `_counts` over the examples, without making them."""
    _, classes, counts = _cells(scores, targets)
    return np.stack(
        [np.bincount(classes, weights=row, minlength=scores.shape[1]) for row in counts]
    )


def _macro_f1(scores: NDArray, targets: NDArray) -> float:
    return float(_f1_of(_totals(scores, targets).reshape(-1)))


def _macro_f1_influence(scores: NDArray, targets: NDArray, clusters: NDArray) -> NDArray:
    """The jackknife of `_f1_of`: a cluster that is left out changes the F1 of its own classes only."""
    size, count = scores.shape[1], int(clusters.max()) + 1
    rows, classes, counts = _cells(scores, targets)
    keys, place = np.unique(clusters[rows] * size + classes, return_inverse=True)
    cluster, changed = np.divmod(keys, size)
    own = np.stack([np.bincount(place, weights=row, minlength=len(keys)) for row in counts])
    totals = _totals(scores, targets)
    before, after = _f1_each(totals), _f1_each(totals[:, changed] - own)

    def by_cluster(values: NDArray) -> NDArray:
        return np.bincount(cluster, weights=values, minlength=count)

    sums = np.nansum(before) - by_cluster(before[changed]) + by_cluster(np.nan_to_num(after))
    numbers = (~np.isnan(before)).sum() - by_cluster(np.isnan(after).astype(float))
    return left_out(divide(sums, numbers))


def _f1_each(counts: NDArray) -> NDArray:
    """The F1 (M,) of counts (3, M); nan where there is nothing."""
    return divide(2 * counts[0], counts[1] + counts[2])


def _hits(scores: NDArray, targets: NDArray) -> NDArray:
    several = targets.ndim == 2
    right = (
        ((scores >= 0.5) == (targets > 0)).all(axis=1)
        if several
        else scores.argmax(axis=1) == targets
    )
    return np.stack([right, np.ones(len(right))], axis=1).astype(float)


def _positive_counts(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 3): as `_counts`, of the second class of two or of all labels together; all 0, so undefined, for more classes."""
    if targets.ndim == 1 and scores.shape[1] != 2:
        return np.zeros((len(scores), 3))
    counts = _counts(scores, targets).reshape(len(scores), 3, scores.shape[1])
    return counts.sum(axis=2) if targets.ndim == 2 else counts[:, :, 1]


def _calibration(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 2 BINS): for each bin of confidence, confidence minus outcome; then for each bin, the number of predictions."""
    if targets.ndim == 2:
        confidence, right = scores.astype(float), targets.astype(float)
    else:
        confidence = scores.max(axis=1, keepdims=True).astype(float)
        right = (scores.argmax(axis=1) == targets)[:, None].astype(float)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    parts = np.zeros((len(scores), 2 * BINS))
    rows = np.arange(len(scores))[:, None]
    np.add.at(parts, (rows, bins), confidence - right)
    np.add.at(parts, (rows, bins + BINS), 1)
    return parts


def _squared_errors(scores: NDArray, targets: NDArray) -> NDArray:
    errors = (scores - _truth(scores, targets)) ** 2
    each = errors.mean(axis=1) if targets.ndim == 2 else errors.sum(axis=1) / 2
    return np.stack([each, np.ones(len(each))], axis=1)


def _areas(scores: NDArray, targets: NDArray) -> Iterator[tuple[float, NDArray]]:
    """The ROC area of each class that has both kinds of examples, and its influence (N,)."""
    for column, truth in _against_the_rest(scores, targets):
        if 0 < truth.sum() < len(truth):
            yield _area(column, truth)


def _against_the_rest(scores: NDArray, targets: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
    """The scores (N,) and the membership (N,) of each class; of two classes only the second."""
    first = 1 if targets.ndim == 1 and scores.shape[1] == 2 else 0
    for c in range(first, scores.shape[1]):
        yield scores[:, c], targets[:, c] > 0 if targets.ndim == 2 else targets == c


def _area(scores: NDArray, truth: NDArray) -> tuple[float, NDArray]:
    """The share of pairs of a true and a false example in which the true one scores higher.

    A tie counts half. Also returns the influence (N,): how much the share of pairs that an example
    wins exceeds that of all, the "structural components" of DeLong, DeLong and Clarke-Pearson,
    Biometrics 44, 1988. Each true example is ranked once and each false one is looked up among
    them: N log N, without forming the pairs.
    """
    positives = np.sort(scores[truth])
    count, others = len(positives), len(scores) - len(positives)
    lower = np.searchsorted(positives, scores[~truth], side="left")
    upper = np.searchsorted(positives, scores[~truth], side="right")
    below = (
        np.bincount(lower, minlength=count + 1) + np.bincount(upper, minlength=count + 1)
    ).cumsum()[:count] / 2
    wins = np.empty(len(scores))
    wins[truth] = below[np.searchsorted(positives, scores[truth])] / others
    wins[~truth] = 1 - (lower + upper) / (2 * count)
    area = float(below.sum() / (count * others))
    # A sample variance divides by its number less one, on each side; a side of one example has none.
    weight = np.where(truth, count * max(count - 1, 1), others * max(others - 1, 1)) ** -0.5
    return area, (wins - area) * weight


def _mean_area(scores: NDArray, targets: NDArray) -> float:
    areas = [area for area, _ in _areas(scores, targets)]
    return float(np.mean(areas)) if areas else float("nan")


def _area_influence(scores: NDArray, targets: NDArray, clusters: NDArray) -> NDArray:
    total, count = np.zeros(len(targets)), 0
    for _, influence in _areas(scores, targets):
        total, count = total + influence, count + 1
    return sums_by(clusters, total[:, None])[:, 0] / max(count, 1)


def _rarest(scores: NDArray, targets: NDArray) -> float:
    """The effective number of examples of a mean over classes.

    Each class counts as many as the rarer of its examples and counter-examples.
    """
    rarer = [
        min(truth.sum(), len(truth) - truth.sum())
        for _, truth in _against_the_rest(scores, targets)
    ]
    numbers = np.array([number for number in rarer if number > 0], float)
    return float(len(numbers) ** 2 / (1 / numbers).sum()) if len(numbers) else 0.0


def _f1_of(sums: NDArray) -> NDArray:
    """The mean over classes of the F1 of (..., 3C) counts, over those that are predicted or true at least once."""
    hits, predicted, actual = np.split(sums, 3, axis=-1)
    return _mean(divide(2 * hits, predicted + actual))


def _calibration_error(sums: NDArray) -> NDArray:
    return divide(np.abs(sums[..., :BINS]).sum(axis=-1), sums[..., BINS:].sum(axis=-1))


def _mean(values: NDArray) -> NDArray:
    """The mean over the last axis of what is not nan."""
    return divide(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


accuracy = of_sums("accuracy", _hits, ratio)
"""The share of examples that are right; of several labels, all of them."""

macro_f1 = Metric("macro_f1", _macro_f1, _macro_f1_influence, _counts, _f1_of, examples=_rarest)
"""The mean F1 over the classes that occur as a target or a prediction.

It is made of the sums of `_counts`; these are a table of examples by classes, so that they are not
made to measure it."""

f1 = of_sums("f1", _positive_counts, _f1_of)
"""F1 of the second of two classes; multi-label: over all labels together (micro); nan for more than two classes."""

auroc = Metric("auroc", _mean_area, _area_influence, examples=_rarest)
"""Area under the ROC curve: of the second class if there are two, else the mean over classes, each against the rest.

Classes without an example, or without a counter-example, are left out of the mean (Fawcett, 2006)."""

ece = of_sums(
    "ece",
    _calibration,
    _calibration_error,
    higher_is_better=False,
    is_fraction=False,
    has_interval=False,
)
"""Expected calibration error over 15 equal bins of confidence (Guo et al., arXiv:1706.04599).

It has no interval: a mean of absolute values is too high on small samples, by far more than it
varies (Kumar, Liang and Ma, arXiv:1909.10155), so that an interval around it would be of another
quantity."""

brier = of_sums(
    "brier", _squared_errors, ratio, higher_is_better=False, is_fraction=False, limits=(0.0, 1.0)
)
"""Half the squared distance of the probabilities from the truth (Brier, 1950, halved to lie in [0, 1]); multi-label: the
mean squared error of a label."""

METRICS = {metric.name: metric for metric in (accuracy, macro_f1, f1, auroc, ece, brier)}
