"""What YOLO's data.yaml and darknet's obj.data say: the names of classes and where pictures lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from graft.base.errors import DataError
from graft.data.formats.format import split_of
from graft.data.listing import is_there
from graft.data.tables.encodings import read_text

_YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class DataFile:
    """The names of classes by number, and the folders or lists of the pictures of each split."""

    file: Path
    names: dict[int, str]
    places: dict[str, list[str]]
    base: str = ""
    """The folder from which the places are meant, if the file names one."""

    def resolve(self, place: str) -> Path | None:
        """The folder or list at a place, also where its path is of another machine; None if none.

        Of `../train/images` and `/content/set/train/images` the end is looked for beside the file.
        """
        plain = Path(place.replace("\\", "/"))
        parts = [part for part in plain.parts if part not in ("..", ".", plain.anchor)]
        ends = (self.file.parent.joinpath(*parts[start:]) for start in range(len(parts)))
        return next((end for end in (*self._list_choices(place), *ends) if is_there(end)), None)

    def is_exact(self, place: str) -> bool:
        """Whether the place is there as the file says it."""
        return any(is_there(choice) for choice in self._list_choices(place))

    def _list_choices(self, place: str) -> tuple[Path, Path]:
        """What the place means: from the base of the file, or from its folder."""
        folder = self.file.parent
        return folder / self.base / place, folder / place


def find_data_file(path: Path) -> Path | None:
    """The data.yaml or obj.data at a path or at the top of a folder, or None."""
    if path.is_file():
        return path if _is_one(path) else None
    files = sorted(path.iterdir()) if path.is_dir() else []
    known = [file for file in files if file.is_file() and _is_one(file)]
    return next((file for file in known if file.stem in ("data", "obj")), next(iter(known), None))


def is_list(file: Path) -> bool:
    """Whether a text file lists pictures or classes, by its name."""
    return split_of(file.stem) is not None or file.name.lower() == "classes.txt"


def read_data_file(file: Path) -> DataFile:
    """What the file says. Raises DataError."""
    return _read_yaml(file) if file.suffix.lower() in _YAML else _read_darknet(file)


def _is_one(file: Path) -> bool:
    if file.suffix.lower() == ".data":
        return "names" in _darknet(file)
    return file.suffix.lower() in _YAML and bool(_yaml(file).get("names"))


def _read_yaml(file: Path) -> DataFile:
    content = _yaml(file)
    names = _names(content["names"], file)
    if "kpt_shape" in content:
        raise DataError(f"{file} is of key points, and boxes are read. No task learns from those.")
    count = content.get("nc", len(names))
    if count != len(names):
        raise DataError(
            f"{file} says nc: {count}, and names {len(names)} classes. Correct one of the two."
        )
    places = {
        split: [str(place) for place in (value if isinstance(value, list) else [value])]
        for key, value in content.items()
        if value and (split := split_of(str(key)))
    }
    return DataFile(file, names, places, str(content.get("path") or ""))


def _names(names: Any, file: Path) -> dict[int, str]:
    """The names of the classes by number, of a list or an object. Raises DataError."""
    pairs = list(enumerate(names)) if isinstance(names, list) else []
    pairs = list(names.items()) if isinstance(names, Mapping) else pairs
    try:
        known = {int(number): str(name).strip() for number, name in pairs if name is not None}
    except (TypeError, ValueError):
        known = {}
    if not known or len(known) < len(pairs) or not all(known.values()):
        raise DataError(
            f"{file}: names must name each class, as [cat, dog] or as 0: cat, 1: dog. "
            f"Got {names!r:.100}."
        )
    return known


def check_damaged(folder: Path) -> None:
    """Raise DataError for a data.yaml in the folder that is no valid YAML: it may name classes."""
    for file in (folder / f"data{suffix}" for suffix in _YAML):
        try:
            yaml.safe_load(read_text(file)[0] if file.is_file() else "")
        except yaml.YAMLError as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{file} is not valid YAML: {reason}. Fix or remove it.") from error


def _yaml(file: Path) -> dict[str, Any]:
    """The content of a YAML file; nothing if it is no object or damaged."""
    try:
        content = yaml.safe_load(read_text(file)[0])
    except (yaml.YAMLError, DataError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_darknet(file: Path) -> DataFile:
    content = _darknet(file)
    places = {split: [value] for key, value in content.items() if (split := split_of(key))}
    bare = DataFile(file, {}, places)
    names = bare.resolve(content["names"])
    if names is None:
        raise DataError(
            f"{file} says that the classes are in {content['names']}, which is not there."
        )
    lines = filter(None, map(str.strip, read_text(names)[0].split("\n")))
    return DataFile(file, dict(enumerate(lines)), places)


def _darknet(file: Path) -> dict[str, str]:
    """The settings `key = value` of a file."""
    try:
        lines = read_text(file)[0].split("\n")
    except DataError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
