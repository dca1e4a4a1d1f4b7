"""One recording on disk: a file of raw numbers per slot, read row by row.

Memory does not grow with the data. `Writer` fills a folder, `Recording` reads a finished one, and
`discard` deletes one. Which folders there are, and which may stay, is decided in `recording`.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
import weakref
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graft.base import files
from graft.base.errors import FolderError

ABOUT = "about.json"
"""Written last: a folder that has it is finished."""
PROMISE = "promise.json"
"""A file with the expected bytes of a recording, present while it is made."""
FILES = re.compile(
    rf"\d+\.(bin|index\.npy)|\.?({re.escape(ABOUT)}|{re.escape(PROMISE)})(\.\d+\.part)?"
)
"""The names of a recording's files, those that are half-written among them."""
GONE = ".gone"
"""The suffix of a folder that is being deleted."""


@dataclass(frozen=True)
class Kind:
    """The tensor of one example in a slot: its type, and its shape after `lengths` dimensions."""

    dtype: str
    shape: tuple[int, ...]
    lengths: int

    @property
    def torch_dtype(self) -> torch.dtype:
        return getattr(torch, self.dtype)


class ShapeChanged(Exception):
    """An example's tensors have another shape than those before."""


class CannotWrite(Exception):
    """The disk takes no more; `args[0]` is the reason in the system's words."""


class Recording:
    """A finished recording of every slot.

    Its files stay open, so it remains readable when the folder is deleted. `rows` examples take
    `bytes` on disk; recording them took `seconds`.
    """

    def __init__(self, folder: Path):
        """Mark it as used now; raises FolderError if the folder is no recording or is damaged."""
        about = files.read_json(folder / ABOUT, "a recording")
        self.folder, self.key = folder, folder.name
        self._files: list[Any] = []
        weakref.finalize(self, _close, self._files)
        try:
            os.utime(folder / ABOUT)
            self.rows, self.bytes, self.seconds = about["rows"], about["bytes"], about["seconds"]
            slots = about["kinds"]
            self.kinds = tuple(Kind(k["dtype"], tuple(k["shape"]), k["lengths"]) for k in slots)
            self._index = [np.load(folder / f"{number}.index.npy") for number in range(len(slots))]
            for number in range(len(slots)):
                file = open(folder / f"{number}.bin", "rb", buffering=0)  # noqa: SIM115
                self._files.append(file)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FolderError(f"The recording {folder} is damaged: {error}.") from error
        size = sum(os.fstat(file.fileno()).st_size for file in self._files)
        if size != self.bytes:
            raise FolderError(
                f"The recording {folder} is damaged: {size:,} bytes of {self.bytes:,}."
            )
        # A checksum costs about as much as reading, so a row is checked when it is first read.
        self._checked = [np.zeros(self.rows, dtype=bool) for _ in self.kinds]

    def read(self, rows: Sequence[int], mask: Tensor | None = None) -> list[Tensor]:
        """Return each slot's tensor (B, ...) of these rows; one with lengths where `mask` is set.

        Raises FolderError, and deletes the recording, if the numbers are not those that were
        written.
        """
        return [self._slot(number, list(rows), mask) for number in range(len(self.kinds))]

    def lengths(self, rows: Sequence[int]) -> list[int] | None:
        """The lengths of the features of these rows; None if no slot has lengths."""
        number = next((n for n, kind in enumerate(self.kinds) if kind.lengths), None)
        return None if number is None else self._index[number][list(rows), 1].tolist()

    def _slot(self, number: int, rows: list[int], mask: Tensor | None) -> Tensor:
        kind = self.kinds[number]
        if not kind.lengths:
            return self._read_fixed(number, rows)
        parts = [self._part(number, row) for row in rows]
        out = torch.zeros(
            (len(rows), *(mask.shape[1],) * kind.lengths, *kind.shape), dtype=kind.torch_dtype
        )
        for target, kept, part in zip(out, mask, parts, strict=True):
            target[_places(kept, kind.lengths)] = part
        return out

    def _read_fixed(self, number: int, rows: list[int]) -> Tensor:
        """Read tensors of one shape; in one read if they lie one after the other."""
        kind, starts = self.kinds[number], self._index[number][rows, 0]
        out = torch.empty((len(rows), *kind.shape), dtype=kind.torch_dtype)
        size = out[0].numel() * out.element_size()
        if (np.diff(starts) == size).all():
            self._fill(number, int(starts[0]), out)
        else:
            for target, start in zip(out, starts.tolist(), strict=True):
                self._fill(number, start, target)
        for place in np.flatnonzero(~self._checked[number][rows]).tolist():
            self._check(number, rows[place], out[place])
        return out

    def _part(self, number: int, row: int) -> Tensor:
        kind = self.kinds[number]
        start, length, _ = self._index[number][row].tolist()
        part = torch.empty((length,) * kind.lengths + kind.shape, dtype=kind.torch_dtype)
        self._fill(number, start, part)
        if not self._checked[number][row]:
            self._check(number, row, part)
        return part

    def _fill(self, number: int, start: int, tensor: Tensor) -> None:
        """Fill the tensor from the file; a network disk may return too few bytes at once."""
        file, rest = self._files[number], memoryview(_raw(tensor))
        file.seek(start)
        while rest:
            count = file.readinto(rest)
            if not count:
                self._refuse()
            rest = rest[count:]

    def _check(self, number: int, row: int, tensor: Tensor) -> None:
        if zlib.crc32(_raw(tensor)) != self._index[number][row, 2]:
            self._refuse()
        self._checked[number][row] = True

    def _refuse(self) -> None:
        discard(self.folder)
        raise FolderError(
            f"The recording {self.folder} was damaged on the disk and has been deleted. "
            "Continue the run with graft resume: it records again."
        )


