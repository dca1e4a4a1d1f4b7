"""Sounds with transcripts, as LibriSpeech has them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.folders.utterances import (
    Utterance,
    note_outside,
    read_list,
    split_folders,
    to_transcripts,
)
from graft.data.formats.format import ReadOptions, split_word
from graft.data.listing import note_left_out, walk
from graft.data.sounds.open import SUFFIXES, has_sound_suffix, open_bytes

ENDING = ".trans.txt"
_LOOKED_AT = 2000
"""Files in which a list of transcripts is looked for."""


class Librispeech:
    """`84-121550.trans.txt`, with a line `NAME TEXT` for each sound beside it: `NAME.flac`.

    Folders named `train-clean-100`, `dev-clean`, `test-other` and the like are splits. What stands
    before the first hyphen of a name is the speaker.
    """

    kinds: ClassVar = ("transcripts",)

    def sniff(self, path: Path) -> float:
        return 0.97 * (path.is_dir() and _is_one(path))

    def read(self, path: Path, options: ReadOptions) -> Data:
        if not path.is_dir() or not _is_one(path):
            raise DataError(f"{path} is no folder with lists of transcripts, *{ENDING}.")

        def is_split(folder: Path) -> bool:
            has_name = bool(split_word(folder.name)[0])
            return has_name and folder != path and _is_one(folder)

        splits = split_folders(path, is_split) or {"all": [path]}
        utterances = {
            split: [
                utterance
                for folder in folders
                for file in walk(folder)
                if file.name.endswith(ENDING)
                for utterance in _read_utterances(file)
            ]
            for split, folders in splits.items()
        }
        data = to_transcripts(path, utterances, options)
        lists = [file for file in walk(path) if file.name.endswith(ENDING)]
        named = {one.audio for part in utterances.values() for one in part}
        unnamed = [
            str(file.relative_to(path))
            for file in walk(path)
            if file.suffix.lower() in SUFFIXES and file not in named
        ]
        notes = [
            *note_outside(path, lists, splits),
            *note_left_out(unnamed, "no list has their transcripts"),
        ]
        return data.with_splits(data.splits, *notes)

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            if any(not {"audio", "transcript"} <= sample.roles.keys() for sample in samples):
                raise DataError("LibriSpeech's form has sounds with transcripts, and no more.")
            for number, sample in enumerate(samples):
                speaker = str(sample.roles.get("group", "0")).rpartition(" ")[2]
                folder = path / ("" if split == "all" else split) / speaker / "1"
                folder.mkdir(parents=True, exist_ok=True)
                name = f"{speaker}-{split}-{number:04d}"
                sound = open_bytes(sample.roles["audio"], sample.id)
                (folder / f"{name}.wav").write_bytes(sound)
                with open(folder / f"{speaker}-1{ENDING}", "a", encoding="utf-8") as file:
                    file.write(f"{name} {sample.roles['transcript']}\n")


def _is_one(folder: Path) -> bool:
    return any(file.name.endswith(ENDING) for file in islice(walk(folder), _LOOKED_AT))


def _read_utterances(file: Path) -> list[Utterance]:
    """The utterances of one list. Raises DataError for a line whose sound is not beside it."""
    transcripts = read_list(file)
    sounds = {one.stem: one for one in file.parent.iterdir() if one.suffix.lower() in SUFFIXES}
    if lost := [name for name in transcripts if name not in sounds]:
        _refuse_unreadable(file, lost)
        raise DataError(
            f"{file} has transcripts of sounds that are not beside it: {listed(lost, 5)}. "
            "Remove them, or add their sounds."
        )
    return [
        Utterance(name, sounds[name], text, name.split("-")[0])
        for name, text in transcripts.items()
    ]


def _refuse_unreadable(file: Path, names: Sequence[str]) -> None:
    """Raise DataError if some of these sounds are there, in a form that is not read."""
    others = {one.stem: one.suffix for one in file.parent.iterdir() if has_sound_suffix(one)}
    if endings := sorted({others[name] for name in names if name in others}):
        there = [f"{name}{others[name]}" for name in names if name in others]
        raise DataError(
            f"{file} has transcripts of sounds that end in {', '.join(endings)}, which cannot be "
            f"decoded here: {listed(there, 5)}. Convert them to FLAC or WAV."
        )
