"""Boxes in lines of numbers, as YOLO has them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import ClassVar

import yaml

from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.data.boxes.cells import precision
from graft.data.boxes.data import boxes_data, check_plain, note_same_names, write_picture
from graft.data.boxes.drawn import DrawnBox, DrawnPicture
from graft.data.boxes.outlines import find_extent
from graft.data.boxes.pictures import MOST_FILES, PictureFiles, check_there, find_folder_split
from graft.data.boxes.yolo_files import (
    DataFile,
    check_damaged,
    find_data_file,
    is_list,
    read_data_file,
)
from graft.data.data import Data
from graft.data.formats.folders.beside import sure_of_files
from graft.data.formats.format import ReadOptions
from graft.data.images.open import SUFFIXES, image_size
from graft.data.listing import glance, note_left_out, walk
from graft.data.tables.encodings import is_blank, read_beginning, read_text

_ROW = re.compile(r"\s*\d+(\.0)?([ \t]+-?\d*\.?\d+([eE]-?\d+)?){4,}[ \t]*(\r?\n|$)")
_SHARE = 1.5
"""Larger numbers are no shares of the picture, not even of a box that reaches beyond it."""
_FORM = (
    "Write CLASS X Y WIDTH HEIGHT with blanks between: the number of the class from 0, the middle "
    "of the box and its size as shares of the picture (0 to 1)."
)


class Yolo:
    """Boxes in YOLO's lines of numbers, one .txt a picture: `labels/1.txt` and `images/1.jpg`.

    A `data.yaml` or darknet's `obj.data` names classes and splits; its paths may lead nowhere if
    the folders are named by split. Segments (polygons) are read too. A picture without a label
    file has no objects.
    """

    suffixes: ClassVar = (".yaml", ".yml")
    kinds: ClassVar = ("boxes",)

    def sniff(self, path: Path) -> float:
        if path.is_file():
            return float(find_data_file(path) is not None)
        if not path.is_dir() or find_data_file(path):
            return float(path.is_dir())
        return sure_of_files(path, ".txt", _is_named_label)

    def read(self, path: Path, options: ReadOptions) -> Data:
        file = find_data_file(path)
        if path.is_file() and file is None:
            raise DataError(f"{path} is no data.yaml or obj.data of YOLO's: it names no classes.")
        if file is None:
            check_damaged(path)
        about = read_data_file(file) if file else DataFile(path, _class_list(path), {})
        known = PictureFiles(path)
        splits, notes = _splits(about, known)
        labels = _Labels(known, about.names)
        pictures = {
            split: [labels.draw(picture, split) for picture in part]
            for split, part in splits.items()
        }
        labels.check()
        if not labels.used:
            raise DataError(f"{path} holds no pictures with label files in YOLO's form. {_FORM}")
        notes += labels.notes
        notes += _same_names(about)
        if not about.names:
            notes.append(
                "No file names the classes, so they are called by their numbers; name them in a "
                "data.yaml: names: [cat, dog]."
            )
        used = {picture.image for part in pictures.values() for picture in part}
        rest = [known.name(picture) for picture in known.files if picture not in used]
        return boxes_data(pictures, [*notes, *note_left_out(rest, "they are in no split")])

    def write_tiny(self, data: Data, path: Path) -> None:
        names = data.classes
        content: dict = {"names": names, "nc": len(names)}
        for split, samples in data.splits.items():
            place = "" if split == "all" else split
            content |= {split: f"images/{split}"} if place else {}
            (path / "labels" / place).mkdir(parents=True, exist_ok=True)
            for number, sample in enumerate(samples):
                file = write_picture(sample, path / "images" / place, f"{number:04d}")
                width, height = image_size(file, sample.id)
                rows = []
                for box in check_plain(sample):
                    left, top, right, bottom = box.box
                    middle = (left + right) / 2 / width, (top + bottom) / 2 / height
                    size = (right - left) / width, (bottom - top) / height
                    rows.append(" ".join(map(repr, (names.index(box.label), *middle, *size))))
                label = path / "labels" / place / f"{file.stem}.txt"
                label.write_text("\n".join(rows), encoding="utf-8")
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        (path / "data.yaml").write_text(text, encoding="utf-8")


def _is_named_label(file: Path) -> bool:
    """Whether the file holds rows of numbers and has the name of a picture."""
    if not _ROW.match(read_beginning(file)):
        return False
    folders = [file.parent, Path(*_swap_labels(file.parent.parts))]
    return any((folder / f"{file.stem}{end}").exists() for folder in folders for end in SUFFIXES)


def _swap_labels(parts: tuple[str, ...]) -> list[str]:
    """The folders of a label file with `images` in place of `labels`."""
    return ["images" if part.lower() == "labels" else part for part in parts]


def _same_names(about: DataFile) -> list[str]:
    """A note of names that several numbers have."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, name in about.names.items():
        numbers[name].append(number)
    return note_same_names(about.file.name, numbers)


