"""The sounds that a table names or holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graft.data.listing import is_file
from graft.data.tables.rows import Rows

AUDIO = (
    "audio", "sound", "wav", "clip", "recording", "utterance", "audio_path", "wav_path",
    "audio_file", "audio_filepath", "wav_filename", "file", "filename", "file_name", "filepath",
    "file_path", "path",
)  # fmt: skip
"""Names of columns of sounds, which are known by their content."""


def find_sound(value: Any, rows: Rows) -> Any:
    """The sound of a cell: the bytes of a file, or its path, beside the table or below its folder.

    A name in no folder that several files have stays as it is, and is refused when it is opened.
    """
    if isinstance(value, dict):  # the audio column of Hugging Face's datasets
        value = value.get("bytes") or value.get("path")
    names = rows.table.sounds
    if not isinstance(value, str):
        return value
    if names is None:
        return Path(value)
    beside = names.folder / value
    return beside if is_file(beside) else names.find(value) or beside
