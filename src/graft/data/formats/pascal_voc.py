"""Boxes in XML, as Pascal VOC has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.boxes.cells import read_number
from graft.data.boxes.data import boxes_data, check_plain, write_picture
from graft.data.boxes.drawn import DrawnBox, DrawnPicture, describe_written
from graft.data.boxes.pictures import MOST_FILES, PictureFiles, check_there, find_folder_split
from graft.data.boxes.xml_files import parse_xml, read_size
from graft.data.data import Data
from graft.data.formats.folders.beside import sure_of_files
from graft.data.formats.folders.name_lists import find_lists, read_lists
from graft.data.formats.format import ReadOptions
from graft.data.images.open import image_size
from graft.data.listing import glance, note_left_out, walk
from graft.data.tables.encodings import read_beginning

_ROOT = re.compile(r"\s*(<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>]*>|\s)*<annotation\b", re.DOTALL)
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_FROM_1 = (
    "The edges in the XML are read as distances from the upper left corner of the picture, as the "
    "programs that write them today have them. No box begins at 0: if the first pixel is number 1, "
    "as in the files of the VOC challenges, each box lacks one pixel at its left and upper edge."
)


class PascalVoc:
    """Boxes in Pascal VOC's XML, one file a picture: `annotations/1.xml` and `images/1.jpg`.

    Splits are folders (`train`, `val`) or lists of names: `train.txt`, `ImageSets/Main/train.txt`.
    Edges are read as distances from the upper left corner. Objects that are marked as difficult are
    objects as any other.
    """

    suffixes: ClassVar = (".xml",)
    kinds: ClassVar = ("boxes",)

    def sniff(self, path: Path) -> float:
        if path.is_file():
            return float(_is_one(path))
        return sure_of_files(path, ".xml", _is_one) if path.is_dir() else 0.0

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = [path] if path.is_file() else _files(path)
        if not files:
            raise DataError(f"{path} holds no XML of pictures with boxes, as Pascal VOC has it.")
        known = PictureFiles(path)
        pictures, difficult = {}, []
        missing = []
        for file in files:
            root = _parse(file)
            split = find_folder_split(file, known.top)
            named = root.findtext("filename") or file.stem
            picture = known.find(file.stem, file.parent, split) or known.find(
                named, file.parent, split
            )
            if picture is None:
                missing.append(named)
                continue
            boxes = _boxes(root, known.name(file))
            difficult += _difficult(root, known.name(file))
            pictures[file] = DrawnPicture(
                known.name(picture),
                picture,
                boxes,
                read_size(root.findtext("size/width"), root.findtext("size/height")),
            )
        check_there(missing, len(files), path)
        _check_one_each(pictures, known)
        splits, notes = _splits(known.top, pictures)
        described = {picture.image for picture in pictures.values()}
        unused = [known.name(file) for file in known.files if file not in described]
        notes += note_left_out(unused, "no XML describes them")
        notes += _assumptions(pictures.values(), difficult)
        notes += _masks_too(known.top)
        return boxes_data(splits, notes)

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            names = []
            for number, sample in enumerate(samples):
                names.append(f"{split}-{number:04d}")
                file = write_picture(sample, path / "JPEGImages", names[-1])
                (path / "Annotations").mkdir(exist_ok=True)
                tree = ElementTree.ElementTree(_annotation(sample, file))
                tree.write(path / "Annotations" / f"{names[-1]}.xml", encoding="utf-8")
            if split != "all":
                lists = path / "ImageSets" / "Main"
                lists.mkdir(parents=True, exist_ok=True)
                (lists / f"{split}.txt").write_text("\n".join(names), encoding="utf-8")


def _check_one_each(pictures: Mapping[Path, DrawnPicture], known: PictureFiles) -> None:
    """Raise DataError if two files describe one picture."""
    first: dict[Path, Path] = {}
    for file, picture in pictures.items():
        other = first.setdefault(picture.image, file)
        if other is not file:
            raise DataError(
                f"Two XML files describe {picture.id}: {known.name(other)} and {known.name(file)}. "
                "Keep one of them."
            )


def _is_one(file: Path) -> bool:
    return file.suffix.lower() == ".xml" and _ROOT.match(read_beginning(file)) is not None


def _files(path: Path) -> list[Path]:
    """The XML files below a folder; a damaged one among them is an error, never left out."""
    if not path.is_dir():
        return []
    files = [f for f in islice(walk(path), MOST_FILES) if f.suffix.lower() == ".xml"]
    folders = {file.parent for file in files if _is_one(file)}
    return [file for file in files if file.parent in folders]


def _parse(file: Path) -> Element:
    root = parse_xml(file)
    if root.tag != "annotation":
        raise DataError(
            f"{file} begins with <{root.tag}>, and Pascal VOC's files with <annotation>."
        )
    return root


def _boxes(root: Element, name: str) -> list[DrawnBox]:
    return [
        _box(entry, f"{name}: object {n}") for n, entry in enumerate(root.iterfind("object"), 1)
    ]


def _box(entry: Element, where: str) -> DrawnBox:
    """The box of an object, its edges NaN where one is missing or no number."""
    written = [entry.findtext(f"bndbox/{edge}") for edge in _EDGES]
    label = (entry.findtext("name") or "").strip()
    edges = tuple(map(read_number, written))
    return DrawnBox(where, label, edges, written=describe_written(written))


def _difficult(root: Element, name: str) -> list[str]:
    marks = (entry.findtext("difficult") or "" for entry in root.iterfind("object"))
    return [f"{name}: object {n}" for n, mark in enumerate(marks, 1) if mark.strip() == "1"]


def _assumptions(pictures: Iterable[DrawnPicture], difficult: list[str]) -> list[str]:
    """What a person should know of how the boxes are read."""
    edges = [box.edges for picture in pictures for box in picture.boxes or ()]
    starts = [edge for left, top, _, _ in edges for edge in (left, top)]
    notes = [_FROM_1] if starts and min(starts) >= 1 else []
    if difficult:
        notes.append(
            f"Objects marked as difficult are learned and measured as any other: "
            f"{len(difficult):,} of {len(edges):,}, {listed(difficult, 2)}."
        )
    return notes


def _masks_too(top: Path) -> list[str]:
    """Say that there are masks too, and how to read them."""
    if not any(file.parent.name == "SegmentationClass" for file in glance(top, 4)):
        return []
    return [
        "The boxes in the XML are read. The folder holds masks too, in SegmentationClass: to read "
        "those, pass --format mask-folders."
    ]


def _splits(
    top: Path, pictures: Mapping[Path, DrawnPicture]
) -> tuple[dict[str, list[DrawnPicture]], list[str]]:
    """The pictures by split: by lists of names, else by the folders they lie in."""
    by_name = {file.stem: picture for file, picture in pictures.items()}
    files = find_lists(top)
    files = [file for file in files if file.parent.name == "Main"] or files
    if lists := read_lists(files, by_name, "XML"):
        splits = {split: [by_name[name] for name in names] for split, names in lists.items()}
        named = {name for names in lists.values() for name in names}
        rest = [picture.id for name, picture in by_name.items() if name not in named]
        return splits, note_left_out(rest, "no list names them")
    splits = {}
    for file, picture in pictures.items():
        splits.setdefault(find_folder_split(file, top) or "all", []).append(picture)
    rest = splits.pop("all") if len(splits) > 1 and "all" in splits else []
    return splits, note_left_out([picture.id for picture in rest], "they are in no split folder")


def _annotation(sample: Sample, file: Path) -> Element:
    """The XML of a picture."""
    root = Element("annotation")
    _add(root, "filename", file.name)
    size = SubElement(root, "size")
    for side, pixels in zip(("width", "height"), image_size(file, sample.id), strict=True):
        _add(size, side, str(pixels))
    for box in check_plain(sample):
        entry = SubElement(root, "object")
        _add(entry, "name", box.label)
        edges = SubElement(entry, "bndbox")
        for name, edge in zip(_EDGES, box.box, strict=True):
            _add(edges, name, repr(edge))
    return root


def _add(parent: Element, tag: str, text: str) -> None:
    SubElement(parent, tag).text = text