def _class_list(path: Path) -> dict[int, str]:
    """The names in a classes.txt, as labeling programs write it beside the label files."""
    files = sorted(file for file in glance(path) if file.name.lower() == "classes.txt")
    lines = read_text(files[0])[0].split("\n") if files else []
    return dict(enumerate(filter(None, map(str.strip, lines))))


def _splits(about: DataFile, known: PictureFiles) -> tuple[dict[str, list[Path]], list[str]]:
    """Split -> its pictures: by the data file, else by the names of folders."""
    splits: dict[str, list[Path]] = {}
    by_folder: dict[str, list[Path]] = defaultdict(list)
    for picture in known.files:
        by_folder[find_folder_split(picture, known.top) or "all"].append(picture)
    notes = []
    for split, places in about.places.items():
        pictures, lost = [], []
        for place in places:
            where = about.resolve(place)
            lost += [place] if where is None else []
            pictures += _pictures_at(where, split, known) if where else []
            if where and not about.is_exact(place):
                name = where.relative_to(about.file.parent).as_posix()
                notes.append(f"{about.file.name} says {place}; {name} beside it was read.")
        if lost and not pictures:
            pictures = by_folder.get(split, [])
            instead = (
                "The folder named by that split was read."
                if pictures
                else f"No picture was read as {split}."
            )
            notes.append(
                f"{about.file.name} says that the pictures of {split} lie in {listed(lost, 2)}, "
                f"which does not exist. {instead}"
            )
        seen = {picture for part in splits.values() for picture in part}
        if again := sum(picture in seen for picture in pictures):
            notes.append(
                f"{plural(again, 'picture')} of {split} left out, in another split already."
            )
        if pictures := [picture for picture in dict.fromkeys(pictures) if picture not in seen]:
            splits[split] = pictures
    if splits:
        return splits, notes
    whole = by_folder.pop("all", [])
    notes += (
        note_left_out([known.name(p) for p in whole], "they are in no split folder")
        if by_folder
        else []
    )
    return dict(by_folder) or {"all": whole}, notes


def _pictures_at(place: Path, split: str, known: PictureFiles) -> list[Path]:
    """The pictures in a folder, or those that a text file lists, which must be there."""
    if place.is_dir():
        real = place.resolve()
        return [picture for picture in known.files if picture.resolve().is_relative_to(real)]
    names = [line.strip() for line in read_text(place)[0].split("\n") if line.strip()]
    pictures = {name: known.find(name, place.parent, split) for name in names}
    check_there([name for name, picture in pictures.items() if picture is None], len(names), place)
    return list(pictures.values())


