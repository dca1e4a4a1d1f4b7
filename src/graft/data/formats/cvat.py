"""Boxes in XML, as the labeling program CVAT writes them for pictures."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from graft.base.errors import DataError, listed
from graft.data.boxes.cells import read_number
from graft.data.boxes.data import boxes_data, check_plain, write_picture
from graft.data.boxes.drawn import DrawnBox, DrawnPicture, describe_written
from graft.data.boxes.outlines import Edges, Outline, find_extent
from graft.data.boxes.pictures import PictureFiles, check_there
from graft.data.boxes.xml_files import parse_xml, read_size
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, split_in
from graft.data.images.open import image_size
from graft.data.listing import glance, note_left_out
from graft.data.tables.encodings import read_beginning

_ROOT = re.compile(r"\s*(<\?.*?\?>)?\s*<annotations\b", re.DOTALL)
_EDGES = ("xtl", "ytl", "xbr", "ybr")
_SHAPES = ("box", "polygon")
_OTHERS = ("polyline", "points", "cuboid", "ellipse", "mask", "skeleton", "tag")
"""Shapes that are no boxes and have no area that is known from their corners."""


class Cvat:
    """Boxes and polygons in CVAT's XML "for images 1.1": one file for all pictures.

    The file, or a folder that holds it and the pictures. Splits are the subsets that it names.
    """

    suffixes: ClassVar = (".xml",)
    kinds: ClassVar = ("boxes",)

    def sniff(self, path: Path) -> float:
        return float(bool(_files(path)))

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = _files(path)
        if len(files) != 1:
            raise DataError(
                f"{path} holds {len(files)} files in the form of CVAT for images. Give the path of "
                "one."
            )
        root = _parse(files[0])
        known = PictureFiles(path)
        splits: dict[str, list[DrawnPicture]] = {}
        missing: list[str] = []
        used: set[Path] = set()
        for entry in root.iterfind("image"):
            name, split = entry.get("name", ""), split_in(entry.get("subset") or "")
            if (picture := known.find(name, files[0].parent, split)) is None:
                missing.append(name)
                continue
            if picture in used:
                raise DataError(
                    f"{files[0]} has two entries for one picture: {name}. Keep one of them."
                )
            used.add(picture)
            boxes = [_box(shape, f"{files[0].name}: {shape.tag} {n} on {name}")
                     for n, shape in enumerate(_shapes(entry), 1)]  # fmt: skip
            drawn = DrawnPicture(
                known.name(picture),
                picture,
                boxes,
                read_size(entry.get("width"), entry.get("height")),
            )
            splits.setdefault(split or "all", []).append(drawn)
        check_there(missing, len(missing) + sum(map(len, splits.values())), files[0])
        rest = [known.name(file) for file in known.files if file not in used]
        notes = note_left_out(rest, f"{files[0].name} does not name them")
        others = [
            f"{shape.tag} of {shape.get('label')}"
            for tag in _OTHERS
            for shape in root.iterfind(f"image/{tag}")
        ]
        if others:
            notes.append(
                f"Shapes that are neither boxes nor polygons were left out: {len(others):,}, "
                f"{listed(dict.fromkeys(others), 3)}."
            )
        return boxes_data(splits, notes)

    def write_tiny(self, data: Data, path: Path) -> None:
        root = Element("annotations")
        SubElement(root, "version").text = "1.1"
        for split, samples in data.splits.items():
            place = "" if split == "all" else split
            for number, sample in enumerate(samples):
                file = write_picture(sample, path / "images" / place, f"{number:04d}")
                width, height = map(str, image_size(file, sample.id))
                name = "/".join(filter(None, (place, file.name)))
                about = {"name": name, "width": width, "height": height}
                entry = SubElement(root, "image", about | ({"subset": place} if place else {}))
                for box in check_plain(sample):
                    edges = map(repr, box.box)
                    SubElement(entry, "box", dict(zip(_EDGES, edges, strict=True)), label=box.label)
        ElementTree.ElementTree(root).write(path / "annotations.xml", encoding="utf-8")


def _files(path: Path) -> list[Path]:
    files = [path] if path.is_file() else glance(path, 2) if path.is_dir() else []
    return sorted(f for f in files if f.suffix.lower() == ".xml" and _ROOT.match(read_beginning(f)))


def _parse(file: Path) -> Element:
    root = parse_xml(file)
    if root.find("image") is None:
        what = "tracks of a video" if root.find("track") is not None else "no pictures"
        raise DataError(f"{file} holds {what}. Export it from CVAT as 'CVAT for images 1.1'.")
    return root


def _shapes(entry: Element) -> list[Element]:
    return [shape for shape in entry if shape.tag in _SHAPES]


def _box(shape: Element, where: str) -> DrawnBox:
    label = (shape.get("label") or "").strip()
    if shape.tag == "box":
        written = [shape.get(edge) for edge in _EDGES]
        edges = tuple(map(read_number, written))
        outline = _turn(edges, read_number(shape.get("rotation", "0")))
        edges = find_extent(outline) if outline else edges
        return DrawnBox(where, label, edges, outline=outline, written=describe_written(written))
    numbers = tuple(map(read_number, re.split("[;,]", shape.get("points") or "")))
    is_whole = len(numbers) % 2 == 0 and len(numbers) >= 6 and all(map(math.isfinite, numbers))
    edges = find_extent((numbers,)) if is_whole else (math.nan,) * 4
    written = describe_written([shape.get("points")])
    return DrawnBox(where, label, edges, outline=(numbers,), written=written)


def _turn(edges: Edges, degrees: float) -> Outline:
    """The corners of a box that is turned around its middle; () if it is not."""
    if not math.isfinite(sum(edges) + degrees) or not degrees % 360:
        return ()
    left, top, right, bottom = edges
    x, y = (left + right) / 2, (top + bottom) / 2
    turn = math.radians(degrees)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    turned = (
        (
            x + (a - x) * math.cos(turn) - (b - y) * math.sin(turn),
            y + (a - x) * math.sin(turn) + (b - y) * math.cos(turn),
        )
        for a, b in corners
    )
    return (tuple(number for corner in turned for number in corner),)
