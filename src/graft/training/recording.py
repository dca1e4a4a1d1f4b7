"""Recorded tensors on disk: one file of raw numbers a slot, read row by row, so that memory does not grow with the data."""

from __future__ import annotations

import json
import os
import shutil
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from graft.base import files
from graft.base.errors import BadValue, FolderError

ABOUT = "about.json"
CAP_GB = 20.0
"""All recordings together take no more than this, or GRAFT_CACHE_GB, or half of what is free on the disk."""


@dataclass(frozen=True)
class Kind:
    """What a slot holds of one example: its type, its shape without lengths, and how many lengths come before that."""

    dtype: str
    shape: tuple[int, ...]
    lengths: int

    @property
    def torch_dtype(self) -> torch.dtype:
        return getattr(torch, self.dtype)


class Recording:
    """A finished recording of every slot, its files held open: what removes it from the disk does not take it from here.

    `rows` examples, of which `bytes` are kept; it took `seconds` to make.
    """

    def __init__(self, folder: Path):
        """Marks it as used now; raises FolderError where it is none, or damaged."""
        found = files.read_json(folder / ABOUT, "a recording")
        os.utime(folder / ABOUT)
        self.key = folder.name
        self.rows, self.bytes, self.seconds = (found[name] for name in ("rows", "bytes", "seconds"))
        self.kinds = tuple(Kind(k["dtype"], tuple(k["shape"]), k["lengths"]) for k in found["kinds"])
        self._files = [open(folder / f"{number}.bin", "rb", buffering=0) for number in range(len(self.kinds))]  # noqa: SIM115
        weakref.finalize(self, _close, self._files)
        self._index = [np.load(folder / f"{number}.index.npy") for number in range(len(self.kinds))]
        if sum(os.fstat(file.fileno()).st_size for file in self._files) != self.bytes:
            raise FolderError(f"The recording {folder} is damaged. Delete it: graft cache --clear")

    def read(self, rows: Sequence[int], mask: Tensor | None = None) -> list[Tensor]:
        """Each slot's tensor (B, ...) of these rows; where it has lengths, in the places that `mask` (B, T) has."""
        return [self._slot(number, rows, mask) for number in range(len(self.kinds))]

    def _slot(self, number: int, rows: Sequence[int], mask: Tensor | None) -> Tensor:
        kind, places = self.kinds[number], self._index[number][list(rows)]
        if not kind.lengths:
            return self._fixed(number, places[:, 0])
        parts = [self._part(number, start, length) for start, length in places.tolist()]
        out = torch.zeros((len(rows), *(mask.shape[1],) * kind.lengths, *kind.shape), dtype=kind.torch_dtype)
        for row, kept, part in zip(out, mask, parts, strict=True):
            row[_places(kept, kind.lengths)] = part
        return out

    def _fixed(self, number: int, starts: np.ndarray) -> Tensor:
        """Tensors of one shape; in one read where they lie one after the other."""
        kind = self.kinds[number]
        out = torch.empty((len(starts), *kind.shape), dtype=kind.torch_dtype)
        size = out[0].numel() * out.element_size()
        if (np.diff(starts) == size).all():
            self._fill(number, int(starts[0]), out)
        else:
            for place, start in zip(out, starts.tolist(), strict=True):
                self._fill(number, start, place)
        return out

    def _part(self, number: int, start: int, length: int) -> Tensor:
        kind = self.kinds[number]
        part = torch.empty((length,) * kind.lengths + kind.shape, dtype=kind.torch_dtype)
        self._fill(number, start, part)
        return part

    def _fill(self, number: int, start: int, tensor: Tensor) -> None:
        self._files[number].seek(start)
        self._files[number].readinto(tensor.view(-1).view(torch.uint8).numpy())


