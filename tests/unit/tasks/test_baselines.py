"""What predicts numbers without a network."""

from __future__ import annotations

import numpy as np
import pytest

from graft.base.records import Sample
from graft.metrics.regression import r2
from graft.tasks.numbers import baselines


def values(samples: list[Sample]) -> np.ndarray:
    return np.array([sample.roles["value"] for sample in samples])


def text(sample: Sample) -> str:
    return sample.roles["text"]


def texts(size: int, seed: int) -> list[Sample]:
    """Lines of ten words; each `much` is worth 2, each `little` 1."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(["much", "little", "of", "it"], (size, 10))
    worth = 2 * (drawn == "much").sum(axis=1) + (drawn == "little").sum(axis=1)
    return [
        Sample(str(i), {"text": " ".join(words), "value": float(value)})
        for i, (words, value) in enumerate(zip(drawn, worth, strict=True))
    ]


def pictures(size: int, seed: int) -> list[Sample]:
    """Noisy pictures of one gray, which is their value in per cent of white."""
    rng = np.random.default_rng(seed)
    grays = rng.uniform(20, 80, size)
    noise = rng.normal(0, 8, (size, 24, 24, 3))
    return [
        Sample(
            str(i), {"image": np.clip(2.55 * gray + each, 0, 255).astype(np.uint8), "value": gray}
        )
        for i, (gray, each) in enumerate(zip(grays, noise, strict=True))
    ]


def test_the_mean_of_training_says_nothing_of_what_varies():
    train, test = texts(20, 0), texts(5, 1)
    scores = baselines.mean(values).predict(train, test)
    assert scores.tolist() == [values(train).mean()] * 5


@pytest.mark.parametrize(
    ("baseline", "make"),
    [
        (baselines.ridge_on_words(values, text), texts),
        (baselines.ridge_on_pixels(values), pictures),
    ],
    ids=["texts", "pictures"],
)
def test_ridge_learns_what_is_linear(baseline, make):
    train, test = make(120, 0), make(60, 1)
    scores = baseline.predict(train, test)
    assert r2(scores, values(test)) > 0.9
    assert np.array_equal(scores, baseline.predict(train, test))


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(
    ("baseline", "make"),
    [
        (baselines.ridge_on_words(values, text), texts),
        (baselines.ridge_on_pixels(values), pictures),
    ],
    ids=["texts", "pictures"],
)
def test_a_few_samples_are_enough_to_predict_something(baseline, make, size):
    scores = baseline.predict(make(size, 0), make(4, 1))
    assert np.isfinite(scores).all()
    assert scores.shape == (4,)


def test_each_has_a_name_and_words():
    each = [
        baselines.mean(values),
        baselines.ridge_on_words(values, text),
        baselines.ridge_on_pixels(values),
    ]
    assert [baseline.name for baseline in each] == ["mean", "tfidf-ridge", "pixels-ridge"]
    assert each[1].words == "TF-IDF with ridge regression"
