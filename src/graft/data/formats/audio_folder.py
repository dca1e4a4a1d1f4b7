"""Folders of sounds."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.folders.class_folders import ClassFolders, write_class_folders
from graft.data.formats.format import ReadOptions
from graft.data.sounds.open import SUFFIXES, UNREADABLE, open_bytes

_FOLDERS = ClassFolders(
    "sounds",
    SUFFIXES,
    "audio",
    lambda file: (file, None),
    UNREADABLE,
    "convert them to FLAC or WAV",
    alone=True,
)


class AudioFolder:
    """One folder a class, its name the label: `yes/1.wav`; also inside `train`, `val`, `test`.

    Folders inside class folders are read too. A file of sound alone is one sample to predict.
    """

    suffixes: ClassVar = SUFFIXES

    def sniff(self, path: Path) -> float:
        return _FOLDERS.sniff(path)

    def read(self, path: Path, options: ReadOptions) -> Data:
        return _FOLDERS.read(path, options)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_class_folders(data, path, ".wav", _write_sound)


def _write_sound(sample: Sample, file: Path) -> None:
    if "audio" not in sample.roles:
        raise DataError(f"{sample.id} has no sound, and a folder of sounds holds nothing else.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(open_bytes(sample.roles["audio"], sample.id))
