"""NumPy archives."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, split_of, splits_of
from graft.data.images.open import open_image
from graft.data.listing import is_hidden
from graft.data.tables.arrays import array_table
from graft.data.tables.rows import to_data

_VALUES = ("x", "image", "images", "imgs", "data", "features", "text", "texts")
_LABELS = ("y", "label", "labels", "target", "targets")
_TARGETS = ("label", "value")
"""The roles under which an array of labels may be requested."""
_CLASSES = ("classes", "class_names", "target_names", "label_names")


class Npz:
    """NumPy arrays in one .npz: `x_train`, `y_train`, `x_test`, `y_test`, or `images`, `labels`.

    Images (N, H, W), (N, H, W, C) or texts (N,); labels (N,), or (N, classes) of 0 and 1 for
    several a sample. An array named `classes` or `class_names` gives names to numbers. Pickled
    arrays are refused.
    """

    suffixes: ClassVar = (".npz",)

    def sniff(self, path: Path) -> float:
        if path.is_dir():
            return 0.7 * (len(_archives(path)) == 1)
        return float(path.suffix.lower() == ".npz")

    def read(self, path: Path, options: ReadOptions) -> Data:
        if path.is_dir():
            archives = _archives(path)
            if len(archives) != 1:
                raise DataError(f"{path} holds {len(archives)} .npz files. Give the path of one.")
            path = archives[0]
        arrays = _load(path)
        classes = next((list(map(str, arrays.pop(k))) for k in _CLASSES if k in arrays), None)
        keys = _roles(arrays, path, options)
        tables = {}
        for split, by_role in keys.items():
            value, label = by_role.get("values"), by_role.get("labels")
            if value is None or (label is None and options.labels and split != "unlabeled"):
                missing = "values" if value is None else "labels"
                raise DataError(
                    f"{path} has no {missing} for the split '{split}'. "
                    f"Its arrays: {', '.join(arrays)}. Name them x_{split}, y_{split}."
                )
            tables[split] = [
                array_table(arrays[value], None if label is None else arrays[label], value, classes)
            ]
        columns = {role: "label" for role in _TARGETS if role in options.columns}
        data = to_data(tables, replace(options, columns=columns))
        parts = {
            role: "values" if role in ("image", "text", "tokens") else "labels"
            for role in data.columns
        }
        columns = {
            role: [names[part] for names in keys.values() if part in names]
            for role, part in parts.items()
        }
        return replace(data, columns=columns)

    def write_tiny(self, data: Data, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, np.ndarray] = {}
        for split, samples in data.splits.items():
            end = "" if split == "all" else f"_{split}"
            if not any(set(samples[0].roles) == {role, "label"} for role in ("image", "text")):
                raise DataError(
                    "A NumPy archive is written of images or texts and their labels. "
                    "Write other samples as Parquet."
                )
            if "image" in samples[0].roles:
                arrays[f"x{end}"] = np.stack(
                    [np.asarray(open_image(s.roles["image"], s.id)) for s in samples]
                )
            else:
                arrays[f"x{end}"] = np.array([s.roles["text"] for s in samples])
            labels = [s.roles["label"] for s in samples]
            if any(isinstance(label, tuple) for label in labels):
                arrays["classes"] = np.array(data.classes)
                arrays[f"y{end}"] = np.array(
                    [[c in label for c in data.classes] for label in labels], dtype=np.uint8
                )
            elif split != "unlabeled":
                arrays[f"y{end}"] = np.array(labels)
        np.savez(path / "samples.npz", **arrays)


def _archives(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() == ".npz" and not is_hidden(p.name)
    )


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file:  # NumPy leaves its own open where the archive is broken
            archive = np.load(file, allow_pickle=False)
            if not hasattr(archive, "files"):
                return {"x": archive}
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        pickled = "it holds pickled objects, which can run code"
        words = pickled if "allow_pickle" in str(error) else str(error)
        raise DataError(
            f"{path} cannot be read as a NumPy archive: {words}. "
            "Save plain arrays: np.savez(path, x=..., y=...)."
        ) from error


def _roles(
    arrays: dict[str, np.ndarray], path: Path, options: ReadOptions
) -> dict[str, dict[str, str]]:
    """Split -> {"values": key, "labels": key}."""
    asked = {
        key: "labels" if role in _TARGETS else "values" for role, key in options.columns.items()
    }
    known = {**dict.fromkeys(_LABELS, "labels"), **dict.fromkeys(_VALUES, "values")}
    keys: dict[tuple[str, str], str] = {}
    for key in arrays:
        parts = re.split(r"[_.\-/ ]+", key.lower())
        by_name = {known[part] for part in parts if part in known}
        role = asked.get(key) or max(by_name, default=None)  # values before labels
        word = next((part for part in parts if split_of(part)), "all")
        if role is None:
            continue
        if (word, role) in keys:
            raise DataError(
                f"{path}: {keys[word, role]!r} and {key!r} may both be the {role}. "
                "Choose with --columns image=..., label=...."
            )
        keys[word, role] = key
    if not keys or (set(asked) - set(arrays)):
        raise DataError(
            f"{path} holds the arrays {', '.join(map(repr, arrays))}. "
            "Expected x and y, x_train and y_train, or images and labels."
        )
    meaning = splits_of({word for word, _ in keys})
    splits: dict[str, dict[str, str]] = {}
    for (word, role), key in keys.items():
        splits.setdefault(meaning.get(word, "all"), {})[role] = key
    return splits
