"""Sounds with transcripts, as LJSpeech and many voices after it have them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.folders.utterances import Utterance, to_transcripts
from graft.data.formats.format import ReadOptions
from graft.data.listing import is_file, note_left_out, walk
from graft.data.sounds.open import SUFFIXES, UNREADABLE, open_bytes
from graft.data.tables.columns import known_names
from graft.data.tables.encodings import read_beginning, read_text
from graft.data.tables.file_names import FileNames
from graft.data.tables.inputs import is_label_like

FILE = "metadata.csv"
_LOOKED_AT = 20
"""Lines by which a table of this form is known."""


class Ljspeech:
    """`metadata.csv` beside `wavs/`: lines of `name|as written|as read out`, without a header.

    Of two texts the second is the transcript: in it numbers are words. A second field of few values
    before a third of many is the speaker: `name|speaker|text`. Quotes are part of a text.
    """

    kinds: ClassVar = ("transcripts",)

    def sniff(self, path: Path) -> float:
        file = _file(path)
        if file is None or not is_file(file):
            return 0.0
        lines = [line for line in read_beginning(file).split("\n") if line.strip()]
        rows = [line.split("|") for line in lines[:_LOOKED_AT]]
        if not rows or any(len(row) not in (2, 3) for row in rows):
            return 0.0
        beside = [_sound(file.parent, row[0]) is not None for row in rows]
        if not beside[0] and any(cell.strip().lower() in known_names() for cell in rows[0]):
            return 0.0  # a table with a header
        return (1.0 if path.is_file() else 0.95) * (2 * sum(beside) > len(rows))

    def read(self, path: Path, options: ReadOptions) -> Data:
        file = _file(path)
        if file is None or not is_file(file):
            raise DataError(f"{path} has no {FILE} with a line NAME|TEXT for each sound.")
        lines = read_text(file)[0].split("\n")
        rows = {n: line.rstrip("\r").split("|") for n, line in enumerate(lines, 1) if line.strip()}
        if ragged := [f"{FILE}:{n} ({len(r)})" for n, r in rows.items() if len(r) not in (2, 3)]:
            raise DataError(
                f"{len(ragged):,} of {len(rows):,} lines of {file} have another number of fields "
                f"than two or three: {listed(ragged, 5)}. Write NAME|TEXT or NAME|TEXT|READ OUT."
            )
        has_speakers = _has_speakers(file, rows.values())
        names = FileNames(file.parent, SUFFIXES | UNREADABLE)
        sounds = {n: _sound(file.parent, row[0]) or names.find(row[0]) for n, row in rows.items()}
        if lost := [f"{FILE}:{n} ({rows[n][0]})" for n, sound in sounds.items() if sound is None]:
            raise DataError(
                f"{len(lost):,} of {len(rows):,} lines of {file} name no sound below "
                f"{file.parent}: {listed(lost, 5)}."
            )
        utterances = [
            _read_row(row, sound, has_speakers)
            for row, sound in zip(rows.values(), sounds.values(), strict=True)
        ]
        data = to_transcripts(path, {"all": utterances}, options)
        unnamed = [
            str(one.relative_to(file.parent))
            for one in walk(file.parent)
            if one.suffix.lower() in SUFFIXES and one not in sounds.values()
        ]
        notes = note_left_out(unnamed, f"no line of {FILE} names them")
        if has_speakers:
            notes.append(f"The second field of {FILE} has few values: it is taken as the speaker.")
        return data.with_splits(data.splits, *notes)

    def write_tiny(self, data: Data, path: Path) -> None:
        samples = data.splits.get("all", [])
        if any(sample.roles.keys() != {"audio", "transcript"} for sample in samples) or (
            set(data.splits) != {"all"}
        ):
            raise DataError("LJSpeech's form has sounds and transcripts, without splits or groups.")
        (path / "wavs").mkdir(parents=True, exist_ok=True)
        lines = []
        for number, sample in enumerate(samples):
            sound = open_bytes(sample.roles["audio"], sample.id)
            (path / "wavs" / f"{number:04d}.wav").write_bytes(sound)
            lines.append(f"{number:04d}|{sample.roles['transcript']}\n")
        (path / FILE).write_text("".join(lines), encoding="utf-8", newline="")


def _file(path: Path) -> Path | None:
    return path / FILE if path.is_dir() else path if path.name == FILE else None


def _has_speakers(file: Path, rows: Iterable[list[str]]) -> bool:
    """Whether the second of three fields comes back again and again, as speakers do.

    Raises DataError if the third does.
    """
    full = [row for row in rows if len(row) == 3 and row[2].strip()]
    second_fields, third_fields = [row[1] for row in full], [row[2] for row in full]
    if is_label_like(third_fields) and not is_label_like(second_fields):
        raise DataError(
            f"The third field of the lines of {file} has few values, such as {third_fields[0]!r}, "
            "like speakers. In this form it is the text as it is read out. Remove it, or name the "
            "columns in a first line: file|text|speaker."
        )
    return is_label_like(second_fields) and not is_label_like(third_fields)


def _read_row(row: list[str], sound: Path, has_speakers: bool) -> Utterance:
    if has_speakers and len(row) == 3:
        return Utterance(row[0], sound, row[2].strip(), row[1].strip())
    return Utterance(row[0], sound, (row[-1] or row[1]).strip())


def _sound(folder: Path, name: str) -> Path | None:
    """The sound of a name where LJSpeech has it, in `wavs` with the ending left out."""
    if not Path(name).name:  # nothing, or the root of the file system
        return None
    places = (folder / "wavs" / name, folder / name)
    endings = ("", ".wav", ".flac", ".mp3", ".ogg")
    files = (place.with_name(place.name + ending) for place in places for ending in endings)
    return next(filter(is_file, files), None)
