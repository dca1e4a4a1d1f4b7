"""What a run was asked to do. Its hash names the run, so that the same question is never answered twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from graft.base import env
from graft.base.errors import BadValue, FolderError
from graft.data.digests import digest_files
from graft.techniques.specs.combine import canonical

MOST_SEEDS = 2**31
"""A step's dropout is seeded by the run's seed and, in 32 bits below it, where the step is."""
_NUMBERS = {"seed": int, "fraction": float, "shots": int, "epochs": float, "batch_size": int}
LOCAL = "local:"
"""What a backbone that is a folder on this machine begins with."""


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides a run's outcome."""

    data: dict[str, Any]
    """`path`, `hash`, `format`, and `options`: how it was read and split."""
    task: str
    backbone: str
    technique: str
    seed: int = 0
    fraction: float = 1.0
    shots: int | None = None
    epochs: float | None = None
    batch_size: int | None = None
    precision: str = "fp32"
    weighted: bool = False
    folders: dict[str, str] = field(default_factory=dict)
    """The local model folders that it starts from, by backbone, each with a hash of its files."""

    def __post_init__(self) -> None:
        """Take numbers of any type, NumPy's as well, as plain ones: 1 and 1.0 ask for the same run."""
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, plain_number(name, value))

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of everything that decides the outcome.

        Of the data the content counts and not the path, of a technique what it means and not how it
        is written.
        """
        asked = {**asdict(self), "data": self.data["hash"], "technique": canonical(self.technique)}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self, threads: int) -> dict[str, Any]:
        """The content of spec.json, with the versions and the hardware of now."""
        machine = {"versions": env.versions(), "hardware": env.hardware()}
        return {"schema": 1, "hash": self.hash, **asdict(self), "threads": threads, **machine}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> RunSpec:
        return cls(**{name: value for name, value in found.items() if name in cls.__dataclass_fields__})

    def check_folders(self) -> None:
        """Raise FolderError if a model folder has changed or is missing since the run started."""
        for backbone, digest in self.folders.items():
            path = Path(backbone.removeprefix(LOCAL))
            if not path.is_dir():
                raise FolderError(
                    f"The model folder {path}, from which the run starts, is missing. Put it back, or start "
                    "a new run with another --out."
                )
            if _digest(path) != digest:
                raise FolderError(
                    f"The model in {path} has changed since the run was started from it. Restore it, or start "
                    "a new run with another --out."
                )


def plain_number(name: str, value: Any) -> int | float:
    """The value of this field of a spec as Python's own number; raises BadValue if it is none that fits."""
    number = _NUMBERS[name]
    wanted = "a whole number" if number is int else "a number"
    try:
        plain = number(value)
    except (TypeError, ValueError, OverflowError):
        plain = None
    if plain is None or isinstance(value, str) or plain != value:
        raise BadValue(f"{name} must be {wanted}. Got {value!r} instead.")
    if name == "seed" and not 0 <= plain < MOST_SEEDS:
        raise BadValue(f"seed must be from 0 to {MOST_SEEDS - 1}. Got {value!r} instead.")
    return plain


def hash_folders(backbones: Iterable[str]) -> dict[str, str]:
    """A hash of the content of each backbone that is a folder on this machine, `local:FOLDER`."""
    return {name: _digest(Path(name.removeprefix(LOCAL))) for name in backbones if name.startswith(LOCAL)}


def _digest(folder: Path) -> str:
    """16 hexadecimal digits of the names and contents of all files that are not hidden."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    digests = digest_files(folder / name for name in names)
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"\0{name.as_posix()}\0".encode() + digests[str(folder / name)])
    return digest.hexdigest()[:16]