class _Labels:
    """The label files below the folder of a data set, and which of them belong to a picture."""

    def __init__(self, known: PictureFiles, names: Mapping[int, str]):
        self.known, self.names = known, names
        self.used: set[Path] = set()
        self.bare: list[str] = []
        """Pictures without a label file."""
        self.wrong: list[str] = []
        """Rows in no form of YOLO's, and why."""
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for file in islice(walk(known.top), MOST_FILES):
            if file.suffix.lower() == ".txt" and not is_list(file):
                self._by_stem[file.stem].append(file)

    def draw(self, picture: Path, split: str) -> DrawnPicture:
        """The picture with the boxes of its label file."""
        file = self._find(picture, split)
        self.used |= {file} if file else set()
        self.bare += [] if file else [self.known.name(picture)]
        boxes = []
        for number, line in enumerate(read_text(file)[0].split("\n") if file else (), 1):
            where, parts = f"{self.known.name(file)}:{number}", line.split()
            if is_blank(line):
                continue
            if problem := _find_problem(parts, self.names):
                self.wrong.append(f"{where} ({line.strip()[:60]!r} {problem})")
            else:
                boxes.append(_box(parts, where, self.names))
        return DrawnPicture(self.known.name(picture), picture, boxes, has_shares=True)

    def _find(self, picture: Path, split: str) -> Path | None:
        """The label file of a picture: beside it, in `labels` for `images`, or of its name."""
        files = self._by_stem.get(picture.stem, [])
        choices = (
            [file for file in files if file.parent == picture.parent],
            [file for file in files if _twin(file) == _twin(picture)],
            [file for file in files if find_folder_split(file, self.known.top) == split],
            files,
        )
        return next((choice[0] for choice in choices if len(choice) == 1), None)

    def check(self) -> None:
        """Raise DataError for rows in no form, and for label files without a picture.

        The latter lie in folders where others have one.
        """
        if self.wrong:
            raise DataError(
                f"{plural(len(self.wrong), 'row')} not in YOLO's form: {listed(self.wrong, 5)}. "
                f"{_FORM}"
            )
        folders = {file.parent for file in self.used}
        files = [file for part in self._by_stem.values() for file in part]
        there = {picture.stem for picture in self.known.files}
        lost = [f for f in files if f.parent in folders and f.stem not in there and _is_label(f)]
        names = map(self.known.name, lost)
        if lost:
            raise DataError(
                f"Label files without a picture: {len(lost):,}, {listed(names, 5)}. "
                "Add the pictures, or remove these files."
            )

    @property
    def notes(self) -> list[str]:
        """Which pictures are taken as without objects."""
        if not self.bare:
            return []
        return [
            f"{plural(len(self.bare), 'picture')} without a label file, so without objects: "
            f"{listed(self.bare, 5)}."
        ]


def _twin(file: Path) -> tuple[str, ...]:
    """The folders of a picture or label file, without what tells pictures and labels apart."""
    return tuple(part for part in file.parent.parts if part.lower() not in ("images", "labels"))


def _is_label(file: Path) -> bool:
    start = read_beginning(file)
    return is_blank(start) or _ROW.match(start) is not None


def _find_problem(parts: list[str], names: Mapping[int, str]) -> str | None:
    """Why a row is no box or segment, in words that follow the row."""
    if any("," in part for part in parts):
        return "has a comma"
    if len(parts) < 5:
        return f"has {len(parts)} numbers"
    if len(parts) == 6:
        return "has six numbers: a prediction with its confidence, not a label"
    if len(parts) % 2 == 0:
        return f"has {len(parts)} numbers: a segment is CLASS X Y X Y X Y, so an odd number"
    try:
        number, *shares = map(float, parts)
    except ValueError:
        return "holds something else than numbers"
    if not number.is_integer() or (names and int(number) not in names):
        known = listed([f"{n} = {name}" for n, name in names.items()], 5)
        return f"is of the class {parts[0]}, and the classes are {known or 'whole numbers'}"
    if max(map(abs, shares)) > _SHARE:
        return "is in pixels or per cent, not in shares of the picture"
    return None


def _box(parts: list[str], where: str, names: Mapping[int, str]) -> DrawnBox:
    number, shares = int(float(parts[0])), tuple(map(float, parts[1:]))
    exact = max(map(precision, parts[1:]))
    label = names.get(number, str(number))
    if len(shares) > 4:
        return DrawnBox(where, label, find_extent((shares,)), outline=(shares,), precision=exact)
    x, y, width, height = shares
    edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return DrawnBox(where, label, edges, precision=exact)
