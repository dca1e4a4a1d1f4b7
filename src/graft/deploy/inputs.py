"""What a user gives to a trained model: texts, pictures, files, folders, tables and frames, as samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.formats.format import ReadOptions
from graft.data.load import read
from graft.data.memory import from_memory


def read_inputs(inputs: Any, role: str, **reading: Any) -> list[Sample]:
    """Samples of all inputs, in order; `role` is what the network reads: `image` or `text`.

    `reading` says how files and frames are read: see `graft.data.load.read`. Raises DataError for what cannot be read.
    """
    several = inputs if isinstance(inputs, list | tuple) else [inputs]
    if not several:
        raise DataError("There is nothing to predict: the list of inputs is empty.")
    if role == "text" and all(isinstance(one, str) for one in several) and not _is_file(several):
        return [Sample(f"text:{i}", {"text": text}) for i, text in enumerate(several, 1)]
    if role == "text" and all(isinstance(one, tuple) and len(one) == 2 and all(map(_is_text, one)) for one in several):
        return [Sample(f"text:{i}", dict(zip(("text", "text_pair"), one, strict=True))) for i, one in enumerate(several, 1)]
    if all(isinstance(one, Mapping) for one in several):
        return [Sample(f"input:{i}", dict(one)) for i, one in enumerate(several, 1)]
    if role == "image" and all(_is_picture(one) for one in several):
        return [Sample(f"image:{i}", {"image": np.asarray(one)}) for i, one in enumerate(_pictures(several), 1)]
    if all(isinstance(one, str | Path) for one in several):
        return [sample for one in several for sample in _read(Path(one), role, reading)]
    options = ReadOptions(**reading, labels=False)
    return [s for split in from_memory(inputs, options).splits.values() for s in split]


def _read(path: Path, role: str, reading: dict[str, Any]) -> list[Sample]:
    if path.is_file() and role == "image" and path.suffix.lower() not in (".csv", ".tsv", ".jsonl", ".parquet", ".npz"):
        return [Sample(str(path), {"image": path})]
    if path.is_file() and role == "text" and path.suffix.lower() == ".txt":
        return [Sample(str(path), {"text": path.read_text(encoding="utf-8")})]
    if not path.exists():
        raise DataError(f"{path} does not exist. Give a file, a folder, a table" + (", or texts." if role == "text" else "."))
    return [sample for split in read(path, **reading, labels=False).splits.values() for sample in split]


def _is_file(several: Sequence[str]) -> bool:
    return len(several) == 1 and 0 < len(several[0]) < 4096 and "\n" not in several[0] and Path(several[0]).exists()


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_picture(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "getbands")


def _pictures(several: Sequence[Any]) -> list[Any]:
    """Single pictures, out of arrays that may hold many: (N, H, W) and (N, H, W, C)."""
    found: list[Any] = []
    for one in several:
        array = np.asarray(one)
        many = array.ndim == 4 or (array.ndim == 3 and array.shape[-1] not in (1, 3, 4))
        found.extend(array if many else [array])
    return found
