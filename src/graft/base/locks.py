"""Locks: only one process at a time works in a folder."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from graft.base import files
from graft.base.errors import FolderError

LOCK, HOLDER = ".lock", ".process"
"""The file that is locked, and the one that names its process: Windows cannot read locked files."""


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system releases it when the process ends, even if killed.

    Raises FolderError if another process holds it, or if the folder cannot be written.
    """
    files.make_folder(folder)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise FolderError(
            f"{folder} is in use by {_holder(folder)}. Wait until it has finished or stop it, then "
            "run the command again; or choose another folder with --out."
        ) from error
    except OSError as error:
        raise FolderError(
            f"Cannot lock {folder}: {error.strerror or error}. Choose another folder with --out."
        ) from error
    try:
        files.write_text(folder / HOLDER, f"process {os.getpid()} on {platform.node()}")
        yield
    finally:
        with suppress(OSError):  # a full disk never held it
            (folder / HOLDER).unlink()
        lock.release()


def _holder(folder: Path) -> str:
    """Name the process that holds the lock, if it has written its name yet."""
    try:
        return (folder / HOLDER).read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
