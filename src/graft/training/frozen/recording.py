"""Recordings on disk: which there are, who makes one, and what is deleted to make room.

All lie in `home()`, each in a folder named by its key. A folder moves through three names, each by
one rename, so that a process may be killed at any instant and the next one repairs what it left:

- `KEY.NUMBER.part`, while a process records; that process holds the lock `KEY.NUMBER.busy`;
- `KEY`, once finished;
- `NUMBER.gone`, while it is deleted.

`KEY.lock` makes processes that want the same recording wait for the one that makes it.
`recordings.lock` beside `home()` is held, for a moment, by whoever reserves room, renames or
deletes. A `.part` whose lock is free, a `.gone` and a folder without `about.json` are leftovers of
killed processes, see `leftovers`. Whatever holds a file that no recording has is somebody else's,
and is left alone: GRAFT_CACHE may name a folder with recordings of another kind.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from graft.base import files
from graft.base.errors import BadValue, FolderError
from graft.training.frozen.tensor_files import (
    ABOUT,
    GONE,
    PROMISE,
    CannotWrite,
    Recording,
    ShapeChanged,
    Writer,
    discard,
    is_of_recording,
    size_of,
    translate_errors,
)

__all__ = ["ABOUT", "Recording", "ShapeChanged", "Writer"]
CAP_GB = 20.0
"""The most that all recordings take, unless GRAFT_CACHE_GB says otherwise or the disk is fuller."""
Write = Callable[[Writer], None]
PART, BUSY, LOCK = ".part", ".busy", ".lock"


class NoRoom(Exception):
    """A recording does not fit; `args[0]` is a clause that says why and what to free up."""


def home() -> Path:
    """The folder of all recordings."""
    return files.cache_folder() / "recordings"


def record(key: str, rows: int, needed: int, about: dict[str, Any], write: Write) -> Recording:
    """Open the recording of that key; if there is none, let `write` fill one first.

    It takes about `needed` bytes. Of processes that ask for it at once one records and the others
    wait. Raises NoRoom; what `write` raises passes through.
    """
    files.make_folder(home())
    try:
        with _locked(home() / f"{key}{LOCK}"):
            return find(key) or _make(key, rows, needed, about, write)
    except CannotWrite as error:
        raise NoRoom(_disk_full(needed, str(error))) from error


def _make(key: str, rows: int, needed: int, about: dict[str, Any], write: Write) -> Recording:
    part = home() / f"{key}.{uuid.uuid4().hex}{PART}"
    lock, writer = FileLock(part.with_suffix(BUSY)), Writer(part, rows)
    try:
        with _exclusive(), translate_errors():
            if not make_room(needed):
                raise NoRoom(_no_room(needed))
            lock.acquire()
            part.mkdir()
            files.write_json(part / PROMISE, needed)
        started = time.perf_counter()
        write(writer)
        writer.finish(time.perf_counter() - started, about)
        return _publish(part, key)
    finally:
        writer.close()
        discard(part)
        lock.release()
        part.with_suffix(BUSY).unlink(missing_ok=True)


def _publish(part: Path, key: str) -> Recording:
    """Give a finished folder its name, and open it before another process may evict it."""
    with _exclusive(), translate_errors():
        (part / PROMISE).unlink()
        discard(home() / key)  # a leftover: `find` saw no recording there
        part.rename(home() / key)
        return Recording(home() / key)


def find(key: str) -> Recording | None:
    """Open the finished recording of that key, if there is one; one that is damaged is deleted."""
    if not (home() / key / ABOUT).exists():
        return None
    with _exclusive():
        try:
            return Recording(home() / key)
        except FolderError:
            discard(home() / key)
            return None


def everything() -> list[dict[str, Any]]:
    """List the finished recordings, last used first.

    Each has its `key`, `bytes`, when it was `used` (seconds since the epoch), and what it is of.
    """
    rows = []
    for folder in _folders():
        path = folder / ABOUT
        if path.exists() and folder.suffix not in (PART, GONE):
            # Another process may have just removed it, or it is damaged.
            with suppress(FileNotFoundError, ValueError):
                about = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(about, dict) and "bytes" in about:
                    rows.append({"key": folder.name, "used": path.stat().st_mtime, **about})
    return sorted(rows, key=lambda row: -row["used"])


def _folders() -> list[Path]:
    """List the folders of recordings, in whatever state."""
    return [path for path in home().glob("*") if path.is_dir() and is_of_recording(path)]


@dataclass(frozen=True)
class Active:
    """A recording that is being made, with the bytes written so far and those it will take."""

    folder: Path
    written: int
    promised: int

    @property
    def missing(self) -> int:
        """The bytes that are still to be written."""
        return max(0, self.promised - self.written)


def active() -> list[Active]:
    """List the recordings that running processes make now."""
    parts = []
    for folder in home().glob(f"*{PART}"):
        if _is_busy(folder):
            promised = 0
            with suppress(OSError, ValueError):
                promised = json.loads((folder / PROMISE).read_text(encoding="utf-8"))
            parts.append(Active(folder, size_of(folder), promised))
    return parts


def leftovers() -> list[Path]:
    """List the folders that killed processes left; nobody reads or finishes them."""
    folders = _folders()
    # Finished ones are read after the folders, since another process may finish one meanwhile.
    kept = {row["key"] for row in everything()}
    rest = [path for path in folders if path.name not in kept]
    return [path for path in rest if path.suffix != PART or not _is_busy(path)]


def _is_busy(part: Path) -> bool:
    """Whether the process that made this folder still holds its lock."""
    lock = FileLock(part.with_suffix(BUSY))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def cap() -> float:
    """The bytes that all recordings may take; 0 if none can be written.

    Raises BadValue for a wrong GRAFT_CACHE_GB.
    """
    asked = os.environ.get("GRAFT_CACHE_GB", str(CAP_GB))
    try:
        allowed = float(asked) * 2**30
    except ValueError as error:
        raise BadValue(
            f"GRAFT_CACHE_GB is {asked!r}. Give a number of gigabytes, as 20; 0 records nothing."
        ) from error
    try:
        home().mkdir(parents=True, exist_ok=True)
    except OSError:
        return 0.0
    if not os.access(home(), os.W_OK):
        return 0.0
    missing = sum(part.missing for part in active())
    return min(
        allowed, total_bytes() + missing + max(0, shutil.disk_usage(home()).free - missing) / 2
    )


def total_bytes() -> int:
    """The bytes in `home()`: finished recordings, those being made, and leftovers."""
    paths = (*leftovers(), *(part.folder for part in active()))
    return sum(row["bytes"] for row in everything()) + sum(map(size_of, paths))


def make_room(needed: int) -> bool:
    """Delete leftovers, then the least recently used recordings; whether `needed` bytes then fit.

    What other processes are about to write counts as written. Deleting a recording that another
    process reads is safe: its open files stay until they are closed.
    """
    _sweep()
    rows, limit = everything(), cap()
    promised = sum(part.written + part.missing for part in active())
    if promised + needed > limit:
        return False
    taken = promised + sum(row["bytes"] for row in rows)
    while rows and taken + needed > limit:
        oldest = rows.pop()
        remove(oldest["key"])
        taken -= oldest["bytes"]
    return taken + needed <= limit


def remove(key: str) -> None:
    """Delete a recording."""
    discard(home() / key)


def clear() -> int:
    """Delete everything but what is being recorded now; return the bytes that were freed."""
    if not home().exists():
        return 0
    with _exclusive():
        before = total_bytes()
        for row in everything():
            remove(row["key"])
        _sweep()
        for path in home().glob(f"*{LOCK}"):
            _delete_lock(path)
        return before - total_bytes()


def _sweep() -> None:
    """Delete what killed processes left."""
    for folder in leftovers():
        discard(folder)
    for path in home().glob(f"*{BUSY}"):
        _delete_lock(path)


def _delete_lock(path: Path) -> None:
    """Delete a lock file that nobody holds; one that is not empty is somebody else's.

    A process that waits for it at this instant may then record beside another one: twice the work,
    and no harm, since each writes to a folder of its own.
    """
    lock = FileLock(path)
    with suppress(Timeout, OSError):
        if path.stat().st_size:
            return
        lock.acquire(blocking=False)
        path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _exclusive() -> Iterator[None]:
    """Be the only process that counts, renames and deletes."""
    with _locked(home().with_name(f"{home().name}{LOCK}")):
        yield


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of that file. Raises CannotWrite if the disk is too full even for that."""
    lock = FileLock(path)
    with translate_errors():
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _no_room(needed: int) -> str:
    return (
        f"what leaves them takes about {needed / 2**30:.1f} GB on disk, and recordings may take "
        f"{cap() / 2**30:.1f} GB in {home()}: free some space, or set GRAFT_CACHE_GB to allow "
        "more, or GRAFT_CACHE to use another disk"
    )


def _disk_full(needed: int, reason: str) -> str:
    free = shutil.disk_usage(home()).free
    return (
        f"what leaves them could not be written to {home()} ({reason}): it takes about "
        f"{needed / 2**20:,.1f} MB, and {free / 2**20:,.1f} MB are free there; free some space, "
        "or set GRAFT_CACHE to use another disk"
    )
