"""Make tables from arrays of values and labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from graft.base.errors import DataError
from graft.data.images.arrays import to_images
from graft.data.images.open import has_image_suffix
from graft.data.sounds.open import has_sound_suffix, holds_sounds
from graft.data.tables.table import Table


def array_table(values: Any, labels: Any, name: str, classes: Sequence[str] | None = None) -> Table:
    """One row for each of `values`: texts, lists of tokens, images, paths or arrays of images.

    `labels`: (N,) of str or numbers; (N, C) of 0 and 1, or a list of lists, for several a sample;
    of tokens a list of tags each; None for none. `classes` names numbers. Labels that are words are
    classes. Raises DataError.
    """
    role, items, notes = _values(values, name)
    target = "tags" if role == "tokens" else "label"
    targets: list[Any] = [None] * len(items)
    if labels is not None:
        targets, more = (list(labels), []) if role == "tokens" else _labels(labels, classes, name)
        notes = [*notes, *more]
    if len(targets) != len(items):
        raise DataError(
            f"{name} holds {len(items):,} samples but {len(targets):,} labels. "
            "There must be as many."
        )
    names = {target: list(classes)} if classes else {}
    return Table(
        name,
        {role: list(items), target: targets},
        range(len(items)),
        class_names=names,
        has_classes=all(isinstance(label, str | None) for label in targets),
        notes=tuple(notes),
    )


def _values(values: Any, name: str) -> tuple[str, Sequence[Any], list[str]]:
    """The role of the values, the values, and notes."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "buif":
        images, notes = to_images(values, name)
        return "image", list(images), notes
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    items = np.atleast_1d(values).tolist() if isinstance(values, np.ndarray) else list(values)
    if not items:
        raise DataError(f"{name} holds no samples.")
    if all(isinstance(v, str) for v in items):
        if all(has_sound_suffix(v) and len(v) < 4096 for v in items) and Path(items[0]).is_file():
            return "audio", [Path(v) for v in items], []
        paths = (
            all(has_image_suffix(v) and len(v) < 4096 for v in items) and Path(items[0]).is_file()
        )
        return ("image", [Path(v) for v in items], []) if paths else ("text", items, [])
    if all(
        isinstance(v, list | tuple) and all(isinstance(token, str) for token in v) for v in items
    ):
        return "tokens", items, []
    if holds_sounds(items):
        return "audio", items, []
    if all(isinstance(v, Path | bytes | np.ndarray) for v in items):
        return "image", items, []
    if all(isinstance(v, Image.Image) for v in items):
        return (
            "image",
            [np.asarray(v.convert("RGBA" if v.has_transparency_data else "RGB")) for v in items],
            [],
        )
    kinds = ", ".join(sorted({type(v).__name__ for v in items}))
    raise DataError(
        f"{name} holds values of type {kinds}. Give texts (str), lists of tokens, or images as one "
        "array, arrays, paths or bytes."
    )


def _labels(labels: Any, classes: Sequence[str] | None, name: str) -> tuple[list[Any], list[str]]:
    array = labels if isinstance(labels, np.ndarray) else None
    if array is not None and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array is not None and array.ndim == 2:
        return _read_indicators(array, classes, name)
    if array is not None and array.ndim != 1:
        raise DataError(
            f"The labels of {name} have the shape {array.shape}. "
            "Allowed: (N,), or (N, classes) of 0 and 1."
        )
    values = array.tolist() if array is not None else list(labels)
    return [sorted(v, key=str) if isinstance(v, set | frozenset) else v for v in values], []


def _read_indicators(
    array: np.ndarray, classes: Sequence[str] | None, name: str
) -> tuple[list[Any], list[str]]:
    names = list(classes) if classes else [str(i) for i in range(array.shape[1])]
    if len(names) != array.shape[1] or not np.isin(array, (0, 1)).all():
        raise DataError(
            f"The labels of {name} have the shape {array.shape}. Of several labels a sample, each "
            "column is one class, 0 or 1."
        )
    if (array.sum(axis=1) == 1).all():
        return [names[i] for i in array.argmax(axis=1)], [
            f"The labels of {name} are one-hot; each sample has one label."
        ]
    return [tuple(names[i] for i in np.flatnonzero(row)) for row in array], []