class Writer:
    """A recording in the making: `add` appends batches, their rows in any order."""

    def __init__(self, folder: Path, rows: int):
        self.folder, self.rows = folder, rows
        self.kinds: list[Kind] = []
        self._files: list[Any] = []
        self._index: list[np.ndarray] = []

    def add(self, rows: Sequence[int], tensors: Sequence[Tensor], lengths: Sequence[int], mask: Tensor | None) -> None:
        """`tensors` of each slot are (B, lengths..., ...), of which only the places of the mask (B, T) are kept."""
        for number, (tensor, count) in enumerate(zip(tensors, lengths, strict=True)):
            tensor = tensor.detach().cpu()
            kind = Kind(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape[1 + count :]), count)
            if number == len(self.kinds):
                self.kinds.append(kind)
                self._files.append(open(self.folder / f"{number}.bin", "wb"))  # noqa: SIM115 - closed by `close`
                self._index.append(np.zeros((self.rows, 2), dtype=np.int64))
            if kind != self.kinds[number]:
                raise ShapeChanged(f"what enters changes from {self.kinds[number].shape} to {kind.shape}")
            for i, row in enumerate(rows):
                part = tensor[i][_places(mask[i], count)] if count else tensor[i]
                self._index[number][row] = self._files[number].tell(), len(part) if count else 0
                self._files[number].write(part.contiguous().view(-1).view(torch.uint8).numpy())

    def finish(self, seconds: float, about: dict[str, Any]) -> None:
        """Write where everything is, and last that it is finished."""
        for number, index in enumerate(self._index):
            np.save(self.folder / f"{number}.index.npy", index)
        found = {
            "kinds": [asdict(kind) for kind in self.kinds],
            "rows": self.rows,
            "bytes": sum(file.tell() for file in self._files),
            "seconds": round(seconds, 3),
            **about,
        }
        self.close()
        files.write_json(self.folder / ABOUT, found)

    def close(self) -> None:
        _close(self._files)


def _close(several: Sequence[Any]) -> None:
    for file in several:
        file.close()


class ShapeChanged(Exception):
    """An example's tensors have another shape than those before."""


def _places(mask: Tensor, lengths: int) -> tuple[Tensor, ...]:
    """The index of the unmasked places along each of `lengths` dimensions."""
    kept = mask.cpu().nonzero()[:, 0]
    return torch.meshgrid(*(kept,) * lengths, indexing="ij")


def home() -> Path:
    """Where recordings are kept, a folder each."""
    return files.cache_folder() / "recordings"


@contextmanager
def making(key: str, rows: int, about: dict[str, Any]) -> Iterator[Writer | None]:
    """A writer that becomes the recording of that key when the block ends well; None where it is there already.

    Two processes that ask at once: one makes it, the other waits and gets it. What a killed process left is never used.
    """
    files.make_folder(home())
    folder = home() / key
    with FileLock(home() / f"{key}.lock"):
        if (folder / ABOUT).exists():
            yield None
            return
        part = home() / f"{key}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        writer, started = Writer(part, rows), time.perf_counter()
        try:
            yield writer
            writer.finish(time.perf_counter() - started, about)
        except OSError as error:
            raise FolderError(
                f"{part} cannot be written: {error.strerror or error}. Free some space, or set GRAFT_CACHE."
            ) from error
        finally:
            writer.close()
            if not (part / ABOUT).exists():
                shutil.rmtree(part, ignore_errors=True)
        part.rename(folder)


def find(key: str) -> Recording | None:
    """The finished recording of that key."""
    return Recording(home() / key) if (home() / key / ABOUT).exists() else None


def everything() -> list[dict[str, Any]]:
    """Every finished recording: `key`, `bytes`, `used` (seconds since the epoch) and what it is of; the latest used first."""
    found = []
    for path in home().glob(f"*/{ABOUT}"):
        if path.parent.suffix != ".part":
            with suppress(FileNotFoundError):  # another process has just removed it
                about = json.loads(path.read_text())
                found.append({"key": path.parent.name, "used": path.stat().st_mtime, **about})
    return sorted(found, key=lambda row: -row["used"])


def cap() -> float:
    """The bytes that all recordings may take, 0 where they cannot be written; raises BadValue for a wrong GRAFT_CACHE_GB."""
    asked = os.environ.get("GRAFT_CACHE_GB", str(CAP_GB))
    try:
        allowed = float(asked) * 2**30
    except ValueError as error:
        raise BadValue(f"GRAFT_CACHE_GB is {asked!r}. Give a number of gigabytes, as 20; 0 records nothing.") from error
    try:
        home().mkdir(parents=True, exist_ok=True)
    except OSError:
        return 0.0
    if not os.access(home(), os.W_OK):
        return 0.0
    held = sum(row["bytes"] for row in everything())
    return min(allowed, held + shutil.disk_usage(home()).free / 2)


def make_room(needed: int) -> bool:
    """Remove the recordings that were not used for longest until `needed` bytes fit under the cap; False where they cannot.

    Removing one that another process reads is safe: its open files stay until they are closed.
    """
    rows, limit = everything(), cap()
    held = sum(row["bytes"] for row in rows)
    if needed > limit:
        return False
    while held + needed > limit:
        oldest = rows.pop()
        remove(oldest["key"])
        held -= oldest["bytes"]
    return True


def remove(key: str) -> None:
    """Delete a recording: what says that it is finished first."""
    (home() / key / ABOUT).unlink(missing_ok=True)
    shutil.rmtree(home() / key, ignore_errors=True)
