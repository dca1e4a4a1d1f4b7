"""The spec of a run. Its hash names the run, so that nothing is trained twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from graft.base.errors import FolderError
from graft.base.ranges import Count, Epochs, Fraction, Seed, check_flag, read_numbers
from graft.data.digests import digest_files
from graft.techniques.specs.combine import canonical

LOCAL = "local:"
"""The prefix of a backbone that is a folder on this machine."""


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides a run's outcome."""

    data: dict[str, Any]
    """`path`, `hash`, `format`, and `options`: how it was read and split.

    `folder` is the one from which a relative path counts.
    """
    task: str
    backbone: str
    technique: str
    seed: Seed = 0
    fraction: Fraction = 1.0
    shots: Count | None = None
    epochs: Epochs | None = None
    batch_size: Count | None = None
    precision: str = "fp32"
    weighted: bool = False
    folders: dict[str, str] = field(default_factory=dict)
    """The local model folders that it starts from, by backbone, each with a hash of its files."""

    def __post_init__(self) -> None:
        """Raise BadValue for numbers that are out of range."""
        read_numbers(self)
        check_flag("weighted", self.weighted)

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of everything that decides the outcome.

        Of the data the content counts and not the path, of a technique what it means and not how it
        is written.
        """
        asked = {**asdict(self), "data": self.data["hash"], "technique": canonical(self.technique)}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return the entries of spec.json; the start of a run adds those of the machine."""
        return {"schema": 1, "hash": self.hash, **asdict(self)}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> RunSpec:
        return cls(
            **{name: value for name, value in saved.items() if name in cls.__dataclass_fields__}
        )

    def check_folders(self) -> None:
        """Raise FolderError if a model folder has changed or is missing since the run started."""
        for backbone, digest in self.folders.items():
            path = Path(backbone.removeprefix(LOCAL))
            if not path.is_dir():
                raise FolderError(
                    f"The model folder {path}, from which the run starts, is missing in "
                    f"{Path.cwd()}. Put it back, resume in {self.data.get('folder', 'the folder')} "
                    "where the run was started, or start a new run with another --out."
                )
            if _digest(path) != digest:
                raise FolderError(
                    f"The model in {path} has changed since the run was started from it. "
                    "Restore it, or start a new run with another --out."
                )


def hash_folders(backbones: Iterable[str]) -> dict[str, str]:
    """A hash of the content of each backbone that is a folder on this machine, `local:FOLDER`."""
    return {
        name: _digest(Path(name.removeprefix(LOCAL)))
        for name in backbones
        if name.startswith(LOCAL)
    }


def _digest(folder: Path) -> str:
    """16 hexadecimal digits of the names and contents of all files that are not hidden."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    digests = digest_files(folder / name for name in names)
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"\0{name.as_posix()}\0".encode() + digests[str(folder / name)])
    return digest.hexdigest()[:16]