class Writer:
    """A recording that is being made: `add` appends batches of rows in any order."""

    def __init__(self, folder: Path, rows: int):
        self.folder, self.rows = folder, rows
        self.kinds: list[Kind] = []
        self._files: list[Any] = []
        self._index: list[np.ndarray] = []

    def add(
        self,
        rows: Sequence[int],
        tensors: Sequence[Tensor],
        lengths: Sequence[int],
        mask: Tensor | None,
    ) -> None:
        """Append each slot's tensor (B, lengths..., ...), only where `mask` (B, T) is set."""
        for number, (tensor, count) in enumerate(zip(tensors, lengths, strict=True)):
            tensor = tensor.detach().cpu()
            kind = Kind(
                str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape[1 + count :]), count
            )
            with translate_errors():
                self._open(number, kind)
                for i, row in enumerate(rows):
                    part = tensor[i][_places(mask[i], count)] if count else tensor[i]
                    raw = _raw(part.contiguous())
                    length = len(part) if count else 0
                    self._index[number][row] = self._files[number].tell(), length, zlib.crc32(raw)
                    self._files[number].write(raw)

    def _open(self, number: int, kind: Kind) -> None:
        if number == len(self.kinds):
            self.kinds.append(kind)
            file = open(self.folder / f"{number}.bin", "wb")  # noqa: SIM115 - closed by `close`
            self._files.append(file)
            # Of each row, where it starts, its length and its checksum.
            self._index.append(np.zeros((self.rows, 3), dtype=np.int64))
        if kind != self.kinds[number]:
            raise ShapeChanged(
                f"what enters changes from {self.kinds[number].shape} to {kind.shape}"
            )

    def finish(self, seconds: float, about: dict[str, Any]) -> None:
        """Write the index of rows, and last the file that marks the recording as finished."""
        with translate_errors():
            for number, index in enumerate(self._index):
                np.save(self.folder / f"{number}.index.npy", index)
            size = sum(file.tell() for file in self._files)
            for file in self._files:
                file.close()  # what is still buffered may not fit
            kinds = [asdict(kind) for kind in self.kinds]
            content = {
                "kinds": kinds,
                "rows": self.rows,
                "bytes": size,
                "seconds": round(seconds, 3),
                **about,
            }
            files.write_json(self.folder / ABOUT, content)

    def close(self) -> None:
        """Close the files; what cannot be written any more is dropped."""
        for file in self._files:
            with suppress(OSError):
                file.close()


def discard(folder: Path) -> None:
    """Delete the folder so that a kill meanwhile leaves nothing under its name.

    It is renamed first. Windows refuses that while a reader has its files open: then it stays.
    """
    aside = folder if folder.suffix == GONE else folder.with_name(f"{uuid.uuid4().hex}{GONE}")
    with suppress(OSError):
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def is_of_recording(folder: Path) -> bool:
    """Whether it holds nothing but files of a recording; if it disappears meanwhile, it does."""
    with suppress(FileNotFoundError):
        return all(FILES.fullmatch(path.name) for path in folder.iterdir())
    return True


def size_of(folder: Path) -> int:
    """The bytes of the files in a folder, which may disappear meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise CannotWrite for what the system refuses to write."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(error.strerror or str(error)) from error
    except FolderError as error:  # from `files.write`
        raise CannotWrite(getattr(error.__cause__, "strerror", None) or str(error)) from error


def _close(several: Sequence[Any]) -> None:
    for file in several:
        file.close()


def _raw(tensor: Tensor) -> np.ndarray:
    """The bytes of a contiguous tensor, shared with it."""
    return tensor.view(-1).view(torch.uint8).numpy()


def _places(mask: Tensor, lengths: int) -> tuple[Tensor, ...]:
    """The index of the unmasked places along each of `lengths` dimensions."""
    kept = mask.cpu().nonzero()[:, 0]
    return torch.meshgrid(*(kept,) * lengths, indexing="ij")
