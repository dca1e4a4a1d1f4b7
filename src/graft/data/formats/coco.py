"""Objects in pictures, as COCO has them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from graft.base.errors import DataError, listed
from graft.base.records import LabeledBox, RunLengths
from graft.data.boxes.cells import NAN, is_box_list, is_true
from graft.data.boxes.data import boxes_data, note_same_names, write_picture
from graft.data.boxes.drawn import DrawnBox, DrawnPicture, describe_written
from graft.data.boxes.outlines import Edges, Outline, find_extent, read_outline
from graft.data.boxes.pictures import PictureFiles, check_there, find_folder_split
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, rest_of, split_in
from graft.data.images.open import image_size
from graft.data.listing import glance, note_left_out
from graft.data.tables.cells import as_number
from graft.data.tables.encodings import read_beginning
from graft.data.tables.objects import read_json

_IMAGES = re.compile(r'"images"\s*:\s*\[\s*\{[^{}]*"file_name"\s*:')
_ANNOTATIONS = re.compile(r'"annotations"\s*:\s*\[\s*\{')
_INSTANCES = "instances"
"""How COCO calls its files of boxes; captions and keypoints of the same pictures lie beside them.
"""
_FORM = (
    'Expected {"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", '
    '"category_id", "bbox": [x, y, width, height]}], "categories": [{"id", "name"}]}.'
)

_ID = (int, float, str)


class Coco:
    """Boxes and outlines in COCO's JSON, beside the pictures or in a folder `annotations`.

    One file, or a folder with a file a split: `train.json`, `annotations/instances_val2017.json`,
    `train/_annotations.coco.json`. Crowds and polygons are kept, and pictures without objects too.
    """

    suffixes: ClassVar = (".json",)
    kinds: ClassVar = ("boxes",)

    def sniff(self, path: Path) -> float:
        return float(bool(_files(path)))

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = [path] if path.is_file() else _files(path)
        if not files:
            raise DataError(f"{path} holds no JSON in the form of COCO. {_FORM}")
        splits, notes = _splits(path, files)
        known = PictureFiles(path)
        parts = {split: _read(file, split, known, options) for split, file in splits.items()}
        named = {picture.image for part in parts.values() for picture in part.pictures}
        unnamed = [known.name(file) for file in known.files if file not in named]
        notes += note_left_out(unnamed, "no annotation file names them")
        categories = {name for part in parts.values() for name in part.categories}
        used = {
            box.label for part in parts.values() for p in part.pictures for box in p.boxes or ()
        }
        if used and (unused := sorted(categories - used)):
            notes.append(
                f"{len(unused):,} of {len(categories):,} categories have no object: "
                f"{listed(unused, 5)}."
            )
        notes += [note for part in parts.values() for note in part.notes]
        return boxes_data({split: part.pictures for split, part in parts.items()}, notes)

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            name = "" if split == "all" else split
            content: dict[str, list] = {"images": [], "annotations": []}
            numbers = {label: number for number, label in enumerate(data.classes, 1)}
            content["categories"] = [{"id": n, "name": label} for label, n in numbers.items()]
            for number, sample in enumerate(samples):
                file = write_picture(sample, path / "images" / name, f"{number:04d}")
                width, height = image_size(file, sample.id)
                about = {"id": number, "file_name": file.name, "width": width, "height": height}
                content["images"].append(about)
                for box in sample.roles["boxes"]:
                    ids = {"id": len(content["annotations"]), "image_id": number}
                    content["annotations"].append(ids | _annotation(box, numbers))
            folder = path / "annotations"
            folder.mkdir(exist_ok=True)
            text = json.dumps(content, ensure_ascii=False)
            name = "_".join(filter(None, (_INSTANCES, name)))
            (folder / f"{name}.json").write_text(text, encoding="utf-8")


@dataclass
class _Part:
    """The pictures and categories of one file, and notes of its encoding and classes."""

    pictures: list[DrawnPicture]
    categories: Collection[str]
    notes: list[str]


def is_coco(file: Path) -> bool:
    """Whether the file has the form of COCO, by its name and beginning."""
    if file.suffix.lower() != ".json":
        return False
    start = read_beginning(file)
    has_ids = '"image_id"' in start and '"category_id"' in start
    return bool(_IMAGES.search(start) or (has_ids and _ANNOTATIONS.search(start)))


def _files(path: Path) -> list[Path]:
    """The annotation files at a path, those of instances alone where COCO itself wrote them.

    A damaged file of another split is among them: reading names it, and it is not left out.
    """
    if path.is_file():
        return [path] if is_coco(path) else []
    if not path.is_dir():
        return []
    files = sorted(file for file in glance(path) if file.suffix.lower() == ".json")
    known = {file for file in files if is_coco(file)}
    names = {file.name for file in known if find_folder_split(file, path)}
    alike = {(file.parent, rest_of(file.stem)) for file in known if split_in(file.stem)}
    files = [
        file
        for file in files
        if file in known
        or (file.name in names and find_folder_split(file, path))
        or (split_in(file.stem) and (file.parent, rest_of(file.stem)) in alike)
    ]
    return [file for file in files if file.stem.startswith(_INSTANCES)] or files


def _splits(path: Path, files: list[Path]) -> tuple[dict[str, Path], list[str]]:
    """Split -> its file, and a note of files that name no split beside others that do.

    Raises DataError if two files are of one split.
    """
    if path.is_file():
        return {"all": path}, []
    meaning = {file: split_in(file.stem) or find_folder_split(file, path) for file in files}
    rest = [file for file, split in meaning.items() if split is None]
    if len(rest) < len(files):
        meaning = {file: split for file, split in meaning.items() if split}
    by_split: dict[str, Path] = {}
    for file, split in meaning.items():
        one = by_split.setdefault(split or "all", file)
        if one is not file:
            which = f"of the split {split!r}" if split else "whose names mean no split"
            raise DataError(
                f"{path} holds two annotation files {which}: {one.relative_to(path)} and "
                f"{file.relative_to(path)}. Give the path of one of them, or name them by split: "
                "instances_train.json, instances_val.json."
            )
    others = [str(file.relative_to(path)) for file in rest if file not in by_split.values()]
    return by_split, note_left_out(others, "their names mean no split")


def _read(file: Path, split: str, known: PictureFiles, options: ReadOptions) -> _Part:
    content, note = read_json(file)
    images, annotations, names = _lists(content, file, options)
    boxes = _boxes(known.name(file), images, annotations, names)
    pictures, missing = [], []
    for key, image in images.items():
        picture = known.find(image["file_name"], file.parent, split)
        if picture is None:
            missing.append(image["file_name"])
            continue
        size = _size(image)
        drawn = None if annotations is None else boxes.get(key, ())
        pictures.append(DrawnPicture(known.name(picture), picture, drawn, size))
    check_there(missing, len(images), file)
    ids: dict[str, list[Any]] = defaultdict(list)
    for key, name in names.items():
        ids[name].append(key)
    notes = [*([note] if note else []), *note_same_names(file.name, ids)]
    return _Part(pictures, names.values(), notes)


def _lists(
    content: Any, file: Path, options: ReadOptions
) -> tuple[dict[Any, dict], list[dict] | None, dict[Any, str]]:
    """Id -> image, the annotations, id -> name of a category. Raises DataError."""
    images = _objects(content, "images", file, ("id",), "file_name")
    by_id: dict[Any, dict] = {}
    by_name: dict[str, Any] = {}
    for image in images:
        image["file_name"] = str(image["file_name"])
        one = by_id.setdefault(image["id"], image)
        same = by_name.setdefault(image["file_name"], image["id"])
        if one is not image or same != image["id"]:
            raise DataError(
                f"{file} has two entries for one picture: {image['file_name']} (id {image['id']}) "
                f"and {one['file_name']} (id {same}). Keep one of them."
            )
    if "annotations" not in content and not options.labels:
        return by_id, None, {}
    names: dict[Any, str] = {}
    for category in _objects(content, "categories", file, ("id",), "name"):
        name = str(category["name"]).strip()
        if names.setdefault(category["id"], name) != name:
            raise DataError(
                f"{file} gives the id {category['id']!r} to two categories, "
                f"{names[category['id']]!r} and {name!r}. Give each an id of its own."
            )
    return by_id, _objects(content, "annotations", file, ("image_id", "category_id")), names


def _objects(content: Any, key: str, file: Path, ids: tuple[str, ...], *more: str) -> list[dict]:
    """The entries of a list, each with its ids and what else it needs. Raises DataError."""
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError(f"{file} is not in the form of COCO: it has no list {key!r}. {_FORM}")
    for number, entry in enumerate(entries, 1):
        is_object = isinstance(entry, dict)
        lacking = [name for name in (*ids, *more) if not is_object or entry.get(name) is None]
        wrong = [name for name in ids if name not in lacking and not isinstance(entry[name], _ID)]
        if lacking or wrong:
            problem = (
                f"lacks {' and '.join(lacking)}"
                if lacking
                else f"has a value of {wrong[0]} that is neither a number nor a text"
            )
            raise DataError(
                f"{file} is not in the form of COCO: entry {number:,} of {key!r} {problem} "
                f"({entry!r:.60}). {_FORM}"
            )
    return entries


def _boxes(
    file: str, images: Mapping[Any, dict], annotations: list[dict] | None, names: dict[Any, str]
) -> dict[Any, list[DrawnBox]]:
    """Image id -> its boxes. Raises DataError for an image or category that is not there."""
    boxes: dict[Any, list[DrawnBox]] = {}
    lost, unknown = [], []
    for number, annotation in enumerate(annotations or (), 1):
        where = f"{file}: annotation {annotation.get('id', number)}"
        image = images.get(annotation["image_id"])
        if image is None:
            lost.append(f"{where} (image {annotation['image_id']!r})")
        elif annotation["category_id"] not in names:
            unknown.append(f"{where} (category {annotation['category_id']!r})")
        else:
            label = names[annotation["category_id"]]
            box = _box(annotation, f"{where} on {image['file_name']}", label)
            boxes.setdefault(annotation["image_id"], []).append(box)
    for what, entries, advice in (
        (
            "an image that is not among 'images'",
            lost,
            f"Add the image, or remove them. Its ids: {listed(map(repr, images), 5)}.",
        ),
        (
            "a category that is not among 'categories'",
            unknown,
            f"Its ids: {listed(map(repr, names))}.",
        ),
    ):
        if entries:
            raise DataError(
                f"{len(entries):,} of {len(annotations or ()):,} annotations have {what}: "
                f"{listed(entries, 5)}. {advice}"
            )
    return boxes


def _box(annotation: Mapping[str, Any], where: str, label: str) -> DrawnBox:
    outline = _outline(annotation.get("segmentation"), where)
    bbox = annotation.get("bbox")
    edges = find_extent(outline) if not bbox and outline else _edges(bbox)
    return DrawnBox(
        where,
        label,
        edges,
        is_crowd=is_true(annotation.get("iscrowd")),
        area=as_number(annotation.get("area")),
        outline=outline,
        written=describe_written([bbox]) if edges is NAN else "",
    )


def _edges(bbox: Any) -> Edges:
    """Left, top, right and bottom of x, y, width and height; NAN for anything else."""
    if not is_box_list(bbox):
        return NAN
    x, y, width, height = map(as_number, bbox)
    return x, y, x + width, y + height


def _outline(segmentation: Any, where: str) -> Outline:
    """Polygons or run lengths; () where there are none. Raises DataError for anything else."""
    outline = read_outline(segmentation)
    if outline is None:
        raise DataError(
            f"{where} has a segmentation that is neither a list of polygons [x, y, x, y, ...] of "
            "three corners or more nor run lengths that fill their size. Correct or remove it."
        )
    return outline


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height; some programs write 0 or nothing where they do not know them."""
    width, height = (as_number(image.get(side)) or 0 for side in ("width", "height"))
    return (round(width), round(height)) if min(width, height) > 0 else None


def _annotation(box: LabeledBox, numbers: Mapping[str, int]) -> dict[str, Any]:
    """The box as COCO writes it, without its ids."""
    left, top, right, bottom = box.box
    outline: Any = (
        [list(polygon) for polygon in box.outline]
        if not isinstance(box.outline, RunLengths)
        else {"size": [box.outline.height, box.outline.width], "counts": list(box.outline.counts)}
    )
    return {
        "category_id": numbers[box.label],
        "bbox": [left, top, right - left, bottom - top],
        "area": box.area if box.area is not None else (right - left) * (bottom - top),
        "iscrowd": int(box.is_crowd),
        "segmentation": outline,
    }
