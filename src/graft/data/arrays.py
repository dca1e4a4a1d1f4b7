"""From arrays of values and labels to samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.columns import is_missing
from graft.data.images import SUFFIXES
from graft.data.pixels import to_images


def array_samples(
    values: Any, labels: Any, name: str, classes: Sequence[str] | None = None, *, needs_label: bool = True
) -> tuple[list[Sample], list[str]]:
    """One sample for each of `values`, and notes: texts, images, paths or arrays of images, or lists of tokens.

    `labels` (N,) of str or numbers; (N, C) of 0 and 1, or a list of lists, for several labels a sample; of tokens a list of tags
    each; None for none. `classes` gives names to numbers. Raises DataError.
    """
    role, listed, notes = _values(values, name)
    if role == "tokens":
        return _tagged(listed, labels, name), notes
    found, said = ([None] * len(listed), []) if labels is None else _labels(labels, classes, name)
    if len(found) != len(listed):
        raise DataError(f"{name} holds {len(listed):,} samples but {len(found):,} labels. There must be as many.")
    missing = [i for i, label in enumerate(found) if label is None]
    if missing and needs_label:
        rows = ", ".join(f"{name}:{i}" for i in missing[:10])
        raise DataError(
            f"{len(missing):,} of {len(found):,} labels are missing (None or NaN): {rows}. Fill them in or remove those samples."
        )
    samples = [
        Sample(f"{name}:{i}", {role: value, "label": label}) for i, (value, label) in enumerate(zip(listed, found, strict=True))
    ]
    return samples, [*notes, *said]


def _values(values: Any, name: str) -> tuple[str, Sequence[Any], list[str]]:
    """The role of the values, the values, and notes."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "buif":
        images, notes = to_images(values, name)
        return "image", list(images), notes
    listed = values.tolist() if isinstance(values, np.ndarray) and values.ndim == 1 else list(values)
    if not listed:
        raise DataError(f"{name} holds no samples.")
    if all(isinstance(v, str) for v in listed):
        paths = all(Path(v).suffix.lower() in SUFFIXES and len(v) < 4096 for v in listed) and Path(listed[0]).is_file()
        return ("image", [Path(v) for v in listed], []) if paths else ("text", listed, [])
    if all(isinstance(v, list | tuple) and all(isinstance(token, str) for token in v) for v in listed):
        return "tokens", listed, []
    if all(isinstance(v, Path | bytes | np.ndarray) for v in listed):
        return "image", listed, []
    if all(isinstance(v, Image.Image) for v in listed):
        return "image", [np.asarray(v.convert("RGBA" if v.has_transparency_data else "RGB")) for v in listed], []
    kinds = ", ".join(sorted({type(v).__name__ for v in listed}))
    raise DataError(
        f"{name} holds values of type {kinds}. Give texts (str), lists of tokens, or images as one array, arrays, paths or bytes."
    )


def _tagged(tokens: Sequence[Any], tags: Any, name: str) -> list[Sample]:
    found = [None] * len(tokens) if tags is None else list(tags)
    if len(found) != len(tokens):
        raise DataError(f"{name} holds {len(tokens):,} lists of tokens but {len(found):,} of tags. There must be as many.")
    bad = [
        f"{name}:{i}" for i, (own, of) in enumerate(zip(tokens, found, strict=True)) if tags is not None and not _fits(own, of)
    ]
    if bad:
        more = f" and {len(bad) - 10:,} more" if len(bad) > 10 else ""
        raise DataError(f"{len(bad):,} lists of tags are not as long as their tokens: {', '.join(bad[:10])}{more}.")
    return [
        Sample(f"{name}:{i}", {"tokens": tuple(own), "tags": None if of is None else tuple(map(str, of))})
        for i, (own, of) in enumerate(zip(tokens, found, strict=True))
    ]


def _fits(tokens: Sequence[str], tags: Any) -> bool:
    return isinstance(tags, list | tuple | np.ndarray) and len(tags) == len(tokens)


def _labels(labels: Any, classes: Sequence[str] | None, name: str) -> tuple[list[Any], list[str]]:
    array = labels if isinstance(labels, np.ndarray) else None
    if array is not None and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array is not None and array.ndim == 2:
        return _from_indicators(array, classes, name)
    if array is not None and array.ndim != 1:
        raise DataError(f"The labels of {name} have the shape {array.shape}. Allowed: (N,), or (N, classes) of 0 and 1.")
    found = [_label(v) for v in (array if array is not None else labels)]
    known = {label for label in found if isinstance(label, str)}
    if not classes or not all(k.isdecimal() and int(k) < len(classes) for k in known):
        return found, []
    return [None if v is None else classes[int(v)] for v in found], [f"Labels are shown by their names: 0 = {classes[0]}, ..."]


def _from_indicators(array: np.ndarray, classes: Sequence[str] | None, name: str) -> tuple[list[Any], list[str]]:
    names = list(classes) if classes else [str(i) for i in range(array.shape[1])]
    if len(names) != array.shape[1] or not np.isin(array, (0, 1)).all():
        raise DataError(
            f"The labels of {name} have the shape {array.shape}. Of several labels a sample, each column is one class, 0 or 1."
        )
    if (array.sum(axis=1) == 1).all():
        return [names[i] for i in array.argmax(axis=1)], [f"The labels of {name} are one-hot; each sample has one label."]
    return [tuple(names[i] for i in np.flatnonzero(row)) for row in array], []


def _label(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(dict.fromkeys(str(v) for v in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)))
    value = value.item() if isinstance(value, np.generic) else value
    if is_missing(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
