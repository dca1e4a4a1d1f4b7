"""The scikit-learn estimator, inside scikit-learn's own tools."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

import graft
from graft.base.errors import DataError
from graft.sklearn import TransferClassifier, TransferRegressor

TEXTS = [f"{word} number {i}" for i in range(15) for word in ("good fine great", "bad poor awful")]
LABELS = np.array([1, -1] * 15)


def texts_classifier(**parameters: object) -> TransferClassifier:
    return TransferClassifier(
        **{"backbone": "tiny:bert", "technique": "full-fine-tuning", "epochs": 3, **parameters}
    )


@pytest.fixture(scope="module")
def two_digits() -> tuple[np.ndarray, np.ndarray]:
    """Zeros and ones of 8 x 8 pixels, values 0..16."""
    images, labels = load_digits(n_class=2, return_X_y=True)
    return images.reshape(-1, 8, 8)[:80], np.array(["zero", "one"])[labels[:80]]


def test_texts_in_cross_val_score() -> None:
    scores = cross_val_score(texts_classifier(epochs=80), TEXTS, LABELS, cv=2, error_score="raise")
    assert scores.shape == (2,)
    assert scores.mean() > 0.8


def test_grid_search_tries_techniques() -> None:
    search = GridSearchCV(
        texts_classifier(),
        {"technique": ["feature-extraction", "bitfit"]},
        cv=2,
        error_score="raise",
    )
    search.fit(np.array(TEXTS), LABELS)
    assert search.best_params_["technique"] in ("feature-extraction", "bitfit")
    assert set(search.predict(TEXTS[:4])) <= {1, -1}


def test_images_keep_their_range_and_classes(two_digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = two_digits
    model = TransferClassifier(backbone="tiny:cnn", technique="feature-extraction")
    model.fit(images, labels)
    assert list(model.classes_) == ["one", "zero"]
    assert model.n_features_in_ == 64
    probabilities = model.predict_proba(images)
    assert probabilities.shape == (80, 2)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (model.predict(images) == model.classes_[probabilities.argmax(axis=1)]).all()
    assert model.score(images, labels) > 0.9
    alone = model.predict_proba(
        np.minimum(images[:3], 7)
    )  # darker than any in training: not stretched to white
    assert alone == pytest.approx(
        model.predict_proba(np.concatenate([np.minimum(images[:3], 7), images[-1:]]))[:3], abs=1e-3
    )


def test_rows_of_pixels_are_pictures(two_digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = two_digits
    model = TransferClassifier(backbone="tiny:cnn", technique="feature-extraction", epochs=1).fit(
        images.reshape(80, 64), labels
    )
    assert len(model.predict(images[:5].reshape(5, 64))) == 5


def test_the_model_can_be_kept_and_read_again(tmp_path) -> None:
    model = texts_classifier().fit(TEXTS, LABELS)
    read = graft.load(
        model.model_.save(tmp_path / "model"), precision=model.model_._engine.precision
    )
    rows = read.predict(TEXTS[:3])
    assert [int(row["prediction"]) for row in rows] == list(model.predict(TEXTS[:3]))


def test_its_folder_goes_with_it() -> None:
    model = texts_classifier(technique="feature-extraction", epochs=1).fit(TEXTS, LABELS)
    folder = model.model_.folder
    assert folder.exists()
    del model
    assert not folder.exists()


def test_the_same_seed_gives_the_same_model() -> None:
    first, second = (
        texts_classifier(seed=3).fit(TEXTS, LABELS).predict_proba(TEXTS) for _ in range(2)
    )
    assert (first == second).all()


def test_parameters_are_those_that_were_given() -> None:
    model = texts_classifier(seed=4)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(epochs=7).epochs == 7


def test_it_says_when_it_is_not_fitted_or_given_numbers_to_predict() -> None:
    with pytest.raises(NotFittedError):
        texts_classifier().predict(TEXTS)
    with pytest.raises(ValueError, match="Unknown label type"):
        texts_classifier().fit(TEXTS, np.linspace(0, 1, len(TEXTS)))


def test_numbers_are_predicted_in_their_own_unit(two_digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, _ = two_digits
    ink = 1000 * images.mean(axis=(1, 2))
    model = TransferRegressor(backbone="tiny:cnn", precision="fp32").fit(images, ink)
    assert model.predict(images[:5]).shape == (5,)
    assert model.n_features_in_ == 64
    assert model.score(images, ink) > 0.5


def test_few_whole_numbers_are_values_to_a_regressor() -> None:
    model = TransferRegressor(backbone="tiny:bert").fit(TEXTS, LABELS)
    assert model.predict(TEXTS[:3]).dtype == float
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("estimator", "wrong", "message"),
    [
        (
            TransferRegressor,
            np.nan,
            r"1 of 30 values of y cannot be read as a finite number: y\[3\] \(nan\)",
        ),
        (TransferRegressor, np.inf, r"y\[3\] \(inf\)\. Make it a float"),
        (TransferRegressor, "many", r"cannot be read as a finite number: y\[3\] \('many'\)"),
        (TransferClassifier, None, r"1 of 30 values of y cannot be a label: y\[3\] \(None\)"),
        (TransferClassifier, "", r"cannot be a label: y\[3\] \(''\)"),
    ],
)
def test_an_entry_of_y_that_cannot_be_learnt_is_named(estimator, wrong, message) -> None:
    y = np.array([*map(float, range(15)), *map(float, range(15))], object)
    y[3] = wrong
    with pytest.raises(DataError, match=message):
        estimator(backbone="tiny:bert").fit(TEXTS, y)


@pytest.mark.parametrize("estimator", [TransferRegressor, TransferClassifier])
def test_what_is_wrong_with_y_is_said_of_y(estimator) -> None:
    with pytest.raises(DataError, match=r"All 30 values of y are '?7.*nothing to learn"):
        estimator(backbone="tiny:bert").fit(TEXTS, [7] * 30)
    with pytest.raises(DataError, match="X holds 30 samples and y 29 values"):
        estimator(backbone="tiny:bert").fit(TEXTS, [1, 2, *[3] * 27])


def test_a_label_may_hold_signs_that_part_labels_elsewhere() -> None:
    labels = ["arts|books", "arts", "books"] * 10
    model = texts_classifier(technique="feature-extraction", epochs=1).fit(TEXTS, labels)
    assert model.model_.classes == ["arts", "arts|books", "books"]
