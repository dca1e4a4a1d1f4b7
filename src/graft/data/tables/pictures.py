"""Pictures beside the tables that name them."""

from __future__ import annotations

from pathlib import Path

from graft.base.records import Sample
from graft.data.data import Data
from graft.data.images.open import open_image


def with_picture_files(data: Data, folder: Path) -> Data:
    """The data with each picture written into `images` below the folder, and its name in place."""
    splits = {
        split: [_with_file(sample, folder, f"{split}-{i:04d}.png") for i, sample in enumerate(part)]
        for split, part in data.splits.items()
    }
    return data.with_splits(splits)


def _with_file(sample: Sample, folder: Path, name: str) -> Sample:
    if "image" not in sample.roles:
        return sample
    (folder / "images").mkdir(parents=True, exist_ok=True)
    open_image(sample.roles["image"], sample.id).save(folder / "images" / name)
    return Sample(sample.id, {**sample.roles, "image": f"images/{name}"})
