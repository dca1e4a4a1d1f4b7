"""Graft as scikit-learn estimators."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from graft.base import env
from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.data.formats.format import ReadOptions
from graft.data.images.arrays import full_scale, to_images
from graft.data.tables.arrays import array_table
from graft.data.tables.cells import as_number, is_missing
from graft.data.tables.rows import to_data


class _TransferEstimator(BaseEstimator):
    """The base of the estimators: the parameters of `graft.fit`, and the inputs."""

    def __init__(
        self,
        backbone: str | None = None,
        technique: str = "feature-extraction",
        epochs: float | None = None,
        batch_size: int | None = None,
        precision: str | None = None,
        val: float = 0.15,
        seed: int = 0,
    ):
        self.backbone = backbone
        self.technique = technique
        self.epochs = epochs
        self.batch_size = batch_size
        self.precision = precision
        self.val = val
        self.seed = seed

    def _fit(self, X: Any, y: list[Any], columns: dict[str, str], **settings: Any) -> None:
        """Train on `y`, which are strings for classes and floats for numbers.

        Raises DataError if all are the same, or if there are not as many as samples in `X`.
        """
        from graft import api

        if isinstance(X, np.ndarray) and X.ndim > 1:
            self.n_features_in_ = int(np.prod(X.shape[1:]))
            self._white = full_scale(X, "X")
        values = self._values(X)
        if len(values) != len(y):
            raise DataError(
                f"X holds {plural(len(values), 'sample')} and y {plural(len(y), 'value')}. Give "
                "one value of y for each sample of X."
            )
        if len(set(y)) == 1:
            raise DataError(
                f"All {len(y):,} values of y are {y[0]!r}, so there is nothing to learn. Add "
                "samples of other values."
            )
        # A label is a label, whatever signs are in it.
        options = ReadOptions(columns, label_separator="")
        samples = to_data({"all": [array_table(values, y, "X")]}, options)
        data = api.load_data(samples, seed=self.seed, val=self.val, test=0)
        # A run is always tested; nobody reads it here.
        data = data.with_splits({**data.splits, "test": data.splits["val"]})
        folder = Path(tempfile.mkdtemp(prefix="graft-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        for name in ("epochs", "batch_size", "precision", "seed"):
            settings[name] = getattr(self, name)
        run = api.fit(data, self.backbone, self.technique, **settings, out=folder)
        self.model_ = api.load(run.folder, self.precision or env.native_precision(env.device()))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    def _values(self, X: Any) -> list[Any]:
        """Texts, paths or images.

        Numbers are scaled to 0..255 as in the training data, whatever their range in `X`.
        """
        if not isinstance(X, np.ndarray) or X.dtype.kind not in "buif":
            return list(X)
        if X.dtype != np.uint8:
            X = (X * (255.0 / self._white)).clip(0, 255).round().astype(np.uint8)
        return list(to_images(X, "X")[0])


class TransferClassifier(ClassifierMixin, _TransferEstimator):
    """A classifier that adapts a pretrained network to texts or images.

    `X`: a list or array of texts; an array of images (N, H, W[, C]) or rows of square ones
    (N, H * H); or a list of paths of image files. `y`: (N,) labels of any kind that scikit-learn
    takes. The parameters are those of `graft.fit`; a `val` share of the training data is held out
    to choose by. The trained model is `model_`: `model_.save(folder)` keeps it and
    `graft.load(folder)` reads it again. A fitted estimator is not made for pickle: keep the folder.
    """

    def __init__(
        self,
        backbone: str | None = None,
        technique: str = "feature-extraction",
        epochs: float | None = None,
        batch_size: int | None = None,
        precision: str | None = None,
        weighted: bool = False,
        val: float = 0.15,
        seed: int = 0,
    ):
        super().__init__(backbone, technique, epochs, batch_size, precision, val, seed)
        self.weighted = weighted

    def fit(self, X: Any, y: Any) -> TransferClassifier:
        """Adapt the network to `X` and `y`.

        Raises GraftError, and ValueError if `y` are no classes.
        """
        labels = column_or_1d(np.asarray(y))
        _refuse(
            labels.tolist(),
            is_missing,
            "cannot be a label",
            "Fill it in, or leave the sample out of X and y.",
        )
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        self._names = [str(label) for label in self.classes_]
        self._fit(X, [str(label) for label in labels], {}, weighted=self.weighted)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each example (N,)."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (N, classes), columns in the order of `classes_`."""
        check_is_fitted(self)
        rows = self.model_.predict(self._values(X))
        order = [self.model_.classes.index(name) for name in self._names]
        return np.array([row["probabilities"] for row in rows])[:, order]


class TransferRegressor(RegressorMixin, _TransferEstimator):
    """A regressor that adapts a pretrained network to texts or images.

    `X` as for `TransferClassifier`. `y`: (N,) finite numbers in any unit, in which it predicts. The
    parameters, `model_` and what holds for them are those of `TransferClassifier`.
    """

    def fit(self, X: Any, y: Any) -> TransferRegressor:
        """Adapt the network to `X` and `y`.

        Raises GraftError, and ValueError if `y` is not (N,).
        """
        values = column_or_1d(np.asarray(y))
        values = values.astype(float) if values.dtype.kind == "b" else values
        _refuse(
            values.tolist(),
            lambda value: as_number(value) is None,
            "cannot be read as a finite number",
            "Make it a float, or leave the sample out of X and y.",
        )
        self._fit(X, values.astype(float).tolist(), {"value": "label"})
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The number of each example (N,)."""
        check_is_fitted(self)
        return np.array([row["prediction"] for row in self.model_.predict(self._values(X))])


def _refuse(y: list[Any], is_wrong: Callable[[Any], bool], what: str, advice: str) -> None:
    """Raise DataError naming the entries of `y` that are wrong: `what` says what is."""
    wrong = [f"y[{index}] ({value!r})" for index, value in enumerate(y) if is_wrong(value)]
    if wrong:
        raise DataError(
            f"{len(wrong):,} of {len(y):,} values of y {what}: {listed(wrong, 5)}. {advice}"
        )
