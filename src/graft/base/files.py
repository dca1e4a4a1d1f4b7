"""Atomic writes: a temporary file in the same folder is flushed, then renamed."""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from graft.base.errors import DataError, FolderError


def write(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a temporary file, then rename it to `path`; raises FolderError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill(part)
        _flush(part)
        part.replace(path)
    except (OSError, SafetensorError) as error:  # SafetensorError if the disk is full
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # it does not exist, or its parent is no folder
            part.unlink()


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` fill a temporary folder, then rename it to `path`, in place of what was there.

    Raises FolderError.
    """
    part, old = (path.with_name(f".{path.name}.{os.getpid()}.{word}") for word in ("part", "old"))
    try:
        part.mkdir(parents=True)
        fill(part)
        for file in part.rglob("*"):
            if file.is_file():
                _flush(file)
        if path.exists():
            path.replace(old)
        part.replace(path)
    except (OSError, SafetensorError) as error:
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def append(path: Path, line: str) -> None:
    """Add a line to the text file `path`; raises FolderError."""
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise _cannot_write(path, error) from error


def remove_unfinished(folder: Path) -> None:
    """Delete what killed processes left half-written in `folder`."""
    for pattern in (".*.part", ".*.old"):
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError | SafetensorError) -> FolderError:
    """The error for a file or folder that cannot be written, with what to do about it."""
    reason = getattr(error, "strerror", None) or error
    if isinstance(error, IsADirectoryError) or (path.is_dir() and not _is_full(error)):
        remedy = f"{path} is a folder where a file belongs: remove it."
    elif _is_full(error):
        remedy = f"{_free_space(path)}Free some space or choose another folder with --out."
    else:
        remedy = "Choose another folder with --out."
    return FolderError(f"Cannot write {path}: {reason}. {remedy}")


def _is_full(error: OSError | SafetensorError) -> bool:
    """Whether the disk may be full; safetensors does not say so."""
    return getattr(error, "errno", None) in (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _free_space(path: Path) -> str:
    there = next((parent for parent in path.parents if parent.exists()), None)
    if there is None:
        return ""
    return f"{shutil.disk_usage(there).free / 2**20:,.0f} MB are free there. "


def make_folder(path: Path) -> None:
    """Create the folder and its parents; raises FolderError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        near = next((parent for parent in path.parents if parent.is_dir()), Path())
        # Some systems say that the new folder is missing if none can be made, as in /proc.
        is_closed = isinstance(error, FileNotFoundError)
        reason = "none can be made there" if is_closed else error.strerror or error
        raise FolderError(
            f"Cannot make the folder {path} in {near}: {reason}. Choose another one with --out."
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8; raises FolderError."""
    write(path, lambda part: part.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; raises FolderError."""
    write_text(path, json_text(value, indent=2) + "\n")


def json_text(value: Any, indent: int | None = None) -> str:
    """Return `value` as standard JSON, in which NaN and infinity are null."""
    return json.dumps(
        _replace_infinite(value), indent=indent, ensure_ascii=False, default=str, allow_nan=False
    )


def _replace_infinite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _replace_infinite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_infinite(entry) for entry in value]
    return value


def read_json(path: Path, what: str, remedy: str = "") -> Any:
    """The JSON in `path`; raises FolderError, naming `what` the folder should be."""
    if path.parent.is_file():
        raise FolderError(f"{path.parent} is not {what}: it is a file. Give the path of a folder.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FolderError(
            f"{path.parent} is not {what}: it has no {path.name}. Give the path of another folder."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        reason = describe_damage(path, error)
        message = f"{path} of {what} cannot be read: {reason}. {remedy}"
        raise FolderError(message.rstrip()) from error


def describe_damage(path: Path, error: Exception) -> str:
    """Why a file cannot be read, for a message."""
    if path.is_dir():
        return "it is a folder"
    if isinstance(error, UnicodeDecodeError):
        return f"its byte {error.start} is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "its lists or objects are nested too deep"
    return getattr(error, "strerror", None) or str(error).rstrip(".")


def expand_home(path: str | Path) -> Path:
    """The path with its `~` replaced by the home folder, or as it is if there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: str | Path) -> bool:
    """Whether there is such a folder; a name that is too long for one is none."""
    try:
        return expand_home(path).is_dir()
    except OSError:
        return False


def is_file(path: str | Path) -> bool:
    """Whether there is such a file; a name that is too long for one is none."""
    try:
        return expand_home(path).is_file()
    except OSError:
        return False


def check_exists(path: Path) -> None:
    """Raise DataError if the path does not exist, with the nearest folder and similar names."""
    if path.exists():
        return
    near = next((parent for parent in path.parents if parent.is_dir()), Path())
    names = [p.name for p in near.iterdir()] if os.access(near, os.R_OK | os.X_OK) else []
    alike = difflib.get_close_matches(path.relative_to(near).parts[0], names, n=3)
    guesses = " or ".join(repr(str(near / name)) for name in alike)
    guess = f" Did you mean {guesses}?" if alike else ""
    where = "" if near == Path() else f" (nearest existing folder: {near})"
    raise DataError(f"No such file or folder: {path}{where}.{guess} Pass a folder or a table.")


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """The folder of downloads: $GRAFT_CACHE, else graft/ in the user's cache folder."""
    if folder := os.environ.get("GRAFT_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "graft"
