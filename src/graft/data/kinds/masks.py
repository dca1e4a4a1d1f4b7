"""Pictures, each with a mask: the class of each of its pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from graft.base.counts import plural
from graft.base.env import cores
from graft.base.errors import DataError, listed
from graft.base.records import LabeledBox, Sample
from graft.data.checks.classes import SHOWN
from graft.data.checks.finding import Finding, counts, verb
from graft.data.data import Data
from graft.data.images.open import image_size
from graft.data.kinds.kind import Kind, make_splits
from graft.data.masks.class_files import find_class_file
from graft.data.masks.coding import Coding, check_codings, hexadecimal, number_coding
from graft.data.masks.discover import find_coding
from graft.data.masks.open import Mask, check_size, count_classes, mask_size
from graft.data.masks.outlines import Outlines, outline_coding
from graft.data.tables.cells import is_missing
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.inputs import IMAGE, are_pictures, find_picture, read_inputs
from graft.data.tables.rows import Rows

MASK = (
    "mask", "masks", "mask_path", "mask_file", "mask_filename", "segmentation",
    "segmentation_mask", "semantic_segmentation", "seg", "seg_path", "annotation", "annotations",
    "label_path", "label", "labels", "target",
)  # fmt: skip
"""Names of columns that hold masks, the likeliest first."""
MOST_COUNTED = 200
"""Masks of a split whose pixels are counted; of more, evenly spread ones."""
RARE = 1e-3
"""The share of the pixels below which a class is rare."""


@dataclass
class _Looked:
    """What was seen of some masks of a split."""

    count: int
    """How many they are."""
    pixels: Counter[str]
    """Class -> its pixels, 0 of those that do not occur."""
    masks: Counter[str]
    """Class -> in how many of the masks it occurs."""
    problems: dict[str, str]
    """The id of a sample -> why its mask cannot be read."""
    ignored: int = 0
    """Pixels that count for nothing."""


class Masks(Kind):
    """A picture and its `mask`, which says of each pixel its class; None if it is not known."""

    inputs: ClassVar = (frozenset({"image"}),)
    target: ClassVar = "mask"
    columns: ClassVar = {"image": IMAGE, "mask": MASK}
    precedence: ClassVar = 3  # a column of pictures named `label` holds masks, not classes

    def match(self, columns: Columns) -> Match | None:
        """A column of pictures, and another one of pictures named as masks are."""
        fits = {"mask": are_pictures, "image": are_pictures}
        if not columns.needs_target and "mask" not in columns.asked:
            return self._match_inputs(columns)
        match = columns.match(self.columns, fits, ("mask",), Fit.OWN_NAMES)
        if match is None or match.columns["image"] == match.columns["mask"]:
            return None
        roles = {**match.columns, "image": match.columns["image"] or _others(columns, match)}
        columns.require(roles, ("image", "mask"))
        is_label = roles["mask"] == columns.find_named(("label", "labels"))[:1]
        return Match(roles, Fit.LABEL if is_label else Fit.OWN_NAMES)

    def _match_inputs(self, columns: Columns) -> Match | None:
        """The column of pictures that are to be predicted, for a task of masks."""
        if not columns.for_task:
            return None
        images = columns.one("image", self.columns, are_pictures)
        return Match({"image": images}, Fit.ONE_COLUMN) if images else None

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        inputs = [read_inputs(rows) for rows in tables]
        masks = [_masks(rows) for rows in tables]
        known = [
            (rows.name(row), mask)
            for rows, part in zip(tables, masks, strict=True)
            for row, mask in enumerate(part)
            if mask is not None
        ]
        if not known:
            return [[{**value, "mask": None} for value in values] for values in inputs]
        classes = find_class_file(rows.table.folder for rows in tables if rows.table.folder)
        coding, notes = find_coding(known, classes, are_instances=False)
        check_codings([coding])
        tables[0].notes.update(dict.fromkeys([*notes, *([classes.note] if classes else [])]))
        return [
            [
                {**value, "mask": None if mask is None else Mask(mask, coding)}
                for value, mask in zip(values, part, strict=True)
            ]
            for values, part in zip(inputs, masks, strict=True)
        ]

    def adopt(self, data: Data) -> Data | None:
        """Draw the outlines of objects, as COCO has them, on a background."""
        objects = _objects(data)
        bare = sum(not each.outline for each in objects)
        if bare == len(objects):
            return None
        coding = outline_coding(sorted({each.label for each in objects}), "the outlines")

        def drawn(sample: Sample) -> Sample:
            roles = {role: value for role, value in sample.roles.items() if role != "boxes"}
            boxes = sample.roles.get("boxes")
            outlines = None if boxes is None else Outlines(roles["image"], boxes)
            mask = None if outlines is None else Mask(outlines, coding)
            return Sample(sample.id, {**roles, "mask": mask})

        splits = {split: list(map(drawn, part)) for split, part in data.splits.items()}
        notes = ["The outlines of objects are drawn as masks, small objects on top of large ones."]
        if bare:
            notes.append(
                f"{bare:,} of {plural(len(objects), 'object')} have no outline but their box: "
                "pixels in it are ignored where no other object is."
            )
        return replace(data, splits=splits, kind=self.name, notes=[*data.notes, *notes])

    def describe_lack(self, data: Data) -> str | None:
        objects = _objects(data)
        if not objects or any(each.outline for each in objects):
            return None
        return (
            "Masks are drawn from the outlines of objects, and of "
            f"{plural(len(objects), 'object')} none has an outline but its box. Add them to the "
            "annotations, in COCO as 'segmentation' (polygons or run lengths), or give a mask "
            "image for each picture. From boxes alone a network learns to find objects, not their "
            "pixels."
        )

    def row(self, sample: Sample) -> dict[str, Any]:
        mask = sample.roles.get("mask")
        return {**sample.roles, "mask": mask.source if isinstance(mask, Mask) else mask}

    def counts(self, splits: dict[str, list[Sample]]) -> dict[str, Counter[str]]:
        """Split -> pixels of each class, in `MOST_COUNTED` of its masks at most."""
        return {split: self._look(samples).pixels for split, samples in splits.items()}

    def classes(self, samples: Sequence[Sample]) -> set[str]:
        """The names in the codings of the masks, none of which is opened."""
        return {name for coding in _codings(samples) for name in coding.classes}

    def problem(self, samples: Sequence[Sample]) -> str | None:
        classes = sorted(self.classes(samples))
        if len(classes) > 1:
            return None
        only = f"the masks have only one class, {classes[0]!r}" if classes else "there is no class"
        return f"{only}. At least two are needed, of which one may be the background"

    def mismatch(
        self, training: Sequence[Sample], held_out: Mapping[str, Sequence[Sample]]
    ) -> str | None:
        known = self.classes(training)
        for split, samples in held_out.items():
            if unseen := sorted(self.classes(samples) - known):
                return (
                    f"{split} has classes that the masks of training do not name: {listed(unseen)}"
                )
        return None

    def findings(self, data: Data) -> list[Finding]:
        noun = f"pictures with masks of {plural(len(data.classes), 'class')}"
        findings = [counts(data.splits, noun)]
        for split, samples in data.splits.items():
            masked, looked = _masked(samples), self._look(samples)
            with ThreadPoolExecutor(max_workers=cores()) as pool:
                sizes = list(zip(masked, pool.map(_size_problem, masked), strict=True))
            wrong = {sample.id: problem for sample, problem in sizes if problem}
            problems = {**looked.problems, **wrong}
            findings += _broken(split, problems, len(masked))
            findings += _shares(split, looked, len(masked))
        return findings

    def difference(self, one: Sample, other: Sample) -> str:
        return f"{one.id} and {other.id} have different masks"

    def tiny(self) -> dict[str, Data]:
        rng = np.random.default_rng(0)
        colors = ((0, 0, 0), (0, 176, 0), (255, 0, 0))
        by_number = number_coding({0: "0", 3: "3", 7: "7", 255: None}, "the masks")
        by_color = Coding(colors=tuple((c, hexadecimal(c)) for c in colors), origin="the masks")

        def roles(codes: np.ndarray, coding: Coding) -> dict[str, Any]:
            height, width = codes.shape[:2]
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            return {"image": pixels, "mask": Mask(codes, coding)}

        def indexed(split: str, i: int) -> dict[str, Any]:
            codes = np.array([0, 3, 7, 255], np.uint8)[np.arange(35).reshape(5, 7) // 3 % 4]
            return roles(np.roll(codes, i, axis=1), by_number)

        def colored(split: str, i: int) -> dict[str, Any]:
            codes = np.array(colors, np.uint8)[np.arange(24).reshape(6, 4) // 2 % 3]
            return roles(np.roll(codes, i, axis=0), by_color)

        return {
            "indices": Data(make_splits(indexed, 6), kind=self.name),
            "colors": Data(make_splits(colored, 4, ["train", "test"]), kind=self.name),
        }

    def _look(self, samples: Sequence[Sample]) -> _Looked:
        """Count the pixels of some masks, one mask in memory at a time for each core."""
        masked = _masked(samples)
        some = masked[:: max(1, -(-len(masked) // MOST_COUNTED))]
        names = sorted(self.classes(masked))
        looked = _Looked(len(some), Counter(dict.fromkeys(names, 0)), Counter(), {})
        with ThreadPoolExecutor(max_workers=cores()) as pool:
            for sample, (pixels, problem) in zip(
                some, pool.map(partial(_count, names), some), strict=True
            ):
                if problem:
                    looked.problems[sample.id] = problem
                looked.pixels.update(pixels)
                looked.masks.update(pixels.keys())
        looked.ignored = looked.pixels.pop("", 0)
        return looked


def _count(names: Sequence[str], sample: Sample) -> tuple[Counter[str], str | None]:
    """The pixels of each class in the mask of a sample, and why it cannot be read, if so."""
    try:
        return count_classes(sample.roles["mask"], names, sample.id), None
    except DataError as error:
        return Counter(), str(error)


def _size_problem(sample: Sample) -> str | None:
    """Why the mask does not cover the upright picture, by the headers of their files."""
    mask = sample.roles["mask"]
    try:
        size = image_size(sample.roles["image"], sample.id)
        check_size(mask, mask_size(mask, sample.id), size, sample.id)
    except DataError as error:
        return str(error)
    return None


def _broken(split: str, problems: Mapping[str, str], num_masks: int) -> list[Finding]:
    """An error that says which masks cannot be used, and why."""
    if not problems:
        return []
    more = f" And {len(problems) - 3:,} more." if len(problems) > 3 else ""
    words = (
        f"{split}: {len(problems):,} of {plural(num_masks, 'mask')} cannot be used. "
        f"{' '.join(list(problems.values())[:3])}{more}"
    )
    return [Finding("masks", "error", words, tuple(problems))]


def _nothing_to_learn(split: str, looked: _Looked, num_masks: int) -> list[Finding]:
    """An error if no pixel of a split counts, or if all that are to learn have one class."""
    names = [name for name, count in looked.pixels.items() if count]
    is_learned = split in ("train", "all")
    if len(names) > is_learned or not looked.ignored + looked.pixels.total():
        return []
    held = f"of one class, {names[0]!r}" if names else "ignored"
    words = (
        f"{split}: all pixels of {plural(looked.count, 'mask')} are {held}, so there is nothing "
        f"to {'learn' if is_learned else 'measure'}. Say in a classes.json which numbers or colors "
        "are which class, or correct the masks; their transparency is not read."
    )
    is_sure = looked.count == num_masks and not looked.problems
    return [Finding("not-learnable", "error" if is_sure else "warning", words)]


def _shares(split: str, looked: _Looked, num_samples: int) -> list[Finding]:
    """How much of the pixels each class has, and which classes are rare or missing."""
    known = looked.pixels.total()
    if not known:
        return _nothing_to_learn(split, looked, num_samples)
    shares = {name: count / known for name, count in looked.pixels.most_common()}
    where = f"{split}, pixels of {plural(looked.count, 'mask')}" + (
        f" of {num_samples:,}" if looked.count < num_samples else ""
    )
    listing = ", ".join(f"{name} {share:.1%}" for name, share in list(shares.items())[:SHOWN])
    more = f" and {len(shares) - SHOWN:,} more" if len(shares) > SHOWN else ""
    ignored = looked.ignored / (known + looked.ignored)
    rest = f"; {ignored:.1%} of all pixels are ignored" if looked.ignored else ""
    findings = [Finding("pixels", "info", f"{where}: {listing}{more}{rest}.")]
    if missing := [name for name, share in shares.items() if not share]:
        words = f"{where}: classes that do not occur: {listed(sorted(missing))}."
        findings.append(Finding("missing-class", "warning", words))
    findings += _nothing_to_learn(split, looked, num_samples)
    if split in ("train", "all") and (rare := [n for n, s in shares.items() if 0 < s < RARE]):
        words = (
            f"{where}: {listed(f'{name} ({shares[name]:.2%})' for name in rare)} "
            f"{verb(rare)} rare: a network may never predict what has so few pixels. Weigh the "
            "classes (--weighted), or choose a loss of overlap (criterion=dice)."
        )
        findings.append(Finding("rare-class", "warning", words))
    return findings


def _masked(samples: Sequence[Sample]) -> list[Sample]:
    """The samples whose mask is known."""
    return [sample for sample in samples if sample.roles.get("mask") is not None]


def _objects(data: Data) -> list[LabeledBox]:
    """All objects in the pictures of the data."""
    samples = (sample for part in data.splits.values() for sample in part)
    return [each for sample in samples for each in sample.roles.get("boxes") or ()]


def _codings(samples: Sequence[Sample]) -> list[Coding]:
    """The codings of the masks, each once."""
    masks = (sample.roles.get("mask") for sample in samples)
    return list({id(mask.coding): mask.coding for mask in masks if mask is not None}.values())


def _others(columns: Columns, match: Match) -> list[str]:
    """The first column of pictures that is not the one of masks."""
    taken = match.columns["mask"]
    return [name for name in columns if name not in taken and are_pictures(columns[name])][:1]


def _masks(rows: Rows) -> list[Any]:
    """The mask of each row as a file, its bytes or pixels; None where it is not known."""
    if rows.needs_target:
        rows.require(["mask"])
    cells = [None if is_missing(value) else value for value in rows.column("mask")]
    rows.check_target([cell is None for cell in cells])
    return [None if cell is None else find_picture(cell, rows) for cell in cells]
