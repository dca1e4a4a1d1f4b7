"""The sounds that a table names or holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graft.data.listing import is_file
from graft.data.sounds.open import DECODED, describe_wrong_cell, unwrap_cell
from graft.data.sounds.part import SoundPart
from graft.data.tables.cells import as_number, is_missing, present
from graft.data.tables.columns import Columns
from graft.data.tables.rows import Rows

AUDIO = (
    "audio", "sound", "wav", "clip", "recording", "utterance", "audio_path", "wav_path",
    "audio_file", "audio_filepath", "wav_filename", "file", "filename", "file_name", "filepath",
    "file_path", "path",
)  # fmt: skip
"""Names of columns of sounds, which are known by their content."""


PARTS = {
    "start": ("start", "start_time", "start_seconds", "offset"),
    "end": ("end", "end_time", "end_seconds"),
    "duration": ("duration",),
}
"""Role -> names of columns of seconds that say which part of its sound a row is."""
_SECONDS = "Write seconds as plain numbers, such as 12.5, from the beginning of the file."


def find_parts(columns: Columns, audio: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The columns that say which part of its sound each row is, and a note about them.

    Known by their names only if several rows have one sound: a table of sounds that were cut before
    may say where each came from (UrbanSound8K). `offset` and `duration` are NeMo's.
    """
    asked = {role: columns.asked[role] for role in PARTS if role in columns.asked}
    if asked:
        columns.require({"audio": list(audio)}, ["audio"])
    if asked or not audio:
        return asked, []
    named = {role: columns.first(PARTS[role], _are_numbers) for role in PARTS}
    named = {role: names for role, names in named.items() if names}
    sounds = [value for value in columns[audio[0]] if isinstance(value, str)]
    are_whole = len(set(sounds)) == len(sounds)
    if "start" not in named or len(named) < 2:
        return {}, [] if are_whole else _note_other_parts(columns)
    starts = named["start"][0]
    if are_whole and starts.lower() != "offset":
        end = next(role for role in ("end", "duration") if role in named)
        roles = " ".join(f"--columns {role}={named[role][0]}" for role in ("start", end))
        return {}, [f"Each row is a whole sound; if it is the part from {starts!r} on: {roles}."]
    if "end" in named:
        named.pop("duration", None)
    shown = " and ".join(repr(names[0]) for names in named.values())
    return named, [f"Each row is the part of its sound that {shown} say, in seconds."]


def read_sounds(rows: Rows) -> list[Any]:
    """The sound of each row, or the part of it that the row says.

    Raises DataError naming the rows without a sound, or with an impossible part.
    """
    cells = rows.column("audio")
    rows.refuse(map(is_missing, cells), "have no sound", "Fill it in or remove the rows.")
    rows.refuse(map(describe_wrong_cell, cells), "have a sound that cannot be read", DECODED)
    sounds = [find_sound(cell, rows) for cell in cells]
    if not any(map(rows.has, PARTS)):
        return sounds
    starts, ends, durations = (_read_seconds(rows, role) for role in PARTS)
    starts = [start or 0.0 for start in starts]
    ends = [
        start + duration if end is None and duration is not None else end
        for start, end, duration in zip(starts, ends, durations, strict=True)
    ]
    empty = (
        end is not None and end <= start and f"from {start:g} to {end:g}"
        for start, end in zip(starts, ends, strict=True)
    )
    rows.refuse(empty, "have a part that ends where it starts, or before", _SECONDS)
    parts = zip(sounds, starts, ends, strict=True)
    return [
        SoundPart(sound, start, end) if start or end is not None else sound
        for sound, start, end in parts
    ]


def _read_seconds(rows: Rows, role: str) -> list[float | None]:
    """The seconds in a column, None where there are none; DataError names rows with others."""
    cells = [None if is_missing(cell) else cell for cell in rows.column(role)]
    numbers = [None if cell is None else as_number(cell) for cell in cells]
    wrong = (
        cell is not None and (number is None or number < 0) and repr(cell)
        for cell, number in zip(cells, numbers, strict=True)
    )
    article = "an" if role == "end" else "a"
    rows.refuse(wrong, f"have {article} {role} that is not a number of seconds from 0 on", _SECONDS)
    return numbers


def _note_other_parts(columns: Columns) -> list[str]:
    """A note that parts are given in another form than seconds, if they are."""
    named = [columns.first(names, lambda values: bool(present(values))) for names in PARTS.values()]
    if not named[0] or not any(named[1:]):
        return []
    shown = " and ".join(repr(name) for names in named for name in names)
    return [f"Each row is a whole sound, since {shown} are no seconds. {_SECONDS}"]


def _are_numbers(values: Sequence[Any]) -> bool:
    """Whether most are numbers; the others are then refused."""
    numbers = present(values)
    return 2 * sum(as_number(number) is not None for number in numbers) > len(numbers)


def find_sound(value: Any, rows: Rows) -> Any:
    """The sound of a cell: the bytes of a file, or its path, beside the table or below its folder.

    A name in no folder that several files have stays as it is, and is refused when it is opened.
    """
    value = unwrap_cell(value)
    names = rows.table.sounds
    if not isinstance(value, str):
        return value
    if names is None:
        return Path(value)
    beside = names.folder / value
    return beside if is_file(beside) else names.find(value) or beside
