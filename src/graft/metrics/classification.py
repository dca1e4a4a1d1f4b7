"""Metrics of classification: `metric(scores, targets) -> float`.

Single-label: scores (N, C) probabilities, targets (N,) class indices; the class with the highest
score is predicted. Multi-label: scores (N, C) probabilities, targets (N, C) of 0 and 1; a label is
predicted from 0.5 on. All values are fractions between 0 and 1; higher is better except for `ece`
and `brier`. An undefined value is nan.

Example: graft evaluate runs/photos photos
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.base.evidence import Column
from graft.metrics.metric import (
    Measurement,
    Metric,
    Pairs,
    Terms,
    divide,
    influence_by_omission,
    metric_of_sums,
    ratio,
    sums_by,
)

BINS = 15


def per_class(
    scores: NDArray, targets: NDArray, classes: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    """Class -> `precision`, `recall`, `f1` (nan if undefined) and `support`, its examples."""
    hits, predicted, actual = _totals(_decide(scores, targets))
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


RANK = "f1"
"""The column of `per_class` that ranks the weakest classes."""


def columns(examples: str) -> tuple[Column, ...]:
    """Describe the columns of `per_class`; `examples` names what its support counts."""
    return (
        Column("precision", "precision"),
        Column("recall", "recall"),
        Column(RANK, "F1 (%)"),
        Column("support", examples, "count"),
    )


def confusion(scores: NDArray, targets: NDArray) -> NDArray[np.int64]:
    """(C, C) counts of single-label examples: rows are targets, columns predictions."""
    size = scores.shape[1]
    cells = targets * size + scores.argmax(axis=1)
    return np.bincount(cells, minlength=size * size).reshape(size, size)


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
    """(N, 3C): for each class, whether it is predicted and true, predicted, and true."""
    decisions, truth = _decisions(scores, targets), _truth(scores, targets)
    return np.concatenate([decisions * truth, decisions, truth], axis=1)


@dataclass(frozen=True)
class Decided:
    """The predicted and the true classes of N examples, in M cells of example and class.

    `counts` (3, M) is 1 where the class `classes` (M,) of the example `rows` (M,) is predicted and
    true, predicted, and true. Single labels need at most two cells per example, however many
    classes there are.
    """

    rows: NDArray
    classes: NDArray
    counts: NDArray
    num_examples: int
    num_classes: int
    several: bool


def _collect_decisions(scores: NDArray, targets: NDArray) -> Terms:
    """Return per example the predicted class, the true class, and the number of classes.

    With several labels, the first two are lists.
    """
    if targets.ndim == 1:
        classes = np.full(len(targets), scores.shape[1])
        return np.stack([_best_class(scores), targets, classes], axis=1)
    labels = zip(scores >= 0.5, targets > 0, strict=True)
    return [
        [np.flatnonzero(guessed).tolist(), np.flatnonzero(true).tolist(), scores.shape[1]]
        for guessed, true in labels
    ]


def _decide(scores: NDArray, targets: NDArray) -> Decided:
    if targets.ndim == 1:
        return _decide_single_labels(_best_class(scores), targets, scores.shape[1])
    decisions, truth = scores >= 0.5, targets > 0
    rows, classes = np.nonzero(decisions | truth)
    predicted, actual = decisions[rows, classes], truth[rows, classes]
    counts = np.stack([predicted & actual, predicted, actual]).astype(float)
    return Decided(rows, classes, counts, *scores.shape, several=True)


def _decide_single_labels(guesses: NDArray, targets: NDArray, num_classes: int) -> Decided:
    each = np.arange(len(targets))
    wrong = np.flatnonzero(guesses != targets)
    rows, classes = np.concatenate([each, wrong]), np.concatenate([guesses, targets[wrong]])
    predicted = np.arange(len(rows)) < len(each)
    actual = np.concatenate([guesses == targets, np.ones(len(wrong), bool)])
    counts = np.stack([predicted & actual, predicted, actual]).astype(float)
    return Decided(rows, classes, counts, len(targets), num_classes, several=False)


def _read_decisions(terms: Terms) -> Decided:
    """Read what `_collect_decisions` returned, from an array or from a file."""
    if len(terms) and isinstance(terms[0][0], list):
        scores, targets = np.zeros((2, len(terms), terms[0][2]))
        for row, (guessed, true, _) in enumerate(terms):
            scores[row, guessed] = targets[row, true] = 1
        return _decide(scores, targets)
    guesses, targets, classes = np.asarray(terms, int).reshape(-1, 3).T
    return _decide_single_labels(guesses, targets, int(classes.max(initial=0)))


def _best_class(scores: NDArray) -> NDArray:
    return scores.argmax(axis=1)


def _totals(decided: Decided) -> NDArray:
    """(3, C): of each class how often it is predicted and true, predicted, true."""
    classes, size = decided.classes, decided.num_classes
    return np.stack([np.bincount(classes, weights=row, minlength=size) for row in decided.counts])


def _weigh_macro_f1(terms: Terms) -> Measurement:
    decided = _read_decisions(terms)
    return Measurement(
        float(_macro_f1_of_sums(_totals(decided).reshape(-1))),
        lambda clusters: _macro_f1_influence(decided, clusters),
        lambda: _effective_examples(_counts_of_classes(decided), decided.num_examples),
    )


def _macro_f1_influence(decided: Decided, clusters: NDArray) -> NDArray:
    """The jackknife of `_macro_f1_of_sums`: each cluster changes the F1 of its own classes only."""
    size, count = decided.num_classes, int(clusters.max()) + 1
    keys, place = np.unique(clusters[decided.rows] * size + decided.classes, return_inverse=True)
    cluster, changed = np.divmod(keys, size)
    removed = np.stack(
        [np.bincount(place, weights=row, minlength=len(keys)) for row in decided.counts]
    )
    totals = _totals(decided)
    before, after = _f1_each(totals), _f1_each(totals[:, changed] - removed)

    def by_cluster(values: NDArray) -> NDArray:
        return np.bincount(cluster, weights=values, minlength=count)

    sums = np.nansum(before) - by_cluster(before[changed]) + by_cluster(np.nan_to_num(after))
    defined = (~np.isnan(before)).sum() - by_cluster(np.isnan(after).astype(float))
    return influence_by_omission(divide(sums, defined))


def _counts_of_classes(decided: Decided) -> NDArray:
    """The number of examples of each class; of two classes only the second."""
    actual = _totals(decided)[2]
    return actual[1:] if not decided.several and decided.num_classes == 2 else actual


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
    """(N, 3): as `_counts`, of the second class of two, or of all labels together.

    All 0, so undefined, of more classes.
    """
    if targets.ndim == 1 and scores.shape[1] != 2:
        return np.zeros((len(scores), 3))
    counts = _counts(scores, targets).reshape(len(scores), 3, scores.shape[1])
    return counts.sum(axis=2) if targets.ndim == 2 else counts[:, :, 1]


def _calibration(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 2 BINS): of each bin of confidence, confidence minus outcome; then its predictions."""
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
    for column, truth in _split_classes(scores, targets):
        if 0 < truth.sum() < len(truth):
            yield _area(column, truth)


