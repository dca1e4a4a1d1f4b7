"""Predictions drawn on their pictures, a PNG file each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from graft.base import files
from graft.base.errors import BadValue, FolderError, listed
from graft.base.records import Sample
from graft.tasks.task import Task


def check_draws(task: Task, folder: Path) -> None:
    """Raise BadValue for a task whose predictions have no place in a picture."""
    if not task.draws:
        raise BadValue(
            f"The model in {folder} is for {task.name}, and what it predicts has no place in a "
            "picture that could be drawn. Leave out --draw, in Python draw."
        )


def name_drawings(folder: Path, samples: Iterable[Sample]) -> list[Path]:
    """The file of each sample's drawing, called like its picture; FolderError if one exists."""
    names: dict[str, str] = {}
    for sample in samples:
        value = sample.roles["image"]
        name = Path(value).stem if isinstance(value, str | Path) else sample.id
        name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "picture"
        candidates = (name if number == 1 else f"{name}-{number}" for number in count(1))
        # Some file systems take names that differ in case alone for one.
        free = next(name for name in candidates if name.casefold() not in names)
        names[free.casefold()] = free
    paths = [folder / f"{name}.png" for name in names.values()]
    if existing := [path.name for path in paths if path.exists()]:
        raise FolderError(
            f"{folder} has {listed(existing, 5)} already. Name another folder, or delete them."
        )
    return paths


def write_drawings(
    task: Task, samples: Sequence[Sample], rows: Sequence[dict[str, Any]], paths: Sequence[Path]
) -> None:
    """Draw the prediction of each row on the picture of its sample."""
    for sample, row, path in zip(samples, rows, paths, strict=True):
        image = task.draw(sample, row["prediction"])
        files.write(path, lambda part, image=image: image.save(part, "PNG"))
