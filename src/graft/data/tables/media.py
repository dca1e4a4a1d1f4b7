"""Pictures and sounds beside the tables that name them."""

from __future__ import annotations

from pathlib import Path

from graft.base.records import Sample
from graft.data.data import Data
from graft.data.images.open import open_image
from graft.data.sounds.open import open_bytes


def with_files(data: Data, folder: Path) -> Data:
    """The data with each picture or sound in a file below the folder, and its name in place."""
    splits = {
        split: [_with_file(sample, folder, f"{split}-{i:04d}") for i, sample in enumerate(part)]
        for split, part in data.splits.items()
    }
    return data.with_splits(splits)


def _with_file(sample: Sample, folder: Path, name: str) -> Sample:
    role = next((role for role in ("image", "audio") if role in sample.roles), None)
    if role is None:
        return sample
    file = f"images/{name}.png" if role == "image" else f"sounds/{name}.wav"
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    if role == "image":
        open_image(sample.roles["image"], sample.id).save(folder / file)
    else:
        (folder / file).write_bytes(open_bytes(sample.roles["audio"], sample.id))
    return Sample(sample.id, {**sample.roles, role: file})
