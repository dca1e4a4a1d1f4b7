"""Digests of files, and an index of them that saves reading unchanged files again.

The index lies in the user's cache folder.
It has one entry per version of a file: a hash of its device, inode, size and times of change, and
the digest of the bytes. A file whose bytes changed has another time of status change (ctime), which
no program can set back; so an entry can be wrong only if that clock itself was set back, or where
there is no such time, as on Windows.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from graft.base import files
from graft.base.env import cores
from graft.base.errors import FolderError

MOST = 2**21
"""Entries in the index, 32 bytes each; the oldest make room."""
SETTLED_NS = 2 * 10**9
"""A file that changed in the last two seconds gets no entry.

Another change may fall into the same tick of its clock."""
FACTS = struct.Struct("QQqqq")
ENTRY = np.dtype([("version", "<u8"), ("check", "<u8"), ("digest", "<u8", 2)])


def home() -> Path:
    """The file of the index."""
    return files.cache_folder() / "file-digests.npy"


def digest_files(paths: Iterable[Path]) -> dict[str, bytes]:
    """Return a digest of the bytes of each file by its path, empty if it cannot be read.

    Files that the index knows unchanged are not opened. Processes may call this at once: the index
    is replaced as a whole, and an entry that is lost thereby costs a second reading.
    """
    versions = {path: _version(path) for path in map(str, paths)}
    digests = _look_up(_read_index(), versions)
    unknown = [path for path in versions if path not in digests]
    if not unknown:
        return digests
    started_ns = time.time_ns()
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        digests.update(zip(unknown, pool.map(_digest, unknown, chunksize=64), strict=True))
    readable = [path for path in unknown if digests[path]]
    settled = [path for path in readable if _is_older(path, started_ns - SETTLED_NS)]
    _write_index({versions[path]: digests[path] for path in settled})
    return digests


def _version(path: str) -> bytes:
    """Hash what identifies this version of the file; empty if it does not exist."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - a Path takes twice the time
    except OSError:
        return b""
    facts = FACTS.pack(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    return hashlib.blake2b(facts, digest_size=16).digest()


def _is_older(path: str, time_ns: int) -> bool:
    """Whether the file was last changed before that time, and is still there."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - a Path takes twice the time
    except OSError:
        return False
    return max(stat.st_mtime_ns, stat.st_ctime_ns) < time_ns


def _digest(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).digest()
    except OSError:
        return b""


def _read_index() -> np.ndarray:
    """The entries, oldest first; none if the file is missing or damaged."""
    with suppress(OSError, ValueError, EOFError):
        index = np.load(home())
        if index.dtype == ENTRY and index.ndim == 1:
            return index
    return np.zeros(0, dtype=ENTRY)


def _look_up(index: np.ndarray, versions: dict[str, bytes]) -> dict[str, bytes]:
    paths = [path for path, version in versions.items() if version]
    if not len(index) or not paths:
        return {}
    order = np.argsort(index["version"], kind="stable")
    keys = _numbers(versions[path] for path in paths)
    places = np.searchsorted(index["version"], keys[:, 0], sorter=order).clip(max=len(index) - 1)
    entries = index[order[places]]
    is_known = (entries["version"] == keys[:, 0]) & (entries["check"] == keys[:, 1])
    raw = entries["digest"].tobytes()
    return {paths[row]: raw[16 * row : 16 * row + 16] for row in np.flatnonzero(is_known).tolist()}


def _write_index(settled: dict[bytes, bytes]) -> None:
    """Append the entries and drop the oldest above MOST; does nothing if the cache is read-only."""
    added = np.zeros(len(settled), dtype=ENTRY)
    keys = _numbers(settled)
    added["version"], added["check"] = keys[:, 0], keys[:, 1]
    added["digest"] = _numbers(settled.values())
    entries = np.concatenate([_read_index(), added])[-MOST:]

    def write(part: Path) -> None:
        with open(part, "wb") as file:
            np.save(file, entries)

    with suppress(FolderError):
        files.write(home(), write)


def _numbers(hashes: Iterable[bytes]) -> np.ndarray:
    """Hashes of 16 bytes as numbers (N, 2)."""
    return np.frombuffer(b"".join(hashes), dtype="<u8").reshape(-1, 2)
