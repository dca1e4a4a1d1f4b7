"""From drawn pictures by split to data, and from data to pictures in files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graft.base.errors import DataError, listed
from graft.base.records import LabeledBox, Sample
from graft.data.boxes.drawn import DrawnPicture
from graft.data.boxes.place import place
from graft.data.data import Data
from graft.data.images.open import open_image


def boxes_data(splits: Mapping[str, Sequence[DrawnPicture]], notes: Iterable[str]) -> Data:
    """The data of drawn pictures by split, all of them checked together. Raises DataError."""
    pictures = [picture for part in splits.values() for picture in part]
    if not pictures:
        raise DataError("There are no pictures with boxes.")
    values, more = place(pictures)
    samples = iter(
        Sample(picture.id, roles) for picture, roles in zip(pictures, values, strict=True)
    )
    by_split = {split: [next(samples) for _ in part] for split, part in splits.items()}
    return Data(by_split, notes=[*dict.fromkeys(notes), *more], kind="boxes")


def note_same_names(file: str, numbers: Mapping[str, Sequence[Any]]) -> list[str]:
    """A note of the classes to which a file gives several numbers: they are read as one."""
    several = {name: held for name, held in numbers.items() if len(held) > 1}
    shown = listed(f"{name} ({', '.join(map(str, held))})" for name, held in several.items())
    return [f"{file} gives several numbers to one class: {shown}."] if several else []


def write_picture(sample: Sample, folder: Path, name: str) -> Path:
    """Write the picture of a sample as PNG into a folder, and return its file.

    Raises DataError if the sample is not a picture with boxes.
    """
    if not {"image", "boxes"} <= sample.roles.keys() or sample.roles["boxes"] is None:
        raise DataError(f"{sample.id} is not a picture with boxes.")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.png"
    open_image(sample.roles["image"], sample.id).save(file)
    return file


def check_plain(sample: Sample) -> tuple[LabeledBox, ...]:
    """The boxes of a sample, which must be nothing but boxes. Raises DataError."""
    boxes = sample.roles["boxes"]
    if any(box.is_crowd or box.area is not None or box.outline for box in boxes):
        raise DataError(
            f"{sample.id} has outlines or crowds, which this format cannot hold. Write it as COCO."
        )
    return boxes
