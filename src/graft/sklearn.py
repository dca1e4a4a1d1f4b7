"""Graft as a scikit-learn estimator."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from graft.base import env
from graft.data.images.arrays import full_scale, to_images


class TransferClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that adapts a pretrained network to texts or images.

    `X`: a list or array of texts; an array of images (N, H, W[, C]) or rows of square ones (N, H * H); or a list of
    paths of image files. `y`: (N,) labels of any kind that scikit-learn takes. The parameters are those of `graft.fit`;
    a `val` share of the training data is held out to choose by. The trained model is `model_`: `model_.save(folder)`
    keeps it and `graft.load(folder)` reads it again. A fitted estimator is not made for pickle: keep the folder.
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
        self.backbone = backbone
        self.technique = technique
        self.epochs = epochs
        self.batch_size = batch_size
        self.precision = precision
        self.weighted = weighted
        self.val = val
        self.seed = seed

    def fit(self, X: Any, y: Any) -> TransferClassifier:
        """Adapt the network to `X` and `y`; raises GraftError, and ValueError where `y` are no classes."""
        from graft import api

        labels = column_or_1d(np.asarray(y))
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        self._names = [str(label) for label in self.classes_]
        if isinstance(X, np.ndarray) and X.ndim > 1:
            self.n_features_in_ = int(np.prod(X.shape[1:]))
            self._white = full_scale(X, "X")
        data = api.load_data(
            (self._values(X), [str(label) for label in labels]),
            seed=self.seed,
            val=self.val,
            test=0,
        )
        data = data.with_splits(
            {**data.splits, "test": data.splits["val"]}
        )  # a run is always tested; nobody reads it here
        folder = Path(tempfile.mkdtemp(prefix="graft-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        asked = {
            name: getattr(self, name)
            for name in ("epochs", "batch_size", "precision", "weighted", "seed")
        }
        run = api.fit(data, self.backbone, self.technique, **asked, out=folder)
        self.model_ = api.load(run.folder, self.precision or env.native_precision(env.device()))
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    def _values(self, X: Any) -> list[Any]:
        """Texts, paths or images; numbers are scaled to 0..255 as in the training data, whatever their range in `X`."""
        if not isinstance(X, np.ndarray) or X.dtype.kind not in "buif":
            return list(X)
        if X.dtype != np.uint8:
            X = (X * (255.0 / self._white)).clip(0, 255).round().astype(np.uint8)
        return list(to_images(X, "X")[0])
