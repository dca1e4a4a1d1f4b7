"""What every data format must do: give back what it wrote, and know its own files best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graft.base import plugins
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.images.open import open_image
from graft.data.kinds.kind import kind_named
from graft.data.load import read
from graft.data.masks.open import Mask, open_mask
from graft.data.sounds.open import open_sound

FORMATS = plugins.names("format")
TINY = {
    f"{kind}: {name}": data
    for kind in plugins.names("kind")
    for name, data in kind_named(kind).tiny().items()
}
"""The small data sets of all kinds, by kind and name."""


_BOXES = {"boxes: boxes", "boxes: unsplit"}
_TEXTS = {"labels: several-labels", "labels: texts", "labels: unsplit"}
_TABLES = {
    *_TEXTS, *_BOXES, "labels: images", "labels: sounds", "numbers: pairs", "numbers: texts",
    "text-pairs: pairs", "transcripts: sounds", "transcripts: speakers", "transcripts: unsplit",
}  # fmt: skip
_OBJECTS = {
    *_TABLES, "answers: answers", "boxes: outlines", "completions: messages",
    "completions: prompts", "pairs: pairs", "passages: passages", "tags: tokens",
}  # fmt: skip
HOLDS = {
    "audio-folder": {"labels: sounds"},
    "coco": {*_BOXES, "boxes: outlines"},
    "conll": {"tags: tokens"},
    "csv": {*_TABLES, "completions: prompts", "pairs: pairs", "passages: passages"},
    "image-folder": {"labels: images"},
    "json": _OBJECTS,
    "jsonl": _OBJECTS,
    "kaldi": {"transcripts: sounds", "transcripts: speakers", "transcripts: unsplit"},
    "librispeech": {"transcripts: sounds", "transcripts: speakers", "transcripts: unsplit"},
    "ljspeech": {"transcripts: unsplit"},
    "mask-folders": {"masks: colors", "masks: indices"},
    "npz": {*_TEXTS, "labels: images"},
    "parallel": {"pairs: pairs"},
    "parquet": {*_OBJECTS, "masks: colors", "masks: indices"},
    "plain-text": {"passages: passages"},
    "squad": {"answers: answers"},
    "text-folder": {"labels: texts", "labels: unsplit"},
    "transcript-files": {"transcripts: sounds", "transcripts: unsplit"},
    "tsv": _TABLES,
}
"""Format -> the tiny data sets that it holds; of other formats at least one is asked for."""


def check_format(name: str, folder: Path) -> list[str]:
    """Assert the contract for the format `name`; return the tiny data sets that it can hold."""
    held = []
    for kind, data in TINY.items():
        path = folder / "an öd folder" / kind.replace(": ", "-")
        try:
            plugins.load("format", name)().write_tiny(data, path)
        except DataError:
            continue
        held.append(kind)
        sure = {
            other: plugins.load("format", other)().sniff(path) for other in plugins.names("format")
        }
        assert max(sure, key=sure.get) == name and list(sure.values()).count(sure[name]) == 1, (
            f"{kind}: {sure}"
        )
        separator = "|" if any(isinstance(label, tuple) for label in _targets(data)) else None
        found = read(path, label_separator=separator)
        assert found.format == name and found.path == str(path) and found.kind == data.kind
        assert _content(found) == _content(data), kind
        assert _grouped(found) == _grouped(data), kind
        ids = [s.id for samples in found.splits.values() for s in samples]
        assert len(set(ids)) == len(ids), "two samples have the same id"
        assert _content(read(path, label_separator=separator)) == _content(found)
    return held


def _content(data: Data) -> dict[str, list[tuple]]:
    return {split: sorted(map(comparable, samples)) for split, samples in data.splits.items()}


def _grouped(data: Data) -> dict[str, int]:
    """How many groups each split has; their names may be others."""
    return {
        split: len({s.roles.get("group") for s in samples})
        for split, samples in data.splits.items()
    }


def comparable(sample: Sample) -> tuple:
    """The roles without the group; of pictures, masks and sounds the content, labels sorted."""
    roles = {role: value for role, value in sorted(sample.roles.items()) if role != "group"}
    if "image" in roles:
        roles["image"] = np.asarray(open_image(roles["image"], sample.id)).tobytes()
    if "audio" in roles:
        roles["audio"] = open_sound(roles["audio"], sample.id, 8000).tobytes()
    if isinstance(mask := roles.get("mask"), Mask):
        classes = mask.coding.classes
        roles["mask"] = (*classes, open_mask(mask, classes, sample.id).tobytes())
    if roles.get("boxes") is not None:
        roles["boxes"] = sorted(map(repr, roles["boxes"]))
    if "parts" in roles:
        roles["parts"] = repr(roles["parts"])
    if isinstance(roles.get("label"), tuple):
        roles["label"] = tuple(sorted(roles["label"]))
    return tuple(roles.items())


def _targets(data: Data) -> list[object]:
    return [s.roles.get("label") for part in data.splits.values() for s in part]


@pytest.mark.parametrize("name", FORMATS)
def test_gives_back_what_it_wrote_and_knows_its_own_files(name: str, tmp_path: Path) -> None:
    held = set(check_format(name, tmp_path))
    assert held, "the format could hold none of the tiny data sets"
    assert HOLDS.get(name, held) <= held


@pytest.mark.parametrize("kind", TINY)
def test_some_format_holds_each_kind_of_data(kind: str, tmp_path: Path) -> None:
    def holds(name: str) -> bool:
        try:
            plugins.load("format", name)().write_tiny(TINY[kind], tmp_path / name)
        except DataError:
            return False
        return True

    assert any(map(holds, FORMATS))


@pytest.mark.parametrize("name", FORMATS)
def test_does_not_claim_what_it_cannot_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "program.exe").write_bytes(b"MZ\0\0")
    format = plugins.load("format", name)()
    assert format.sniff(tmp_path / "empty") == 0
    assert format.sniff(tmp_path / "program.exe") == 0
    assert format.sniff(tmp_path / "missing") == 0


SUFFIXES = (
    ".conll", ".csv", ".json", ".jsonl", ".marks", ".npz", ".parquet", ".png", ".tsv", ".txt",
    ".wav",
)  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_unreadable_content_is_a_data_error(name: str, tmp_path: Path) -> None:
    format = plugins.load("format", name)()
    for suffix in SUFFIXES:
        file = tmp_path / f"broken{suffix}"
        file.write_bytes(b"\x93\0\xff\xfe broken \0\0")
        with pytest.raises(DataError):
            format.read(file, ReadOptions())
