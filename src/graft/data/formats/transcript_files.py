"""Sounds with a file of text for each."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.folders.utterances import Utterance, note_unreadable, to_transcripts
from graft.data.formats.format import ReadOptions, endings, folder_splits
from graft.data.listing import is_about, note_left_out, subfolders, walk
from graft.data.sounds.open import SUFFIXES, UNREADABLE, has_sound_suffix, open_bytes
from graft.data.tables.encodings import read_text
from graft.data.tables.file_names import FileNames

TEXTS = (".txt", ".lab")
LEAST = 0.5
"""The share of the sounds that need a text, so that these say what is said in them."""
_LOOKED_AT = 2000
_TIMED = re.compile(r"(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)\s+.*[^\W\d].*")
"""A line that begins with two numbers, and has a letter behind them."""
_FEWEST_SAMPLES = 1000
"""The end of a sound in samples; no shorter one holds a word."""


class TranscriptFiles:
    """A text for each sound: `1.wav` and `1.txt` (or `.lab`), side by side or in other folders.

    Folders named `train`, `val` and `test` are splits. Of a text in several lines these are joined.
    """

    kinds: ClassVar = ("transcripts",)

    def sniff(self, path: Path) -> float:
        """0.95 if most sounds have a text of their name; less beside a table, which says more."""
        if not path.is_dir():
            return 0.0
        files = list(islice(walk(path), _LOOKED_AT))
        sounds = [file.stem for file in files if has_sound_suffix(file)]
        texts = {file.stem for file in files if file.suffix.lower() in TEXTS}
        if not sounds or sum(stem in texts for stem in sounds) < LEAST * len(sounds):
            return 0.0
        tables = endings() - SUFFIXES - UNREADABLE - {".txt"}
        is_beside = any(f.parent == path and f.suffix.lower() in tables for f in files)
        return 0.5 if is_beside else 0.95

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = list(walk(path)) if path.is_dir() else []
        sounds = [file for file in files if file.suffix.lower() in SUFFIXES]
        if not sounds:
            others = note_unreadable([_name(file, path) for file in files])
            nothing = f"{path} is no folder with sounds and a text beside each of them."
            raise DataError(" ".join([nothing, *others]))
        meaning = folder_splits(folder.name for folder in subfolders(path))
        names = FileNames(path, TEXTS)
        splits: dict[str, list[Utterance]] = {}
        outside, timed, read = [], [], set()
        for file in sounds:
            name = file.relative_to(path)
            beside = _find_text(file, path, names)
            read |= {beside}
            if meaning and name.parts[0] not in meaning:
                outside.append(name.as_posix())
                continue
            text = None if beside is None else read_text(beside)[0]
            if text is not None and _has_times(text):
                timed.append(name.as_posix())
            words = None if text is None else " ".join(text.split())
            utterance = Utterance(name.as_posix(), file, words)
            splits.setdefault(meaning.get(name.parts[0], "all"), []).append(utterance)
        if timed and options.labels:
            raise DataError(
                f"The texts of {len(timed):,} of {len(sounds):,} sounds below {path} begin each "
                f"line with two times, as HTK's labels and TIMIT's texts do: {listed(timed, 5)}. "
                "Write the words alone, or a table with the columns file, start, end, transcript."
            )
        data = to_transcripts(path, splits, options)
        notes = [
            *note_left_out(outside, "they are in no split folder"),
            *note_unreadable([_name(file, path) for file in files]),
            *note_left_out(_find_lone_texts(files, path, read), "no sound has their name"),
        ]
        return data.with_splits(data.splits, *notes)

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            folder = path if split == "all" else path / split
            folder.mkdir(parents=True, exist_ok=True)
            for number, sample in enumerate(samples):
                if sample.roles.keys() != {"audio", "transcript"}:
                    raise DataError("Such folders hold sounds with transcripts, and no more.")
                sound = open_bytes(sample.roles["audio"], sample.id)
                (folder / f"{number:04d}.wav").write_bytes(sound)
                text = folder / f"{number:04d}.txt"
                text.write_text(sample.roles["transcript"], encoding="utf-8", newline="")


def _find_text(sound: Path, top: Path, names: FileNames) -> Path | None:
    """The text of a sound: beside it, or in another folder under the same name; else None."""
    beside = (sound.with_suffix(ending) for ending in TEXTS)
    file = next((text for text in beside if text.is_file()), None)
    return file or names.find(sound.relative_to(top).with_suffix(""))


def _find_lone_texts(files: Sequence[Path], top: Path, read: Collection[Path | None]) -> list[str]:
    """The names of texts that are of no sound, and do not describe the data."""
    stems = {file.with_suffix("") for file in files if has_sound_suffix(file)}
    return [
        _name(file, top)
        for file in files
        if file.suffix.lower() in TEXTS
        and not (file in read or file.with_suffix("") in stems or is_about(file))
    ]


def _name(file: Path, top: Path) -> str:
    return file.relative_to(top).as_posix()


def _has_times(text: str) -> bool:
    """Whether each line has a start, an end and words, in the order of time.

    One line alone must be of a whole sound, from 0 to the number of its samples: "2 3 go" is said.
    """
    lines = [_TIMED.fullmatch(line.strip()) for line in text.splitlines() if line.strip()]
    if not lines or None in lines:
        return False
    times = [float(time) for line in lines for time in line.groups()]
    if len(lines) == 1:
        return times[0] == 0 and times[1] >= _FEWEST_SAMPLES
    return times == sorted(times)
