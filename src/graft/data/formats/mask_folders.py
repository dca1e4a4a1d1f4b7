"""Folders of pictures and their masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from graft.base.errors import DataError, listed
from graft.base.files import write_json
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.folders.mask_pairs import Pairs, find_pairs, has_masks, split_by_lists
from graft.data.formats.format import ReadOptions, endings
from graft.data.images.open import SUFFIXES, open_image
from graft.data.listing import glance, note_left_out
from graft.data.masks.class_files import NAMES, find_class_file
from graft.data.masks.coding import Coding, check_codings
from graft.data.masks.discover import find_coding
from graft.data.masks.open import Mask
from graft.data.masks.voc_classes import find_voc_classes


class MaskFolders:
    """Pictures and their masks, paired by name: `images/1.jpg` and `masks/1.png`.

    Folders of masks may be named `masks`, `labels`, `annotations`, `train_masks` or `trainannot`
    too, those of splits lie above or below them, or `1_mask.png` lies beside `1.jpg`. Pascal VOC's
    `SegmentationClass` is read with its lists, `ImageSets/Segmentation/train.txt`. A file beside
    the masks says what numbers or colors mean, as classes.json: {"sky": 0} or {"sky": [0, 0, 255]}.
    """

    suffixes: ClassVar = ()
    kinds: ClassVar = ("masks",)

    def sniff(self, path: Path) -> float:
        """0.97 for pictures with masks unless a table lies beside them, which says what is what."""
        tables = endings() - SUFFIXES - {".json", ".txt", ".xml"}
        if not path.is_dir() or any(
            file.suffix.lower() in tables and file.name not in NAMES for file in path.iterdir()
        ):
            return 0.0
        try:
            return 0.97 * has_masks(path)
        except DataError:  # two masks of one picture: reading says so
            return 0.97

    def read(self, path: Path, options: ReadOptions) -> Data:
        if not path.is_dir():
            raise DataError(
                f"{path} is a file. Give the folder that holds pictures and their masks."
            )
        pairs = find_pairs(path)
        if not pairs.count:
            raise self._no_pairs(path, pairs)
        if options.labels:
            pairs = split_by_lists(pairs, path)
        named = [mask for part in pairs.splits.values() for _, mask in part]
        classes = find_class_file(_places(path, named)) or find_voc_classes(path)
        coding, notes = find_coding(
            [(str(mask), mask) for mask in named], classes, pairs.are_instances
        )
        check_codings([coding])
        splits = _samples(path, pairs, coding, options.labels)
        left = [*notes, *([classes.note] if classes else [])]
        bare = [_name(file, path) for part in pairs.bare.values() for file in part]
        left += note_left_out(bare, "these pictures have no mask") if options.labels else []
        unused = [_name(file, path) for file in pairs.masks]
        left += note_left_out(unused, "no picture has their name")
        unlisted = [_name(file, path) for file in pairs.unlisted]
        left += note_left_out(unlisted, "no list in ImageSets/Segmentation names them")
        left += _boxes_too(path)
        return Data(splits, notes=left, kind="masks")

    def write_tiny(self, data: Data, path: Path) -> None:
        coding = _shared_coding(data)
        for split, samples in data.splits.items():
            folder = path if split == "all" else path / split
            for number, sample in enumerate(samples):
                for name, pixels in (
                    ("images", np.asarray(open_image(sample.roles["image"], sample.id))),
                    ("masks", sample.roles["mask"].source),
                ):
                    (folder / name).mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(folder / name / f"{number:04d}.png")
        write_json(path / "classes.json", _as_json(coding))

    def _no_pairs(self, path: Path, pairs: Pairs) -> DataError:
        bare = [_name(file, path) for part in pairs.bare.values() for file in part]
        masks = [_name(file, path) for file in pairs.masks]
        return DataError(
            f"{path} holds {len(bare):,} pictures ({listed(bare, 3)}) and {len(masks):,} masks "
            f"({listed(masks, 3)}), and no mask is named as a picture. Name them alike: "
            "images/1.jpg and masks/1.png, or 1.jpg and 1_mask.png."
        )


def _boxes_too(path: Path) -> list[str]:
    """Say that there are boxes too, and how to read them."""
    files = (file for file in glance(path, 4) if file.suffix.lower() == ".xml")
    if not any(file.parent.name == "Annotations" for file in files):
        return []
    return [
        "The masks are read. The folder holds boxes too, in Annotations: to read those, pass "
        "--format pascal-voc."
    ]


def _samples(path: Path, pairs: Pairs, coding: Coding, labels: bool) -> dict[str, list[Sample]]:
    """The pictures by split with their masks; without `labels` those that have none, too."""
    splits: dict[str, list[Sample]] = {}
    for split, part in pairs.splits.items():
        for picture, mask in part:
            roles: dict[str, Any] = {"image": picture, "mask": Mask(mask, coding)}
            splits.setdefault(split, []).append(Sample(_name(picture, path), roles))
    for split, bare in {} if labels else pairs.bare.items():
        samples = [Sample(_name(file, path), {"image": file, "mask": None}) for file in bare]
        splits.setdefault(split, []).extend(samples)
    return splits


def _places(path: Path, masks: Sequence[Path]) -> list[Path]:
    """Where a file of classes may be: in the folder, and in those around the masks."""
    around = [folder for mask in masks for folder in mask.parents if folder.is_relative_to(path)]
    return list(dict.fromkeys([path, *around]))


def _shared_coding(data: Data) -> Coding:
    """The one coding of all the masks. Raises DataError if these are not pixels with masks."""
    roles = [sample.roles for part in data.splits.values() for sample in part]
    masks = [each.get("mask") for each in roles]
    if not all(isinstance(mask, Mask) and isinstance(mask.source, np.ndarray) for mask in masks):
        raise DataError("A folder of masks holds pictures with masks. Use another format.")
    if any("image" not in each or set(each) - {"image", "mask", "group"} for each in roles):
        raise DataError("A folder of masks holds pictures with masks alone. Use another format.")
    return masks[0].coding


def _as_json(coding: Coding) -> dict[str, list[Any]]:
    """The coding as a file of classes."""
    entries: dict[str, list[Any]] = {}
    for low, high, name in coding.numbers:
        entries.setdefault(name or "void", []).append(f"{low}-{high}")
    for color, name in coding.colors:
        entries.setdefault(name or "void", []).append(list(color))
    return entries


def _name(file: Path, top: Path) -> str:
    return file.relative_to(top).as_posix()
