"""The spec of a run. Its hash names the run, so that nothing is trained twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from graft.backbones.load import paths_of
from graft.base.errors import FolderError, UnknownName
from graft.base.ranges import Count, Epochs, Fraction, Seed, check_flag, read_numbers
from graft.data.digests import digest_files
from graft.techniques.specs.combine import canonical, models_of


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
    """The backbones and teachers that are read from files on this machine, each with a hash of
    their content."""
    forgetting: dict[str, str] | None = None
    """The `path` and the `hash` of samples on which it is measured what the network forgets."""

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
        if self.forgetting is None:  # then the run is the one that it always was
            del asked["forgetting"]
        else:
            asked["forgetting"] = self.forgetting["hash"]
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
        """Raise FolderError if files of a model are missing or have changed since the start."""
        for backbone, digest in self.folders.items():
            paths = paths_of(backbone)
            for path in paths:
                if not path.exists():
                    raise FolderError(
                        f"The model {path}, which the run reads, is missing in {Path.cwd()}. "
                        f"Put it back, resume in {self.data.get('folder', 'the folder')} where the "
                        "run was started, or start a new run with another --out."
                    )
            if digest_paths(paths) != digest:
                raise FolderError(
                    f"The model {backbone} has changed since the run was started with it. Restore "
                    "it, or start a new run with another --out."
                )


def hash_folders(backbones: Iterable[str], techniques: Iterable[str] = ()) -> dict[str, str]:
    """A hash of the content of each model that is read from files on this machine.

    These are backbones, and teachers of techniques.
    """
    of_models = {name: paths_of(name) for name in backbones}
    for name in (model for technique in techniques for model in models_of(technique)):
        with suppress(UnknownName):  # the check of the technique says more of it
            of_models[name] = paths_of(name)
    return {name: digest_paths(paths) for name, paths in of_models.items() if paths}


def digest_paths(paths: Iterable[Path]) -> str:
    """16 hexadecimal digits of the names and contents of files, and of all in folders.

    Hidden files of a folder do not count.
    """
    digest = hashlib.sha256()
    for path in paths:
        folder, names = (path, _names_in(path)) if path.is_dir() else (path.parent, [path.name])
        files = [folder / name for name in names if (folder / name).is_file()]
        digests = digest_files(files)
        for file in files:
            name = file.relative_to(folder).as_posix()
            digest.update(f"\0{name}\0".encode() + digests[str(file)])
    return digest.hexdigest()[:16]


def _names_in(folder: Path) -> list[Path]:
    """The files in a folder that are not hidden, in order."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    return [name for name in names if not any(part.startswith(".") for part in name.parts)]
