"""Text files in whatever encoding they came."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from graft.base.errors import DataError, listed

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; those of UTF-32 start with those of UTF-16, so they come first."""
_UNSEEN = frozenset("\ufeff\u200b\u200c\u200d\u2060")
"""A byte order mark and signs without width, which joined files leave on lines of their own."""
_GUESSES = (("cp1252", "Windows-1252"), ("latin-1", "Latin-1"))
"""The encodings to try for a text that is not UTF-8, with names; the last decodes anything."""


def is_blank(line: str) -> bool:
    """Whether a line holds nothing but white space, byte order marks and signs without width."""
    return all(sign.isspace() or sign in _UNSEEN for sign in line)


def read_beginning(path: Path, size: int = 65_536) -> str:
    """The whole lines among the first bytes, or the start of a longer line: to judge a file."""
    with open(path, "rb") as file:
        raw = file.read(size)
    text = raw.decode(_read_mark(raw) or "utf-8", "replace")
    return text if len(raw) < size else text[: text.rfind("\n") + 1] or text


def read_text(path: Path) -> tuple[str, str | None]:
    """The text of the file and, where its encoding had to be guessed, a note. Raises DataError.

    By its byte order mark, else UTF-8, else Windows-1252 if all bytes mean something there, else
    Latin-1; each line by itself if some are UTF-8 and others are not.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if marked := _read_mark(raw):
        return _decode(raw, marked, path), None
    if b"\0" in raw[:4096]:
        raise DataError(f"{path} is not a text file: it holds NUL bytes. Save it as UTF-8.")
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError:
        return _guess(raw, path.name)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError, also if values are nested too deeply for Python."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("values are nested too deeply") from error


def _read_mark(raw: bytes) -> str | None:
    """Return the encoding of the byte order mark, if there is one."""
    return next((name for mark, name in _MARKS if raw.startswith(mark)), None)


def _guess(raw: bytes, name: str) -> tuple[str, str]:
    """Decode a file that is not, or not completely, UTF-8, and note it."""
    lines = raw.split(b"\n")
    others = [number for number, line in enumerate(lines, start=1) if not _is_utf8(line)]
    encoding, called = next((pair for pair in _GUESSES if _decodes(raw, pair[0])), _GUESSES[-1])
    if all(line.isascii() for line in lines if _is_utf8(line)):
        return raw.decode(encoding), f"{name} is not UTF-8; it was read as {called}."
    mixed = [line.decode("utf-8" if _is_utf8(line) else encoding) for line in lines]
    return "\n".join(mixed), (
        f"{len(others):,} lines of {name} are not UTF-8, as the others are; they were read as "
        f"{called}: lines {listed(map(str, others))}."
    )


def _is_utf8(line: bytes) -> bool:
    return _decodes(line, "utf-8")


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _decode(raw: bytes, encoding: str, path: Path) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} begins as {encoding} but cannot be decoded: {error}. Save it as UTF-8."
        ) from error
