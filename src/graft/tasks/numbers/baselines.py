"""Trivial predictors of numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from graft.base.baseline import Baseline
from graft.base.records import Sample
from graft.data.images.small_pixels import small_pixels
from graft.data.sounds.mel_statistics import mel_statistics
from graft.tasks.text.word_weights import word_weights

PENALTIES = tuple(10.0**power for power in range(-3, 6))
"""From almost no penalty to one that leaves little more than the mean, at any scale of features."""
FOLDS = 5

Targets = Callable[[Sequence[Sample]], NDArray]
"""samples -> their true numbers (N,)."""


def mean(targets: Targets) -> Baseline:
    """The mean of the training split, whatever the sample."""

    def predict(train: Sequence[Sample], test: Sequence[Sample]) -> NDArray:
        return np.full(len(test), targets(train).mean())

    return Baseline("mean", "always predicting the training mean", predict)


def mean_by_category(targets: Targets) -> Baseline:
    """The mean of the training samples of the same `category`; that of all for an unknown one."""

    def predict(train: Sequence[Sample], test: Sequence[Sample]) -> NDArray:
        values, categories = targets(train), np.array([s.roles["category"] for s in train])
        means = {name: values[categories == name].mean() for name in np.unique(categories)}
        return np.array([means.get(s.roles.get("category"), values.mean()) for s in test])

    return Baseline("category-mean", "predicting the training mean of each category", predict)


def ridge_on_words(targets: Targets, read: Callable[[Sample], str]) -> Baseline:
    """Ridge regression on TF-IDF of the text that `read` takes from each sample."""
    return _ridge("tfidf-ridge", "TF-IDF with ridge regression", targets, word_weights, read)


def ridge_on_overlap(targets: Targets, read: Callable[[Sample], tuple[str, str]]) -> Baseline:
    """Ridge regression on the overlap of the words of the pair that `read` returns."""
    words = "ridge regression on the overlap of words"
    return _ridge("overlap-ridge", words, targets, Overlap, read)


class Overlap(TransformerMixin, BaseEstimator):
    """The cosine (N, 1) of the TF-IDF of the two texts of each pair."""

    def fit(self, pairs: Sequence[tuple[str, str]], y: Any = None) -> Overlap:
        self.weights_ = word_weights().fit([text for pair in pairs for text in pair])
        return self

    def transform(self, pairs: Sequence[tuple[str, str]]) -> NDArray:
        first, second = (self.weights_.transform(side) for side in zip(*pairs, strict=True))
        # The rows have length 1.
        return np.asarray(first.multiply(second).sum(axis=1))


def ridge_on_pixels(targets: Targets) -> Baseline:
    """Ridge regression on the standardized pixels of the images, resized to a small size."""
    words = "ridge regression on pixels"
    return _ridge("pixels-ridge", words, targets, StandardScaler, small_pixels)


def ridge_on_mel_statistics(targets: Targets) -> Baseline:
    """Ridge regression on the standardized statistics of the log-mel spectra of the sounds."""
    words = "ridge regression on the log-mel spectrum"
    return _ridge("log-mel-ridge", words, targets, StandardScaler, mel_statistics)


def _ridge(
    name: str,
    words: str,
    targets: Targets,
    make_step: Callable[[], Any],
    read: Callable[[Sample], Any],
) -> Baseline:
    """Ridge regression behind a step of scikit-learn.

    The penalty has the least squared error in cross-validation on training. A training split of a
    single sample has no folds: its value is predicted.
    """

    def predict(train: Sequence[Sample], test: Sequence[Sample]) -> NDArray:
        if len(train) < 2:
            return np.full(len(test), targets(train).mean())
        # Folds rather than the closed form of leaving one out, which needs a table of N by N.
        folds, score = min(FOLDS, len(train)), "neg_mean_squared_error"
        pipeline = make_pipeline(make_step(), RidgeCV(PENALTIES, cv=folds, scoring=score))
        with warnings.catch_warnings():
            # The smallest penalties leave more features than samples ill-conditioned.
            warnings.simplefilter("ignore", LinAlgWarning)
            pipeline.fit([read(sample) for sample in train], targets(train))
        return pipeline.predict([read(sample) for sample in test])

    return Baseline(name, words, predict)
