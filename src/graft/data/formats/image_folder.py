"""Folders of images."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.folders.class_folders import ClassFolders, write_class_folders
from graft.data.formats.format import ReadOptions
from graft.data.images.open import SUFFIXES, UNREADABLE, open_image

_FOLDERS = ClassFolders(
    "images",
    SUFFIXES,
    "image",
    lambda file: (file, None),
    UNREADABLE,
    "turn them into JPEG",
    alone=True,
)


class ImageFolder:
    """One folder a class, its name the label: `ants/1.jpg`; also inside `train`, `val`, `test`.

    Folders inside class folders are read too. An image file alone is one sample to predict.
    """

    suffixes: ClassVar = SUFFIXES

    def sniff(self, path: Path) -> float:
        return _FOLDERS.sniff(path)

    def read(self, path: Path, options: ReadOptions) -> Data:
        return _FOLDERS.read(path, options)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_class_folders(data, path, ".png", _write_image)


def _write_image(sample: Sample, file: Path) -> None:
    if "image" not in sample.roles:
        raise DataError(f"{sample.id} has no image, and an image folder holds nothing else.")
    file.parent.mkdir(parents=True, exist_ok=True)
    open_image(sample.roles["image"], sample.id).save(file)
