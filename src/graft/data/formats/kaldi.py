"""Sounds with transcripts, as Kaldi's recipes list them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.folders.utterances import (
    Utterance,
    check_unique,
    note_outside,
    read_list,
    split_folders,
    to_transcripts,
)
from graft.data.formats.format import ReadOptions
from graft.data.listing import is_file, subfolders
from graft.data.sounds.open import SUFFIXES, UNREADABLE, has_sound_suffix, open_bytes
from graft.data.sounds.part import SoundPart
from graft.data.tables.cells import as_number
from graft.data.tables.file_names import FileNames

SOUNDS, TEXT, SEGMENTS, SPEAKERS = "wav.scp", "text", "segments", "utt2spk"
_LEVELS = 4
"""The paths of wav.scp are relative to the recipe's folder: usually two levels up, `data/train`."""


class Kaldi:
    """Kaldi's lists: `wav.scp` and `text`; `segments` and `utt2spk` where there are any.

    One folder, or one for each split (`train`, `dev`, `test`). Paths may be relative to the folder
    or to one further up. Commands in `wav.scp` are not run, but refused.
    """

    kinds: ClassVar = ("transcripts",)

    def sniff(self, path: Path) -> float:
        if not path.is_dir():
            return 0.0
        return float(_is_one(path) or any(map(_is_one, subfolders(path))))

    def read(self, path: Path, options: ReadOptions) -> Data:
        splits = split_folders(path, _is_one) if path.is_dir() else {}
        if not splits:
            raise DataError(f"{path} is no folder with Kaldi's {SOUNDS} in it, or in train, test.")
        utterances = {
            split: [utterance for folder in folders for utterance in _read_folder(folder, options)]
            for split, folders in splits.items()
        }
        check_unique((u.id for part in utterances.values() for u in part), path)
        data = to_transcripts(path, utterances, options)
        lists = [folder / SOUNDS for folder in subfolders(path) if _is_one(folder)]
        return data.with_splits(data.splits, *note_outside(path, lists, splits))

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            if any(not {"audio", "transcript"} <= sample.roles.keys() for sample in samples):
                raise DataError("Kaldi's lists are of sounds with transcripts, and of no more.")
            folder = path if split == "all" else path / split
            (folder / "wav").mkdir(parents=True, exist_ok=True)
            lists: dict[str, list[str]] = {SOUNDS: [], TEXT: [], SPEAKERS: []}
            for number, sample in enumerate(samples):
                name = f"{split}-{number:04d}"
                file = folder / "wav" / f"{name}.wav"
                file.write_bytes(open_bytes(sample.roles["audio"], sample.id))
                lists[SOUNDS].append(f"{name} wav/{file.name}\n")
                lists[TEXT].append(f"{name} {sample.roles['transcript']}\n")
                if "group" in sample.roles:
                    lists[SPEAKERS].append(f"{name} {sample.roles['group']}\n")
            for name, lines in lists.items():
                if lines:
                    (folder / name).write_text("".join(lines), encoding="utf-8", newline="")


def _is_one(folder: Path) -> bool:
    return is_file(folder / SOUNDS)


def _read_folder(folder: Path, options: ReadOptions) -> list[Utterance]:
    """The utterances of a folder: its segments, or its sounds where it has none."""
    if options.labels and not is_file(folder / TEXT):
        raise DataError(f"{folder} has no file {TEXT}, with the transcript of each sound.")
    recordings = _read_sounds(folder)
    segments = _read_list(folder / SEGMENTS)
    sounds = _cut_segments(segments, recordings, folder / SEGMENTS) if segments else recordings
    texts, speakers = _read_list(folder / TEXT), _read_list(folder / SPEAKERS)
    if options.labels and (unknown := [name for name in texts if name not in sounds]):
        raise DataError(
            f"{folder / TEXT} has transcripts of sounds that neither {SOUNDS} nor {SEGMENTS} has: "
            f"{listed(unknown, 5)}. Remove them, or add their sounds."
        )
    return [
        Utterance(name, sound, texts.get(name), speakers.get(name))
        for name, sound in sounds.items()
    ]


def _read_list(file: Path) -> dict[str, str]:
    """Name -> the rest of its line; empty without such a file."""
    return read_list(file) if is_file(file) else {}


def _read_sounds(folder: Path) -> dict[str, Path]:
    """Name -> the file of each sound. Raises DataError for commands, and for other files."""
    entries = _read_list(folder / SOUNDS)
    if commands := [f"{name} ({rest})" for name, rest in entries.items() if rest.endswith("|")]:
        raise DataError(
            f"{len(commands):,} of {len(entries):,} lines of {folder / SOUNDS} are commands, which "
            f"are not run: {listed(commands, 3)}. Convert the sounds to WAV or FLAC, and write "
            "the path of each."
        )
    if others := [
        f"{name} ({rest})" for name, rest in entries.items() if not has_sound_suffix(rest)
    ]:
        raise DataError(
            f"{len(others):,} of {len(entries):,} lines of {folder / SOUNDS} name no sound: "
            f"{listed(others, 3)}. Write NAME PATH, with the path of a WAV or FLAC file."
        )
    names = FileNames(folder, SUFFIXES | UNREADABLE)
    return {name: _find(folder, rest, names) for name, rest in entries.items()}


def _find(folder: Path, rest: str, names: FileNames) -> Path:
    """The file of a path that may be relative to the folder, or to one further up."""
    above = [folder, *folder.absolute().parents[:_LEVELS]]
    candidates = (place / rest for place in above)
    return next(filter(is_file, candidates), None) or names.find(rest) or folder / rest


def _cut_segments(
    segments: dict[str, str], recordings: dict[str, Path], file: Path
) -> dict[str, SoundPart]:
    """Name -> the part of a recording: `name recording start end`, an end of -1 is that of it."""
    parts, wrong = {}, []
    for name, rest in segments.items():
        recording, *seconds = rest.split()
        numbers = [as_number(second) for second in seconds]
        start, end = numbers if len(numbers) == 2 else (None, None)
        is_right = start is not None and end is not None and start >= 0
        if not is_right or recording not in recordings or -1 != end <= start:
            wrong.append(f"{name} {rest}")
        else:
            parts[name] = SoundPart(recordings[recording], start, None if end == -1 else end)
    if wrong:
        raise DataError(
            f"{len(wrong):,} of {len(segments):,} lines of {file} are no parts of a sound: "
            f"{listed(wrong, 5)}. Write NAME RECORDING START END, with a recording of {SOUNDS}, "
            "in seconds, the end after the start."
        )
    return parts
