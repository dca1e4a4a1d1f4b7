"""Text files in whatever encoding they came."""

from __future__ import annotations

import codecs
from pathlib import Path

from graft.base.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; UTF-32's begin with UTF-16's, so they stand first."""


def read_text(path: Path) -> tuple[str, str | None]:
    """The text of the file and, where its encoding had to be guessed, a note. Raises DataError.

    By its byte order mark, else UTF-8, else Windows-1252 where all bytes mean something there, else Latin-1.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    marked = next((name for mark, name in _MARKS if raw.startswith(mark)), None)
    if marked:
        return _decoded(raw, marked, path), None
    if b"\0" in raw[:4096]:
        raise DataError(f"{path} is not a text file: it holds NUL bytes. Save it as UTF-8.")
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(
                encoding
            ), None if encoding == "utf-8" else f"{path.name} is not UTF-8; it was read as Windows-1252."
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1"), f"{path.name} is not UTF-8; it was read as Latin-1."


def _decoded(raw: bytes, encoding: str, path: Path) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} begins as {encoding} but cannot be decoded: {error}. Save it as UTF-8.") from error