def _split_classes(scores: NDArray, targets: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
    """Yield the scores (N,) and the membership (N,) of each class; of two, only the second."""
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
    # A sample variance divides by its number less one on each side; a single example has none.
    weight = np.where(truth, count * max(count - 1, 1), others * max(others - 1, 1)) ** -0.5
    return area, (wins - area) * weight


def _weigh_auroc(terms: Terms) -> Measurement:
    pairs = Pairs.of(terms)
    scores, targets = pairs.scores, pairs.targets
    areas = [area for area, _ in _areas(scores, targets)]
    return Measurement(
        float(np.mean(areas)) if areas else float("nan"),
        lambda clusters: _area_influence(scores, targets, clusters),
        lambda: _effective_examples(
            [truth.sum() for _, truth in _split_classes(scores, targets)], len(targets)
        ),
    )


def _area_influence(scores: NDArray, targets: NDArray, clusters: NDArray) -> NDArray:
    total, count = np.zeros(len(targets)), 0
    for _, influence in _areas(scores, targets):
        total, count = total + influence, count + 1
    return sums_by(clusters, total[:, None])[:, 0] / max(count, 1)


def _effective_examples(counts: Sequence[float], size: int) -> float:
    """The effective number of examples of a mean over classes with these `counts` of `size`.

    A class counts with the smaller number of its examples and counter-examples.
    """
    rarer = [min(count, size - count) for count in counts]
    effective = np.array([number for number in rarer if number > 0], float)
    return float(len(effective) ** 2 / (1 / effective).sum()) if len(effective) else 0.0


def _macro_f1_of_sums(sums: NDArray) -> NDArray:
    """The mean F1 of (..., 3C) counts over the classes that are predicted or true at all."""
    hits, predicted, actual = np.split(sums, 3, axis=-1)
    return _mean(divide(2 * hits, predicted + actual))


def _calibration_error(sums: NDArray) -> NDArray:
    return divide(np.abs(sums[..., :BINS]).sum(axis=-1), sums[..., BINS:].sum(axis=-1))


def _mean(values: NDArray) -> NDArray:
    """The mean over the last axis of what is not nan."""
    return divide(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


accuracy = metric_of_sums("accuracy", _hits, ratio)
"""The share of examples that are right; of several labels, all of them."""

macro_f1 = Metric("macro_f1", _collect_decisions, _weigh_macro_f1, "macro F1")
"""The mean F1 over the classes that occur as a target or a prediction.

It is a value of sums over the examples, which are never written out: they would be a table of
examples by classes."""

f1 = metric_of_sums(
    "f1",
    _positive_counts,
    _macro_f1_of_sums,
    words="F1",
    undefined="no example has the class, in truth or by prediction",
)
"""F1 of the second of two classes; multi-label: over all labels together (micro).

nan for more than two classes."""

auroc = Metric(
    "auroc",
    Pairs,
    _weigh_auroc,
    "AUROC",
    undefined="no class has both an example and a counter-example",
)
"""Area under the ROC curve: of the second class if there are two, else the mean over classes.

Each class is compared with all others. Classes without an example, or without a counter-example,
are left out of the mean (Fawcett, 2006)."""

ece = metric_of_sums(
    "ece",
    _calibration,
    _calibration_error,
    has_interval=False,
    words="calibration error (ECE)",
    best=0.0,
    higher_is_better=False,
    is_fraction=False,
)
"""Expected calibration error over 15 equal bins of confidence (Guo et al., arXiv:1706.04599).

It has no interval: a mean of absolute values is biased upward on small samples, by far more than it
varies (Kumar, Liang and Ma, arXiv:1909.10155), so an interval would be around another value."""

brier = metric_of_sums(
    "brier",
    _squared_errors,
    ratio,
    words="Brier score",
    best=0.0,
    higher_is_better=False,
    is_fraction=False,
    limits=(0.0, 1.0),
)
"""Half the squared distance of the probabilities from the truth, which lies in [0, 1].

Multi-label: the mean squared error of a label. Source: Brier, Mon. Weather Rev. 78, 1950."""

METRICS = {metric.name: metric for metric in (accuracy, macro_f1, f1, auroc, ece, brier)}
