"""Pictures with boxes, each around an object of a class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.base.records import LabeledBox, RunLengths, Sample
from graft.data.boxes.cells import (
    CORNERS,
    CROWDS,
    LABELS,
    SIZED,
    Cell,
    are_sized,
    is_box_list,
    make_object,
    make_row,
    read_cell,
    read_object,
)
from graft.data.boxes.columns import (
    CORNER_ROLES,
    SIZE_ROLES,
    are_boxes,
    find_edges,
    find_picture_size,
)
from graft.data.boxes.drawn import DrawnPicture
from graft.data.boxes.findings import box_findings, labels_of
from graft.data.boxes.pictures import PictureFiles
from graft.data.boxes.place import place
from graft.data.checks.classes import balance_findings
from graft.data.checks.finding import Finding, counts
from graft.data.data import Data
from graft.data.kinds.kind import Kind, make_splits
from graft.data.listing import is_file
from graft.data.tables.cells import as_list, as_number, is_missing, present
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.inputs import IMAGE, image_columns, read_inputs
from graft.data.tables.rows import Rows, class_names, note_names

OBJECTS = ("objects", "boxes", "bboxes", "bbox", "box", "annotations")
NO_CLASS = "object"
"""The class of boxes in a table that names none."""
FEWEST = 7
"""Pictures in a stratum, so that a split of 15 % gets one of them."""
CLOSE = 1
"""Pixels by which the edges of boxes may differ that mean the same."""
_GATHERED = "boxes of a picture"


class Boxes(Kind):
    """A picture and a box around each object of a class: `image`, `boxes`, () if there is none."""

    inputs: ClassVar = (frozenset({"image"}),)
    target: ClassVar = "boxes"
    columns: ClassVar = {
        "image": IMAGE,
        "boxes": OBJECTS,
        "label": (),
        **dict(zip(CORNER_ROLES, zip(*CORNERS[:2], strict=True), strict=True)),
        "width": (),
        "height": (),
        "crowd": CROWDS,
    }
    precedence: ClassVar = -1
    is_stratified: ClassVar = True

    def match(self, columns: Columns) -> Match | None:
        roles = self._find_boxes(columns)
        image = image_columns(columns, {name for names in roles.values() for name in names})
        is_asked = bool({*self.columns} & {*columns.asked} - {"image", "label"})
        is_input = columns.for_task and not columns.needs_target
        if not is_asked and not (image and (roles or is_input)):
            return None
        roles = {"image": image, **roles}
        needed = ["image"] if "left" in roles or not columns.needs_target else ["image", "boxes"]
        columns.require(roles, needed)
        fit = Fit.PLACES if len(roles) > 1 else Fit.ONE_COLUMN
        return Match({role: names for role, names in roles.items() if names}, fit)

    def _find_boxes(self, columns: Columns) -> dict[str, list[str]]:
        """The columns of lists of boxes, or of the four numbers of one box a row, with its class.

        Raises DataError if some of the four are asked for.
        """
        asked = columns.asked
        edges = find_edges(columns)
        lists = [] if edges else columns.one("boxes", self.columns, are_boxes)
        if not edges and not lists:
            return {}
        roles = edges or {"boxes": lists}
        taken = {name for names in roles.values() for name in names}
        is_parallel = bool(lists) and any(
            as_list(v) is not None for v in present(columns[lists[0]])
        )
        free = [name for name in columns.find_named(LABELS) if name not in taken and columns.header]
        if edges or is_parallel:
            roles["label"] = asked.get("label", free[:1])
        if "width" not in roles:
            roles |= find_picture_size(columns, taken)
        return roles | {"crowd": columns.first(CROWDS, lambda values: True)}

    def gather(self, rows: Rows) -> Rows:
        """One row a picture, where a table has one box a row."""
        if not _has_one_a_row(rows):
            return rows
        images = rows.column("image")
        rows.refuse(map(is_missing, images), "have no image", "Fill it in or remove the rows.")
        members: dict[Any, list[int]] = {}
        for row, image in enumerate(images):
            members.setdefault(_picture_key(image), []).append(row)
        for role in ("split", "group", "domain"):
            _check_same(rows, role, members.values())
        cells = [_read_row(rows, row) for row in range(len(rows))]
        _note_labels_alone(rows, cells)
        boxes = [[cells[row] for row in part if cells[row]] for part in members.values()]
        first = [part[0] for part in members.values()]
        columns = {
            name: [values[row] for row in first] for name, values in rows.table.columns.items()
        }
        nothing = [] if rows.needs_target else None
        columns[_GATHERED] = [part or nothing for part in boxes]
        table = replace(rows.table, columns=columns, rows=[rows.table.rows[row] for row in first])
        return replace(rows, table=table).with_columns({"boxes": [_GATHERED]})

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        notes = tables[0].notes
        cells = [_read_cells(rows) for rows in tables]
        every = [cell for part in cells for of_one in part for cell in of_one or ()]
        is_sized = are_sized(every)
        if any(cell.order == "list" for cell in every):
            form = "x, y, width and height" if is_sized else "left, top, right and bottom"
            notes[f"Boxes that are lists of four numbers are read as {form}."] = None
        is_named = any(cell.label for cell in every) or any(rows.has("label") for rows in tables)
        if every and not is_named:
            notes[f"Nothing names the class of a box; all are {NO_CLASS!r}."] = None
            cells = [[_name_object(of_one) for of_one in part] for part in cells]
        pictures = [_draw(rows, part, is_sized) for rows, part in zip(tables, cells, strict=True)]
        values, more = place([picture for part in pictures for picture in part])
        notes |= dict.fromkeys(more)
        rest = iter(values)
        return [[next(rest) for _ in part] for part in pictures]

    def row(self, sample: Sample) -> dict[str, Any]:
        """The boxes as objects: {"label": "cat", "box": [left, top, right, bottom]}."""
        boxes = sample.roles.get("boxes")
        known = {} if boxes is None else {"boxes": [make_object(box) for box in boxes]}
        return {**sample.roles, **known}

    def plain_rows(self, sample: Sample) -> list[dict[str, Any]]:
        """A row a box, without a box for a picture that has none. Raises DataError for outlines."""
        rest = {role: value for role, value in sample.roles.items() if role != "boxes"}
        boxes = sample.roles.get("boxes") or ()
        if any(box.area is not None or box.outline for box in boxes):
            raise DataError(
                f"{sample.id} has outlines, which a delimited table cannot hold. Write them as "
                "JSON lines or COCO."
            )
        return [{**rest, **make_row(box)} for box in boxes] or [rest]

    def strata(self, samples: Sequence[Sample]) -> list[str]:
        """The rarest class of each picture among those that are rarest in some others too.

        Nothing for a picture without objects, or with none of such a class: of data with many rare
        classes most pictures would else be alone in their stratum, and no split would get one.
        """
        held = [set(labels_of(sample)) for sample in samples]
        totals = Counter(name for names in held for name in names)
        strata = [""] * len(samples)
        for name in sorted(totals, key=lambda name: (totals[name], name)):
            rows = [row for row, names in enumerate(held) if name in names and not strata[row]]
            for row in rows if len(rows) >= FEWEST else ():
                strata[row] = name
        return strata

    def has_several(self, samples: Sequence[Sample]) -> bool:
        return True

    def counts(self, splits: dict[str, list[Sample]]) -> dict[str, Counter[str]]:
        """How many objects there are of each class."""
        return {
            split: Counter(name for sample in samples for name in labels_of(sample))
            for split, samples in splits.items()
        }

    def classes(self, samples: Sequence[Sample]) -> set[str]:
        return {name for sample in samples for name in labels_of(sample)}

    def problem(self, samples: Sequence[Sample]) -> str | None:
        return None if self.classes(samples) else "no picture has a box"

    def findings(self, data: Data) -> list[Finding]:
        """How many objects there are of what, how large they are, and which places have two."""
        total = counts(
            data.splits,
            f"pictures with objects of {plural(len(data.classes), 'class')}",
            lambda part: f" ({sum(len(labels_of(sample)) for sample in part):,} objects)",
        )
        return [
            total,
            *balance_findings(data, labels_of, "an object", "Look at the figures of each class."),
            *box_findings(data),
        ]

    def difference(self, one: Sample, other: Sample) -> str | None:
        pairs = list(zip(one.roles["boxes"], other.roles["boxes"], strict=False))
        edges = [abs(a - b) for x, y in pairs for a, b in zip(x.box, y.box, strict=True)]
        if labels_of(one) == labels_of(other) and max(edges, default=0) <= CLOSE:
            return None
        return " / ".join(
            f"{sample.id} has {plural(len(sample.roles['boxes']), 'box')} ({_describe(sample)})"
            for sample in (one, other)
        )

    def tiny(self) -> dict[str, Data]:
        rng = np.random.default_rng(0)
        names = ("traffic light", 'häm, "egg"', "犬; 猫")

        def picture(split: str, i: int) -> dict[str, Any]:
            """Up to three boxes, every fourth picture without one."""
            boxes = (
                LabeledBox(names[(i + n) % 3], (n + 0.25, i + 1.0, n + 9.5, i + 7.75))
                for n in range(i % 4)
            )
            pixels = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
            return {"image": pixels, "boxes": tuple(sorted(boxes, key=lambda box: box.label))}

        triangle = ((2.0, 2.0, 12.5, 2.0, 2.0, 9.0),)
        herd = RunLengths(24, 20, (26, 10, 14, 10, 420))

        def outlined(split: str, i: int) -> dict[str, Any]:
            crowd = LabeledBox("cow", (1.0, 2.0, 3.0, 12.0), True, 20.5, herd)
            cow = LabeledBox("cow", (2.0, 2.0, 12.5, 9.0 + i), area=36.75, outline=triangle)
            return {**picture(split, i), "boxes": (crowd, cow) if i % 2 else (cow,)}

        splits = ["train", "val"]
        return {
            "boxes": Data(make_splits(picture, 8, splits), kind=self.name),
            "unsplit": Data(make_splits(picture, 5, ["all"]), kind=self.name),
            "outlines": Data(make_splits(outlined, 4, splits), kind=self.name),
        }


def _has_one_a_row(rows: Rows) -> bool:
    if "left" in rows.columns:
        return True
    cells = present(rows.column("boxes"))
    return bool(cells) and all(map(is_box_list, cells))


def _picture_key(image: Any) -> Any:
    """What tells a picture from others: its name or bytes."""
    if isinstance(image, dict):
        image = image.get("path") or image.get("bytes")
    return image if isinstance(image, str | bytes | int | Path) else id(image)


def _check_same(rows: Rows, role: str, members: Iterable[list[int]]) -> None:
    """Raise DataError if the rows of one picture say different things of it."""
    values = rows.column(role)
    others = [False] * len(rows)
    for part in members:
        for row in part:
            others[row] = values[row] != values[part[0]] and f"{values[row]!r}"
    advice = "All rows of one picture need the same."
    rows.refuse(others, f"have another {role} than the first row of their picture", advice)


def _read_row(rows: Rows, row: int) -> Cell | None:
    """The box of a row, or None if it has none."""
    form, names = (SIZE_ROLES, SIZED[0]) if _are_sizes(rows) else (CORNER_ROLES, CORNERS[0])
    values = {role: rows.column(role)[row] for role in (*form, "boxes")}
    if all(map(is_missing, values.values())):
        return None
    edges = dict(zip(names, (values[role] for role in form), strict=True))
    box = {"bbox": values["boxes"]} if "boxes" in rows.columns else edges
    more = {"label": rows.column("label")[row], "is_crowd": rows.column("crowd")[row]}
    return read_object({**box, **more}, rows.table.row_id(row))


def _note_labels_alone(rows: Rows, cells: Sequence[Cell | None]) -> None:
    """Note rows that name a class and have no box: some tables name what is not in a picture."""
    labels = rows.column("label")
    pairs = enumerate(zip(cells, labels, strict=True))
    alone = [row for row, (cell, label) in pairs if cell is None and not is_missing(label)]
    if alone and rows.needs_target:
        shown = (f"{rows.table.row_id(row)} ({labels[row]})" for row in alone)
        rows.notes[f"Rows with a class and no box add no object: {listed(shown, 3)}."] = None


def _are_sizes(rows: Rows) -> bool:
    """Whether the columns of width and height are those of boxes, not of pictures."""
    return "left" in rows.columns and "right" not in rows.columns


def _picture_size(rows: Rows, row: int, cells: Sequence[Cell]) -> tuple[int, int] | None:
    """Width and height of the picture of a row, if the table says it.

    Columns of that name may also repeat the size of a box that is given by its corners.
    """
    if _are_sizes(rows):
        return None
    size = [as_number(rows.column(role)[row]) or 0 for role in ("width", "height")]
    corners = [cell.numbers for cell in cells if cell.order == "corners"]
    boxes = [(right - left, bottom - top) for left, top, right, bottom in corners]
    if min(size) <= 0 or any(math.dist(size, box) < CLOSE for box in boxes):
        return None
    return round(size[0]), round(size[1])


def _read_cells(rows: Rows) -> list[list[Cell] | None]:
    """The boxes of each row, with the names of their classes, None where they are not known."""
    rows.require(["image", "boxes"] if rows.needs_target else ["image"])
    values = rows.column("boxes")
    rows.check_target([value is None for value in values]) if rows.needs_target else None
    if rows.columns.get("boxes") == [_GATHERED]:
        cells = list(values)
    else:
        labels = rows.column("label")
        cells = [
            None if value is None else read_cell(value, label, rows.table.row_id(row))
            for row, (value, label) in enumerate(zip(values, labels, strict=True))
        ]
    unread = (cell is None and value is not None for cell, value in zip(cells, values, strict=True))
    advice = 'Write a list of {"label": "cat", "box": [left, top, right, bottom]}.'
    rows.refuse(unread, "have boxes that cannot be read", advice)
    return _with_names(rows, cells)


def _with_names(rows: Rows, cells: list[list[Cell] | None]) -> list[list[Cell] | None]:
    """The boxes with the names of their classes in place of numbers, if all are known."""
    labels = {cell.label for part in cells for cell in part or ()}
    role = "label" if rows.has("label") else "boxes"
    are_numbers = bool(labels) and all(map(str.isdecimal, labels))
    names = class_names(rows, role) if are_numbers else []
    if not are_numbers or not all(int(label) < len(names) for label in labels):
        return cells
    rows.notes[note_names(dict(enumerate(names)), "Classes")] = None
    return [
        part and [replace(cell, label=names[int(cell.label)]) for cell in part] for part in cells
    ]


def _name_object(cells: list[Cell] | None) -> list[Cell] | None:
    return cells and [replace(cell, label=NO_CLASS) for cell in cells]


def _draw(rows: Rows, cells: list[list[Cell] | None], is_sized: bool) -> list[DrawnPicture]:
    """The pictures of a table; those that are not below its folder are looked for beside it."""
    images = [value["image"] for value in read_inputs(rows)]
    folder = rows.table.folder
    files = PictureFiles(folder) if folder else None
    pictures = []
    for row, (image, part) in enumerate(zip(images, cells, strict=True)):
        if files and isinstance(image, Path) and not is_file(image):
            image = files.find(str(rows.column("image")[row]), folder) or image
        drawn = (
            part
            if part is None
            else [
                cell.draw(cell.order == "sized" or (cell.order == "list" and is_sized))
                for cell in part
            ]
        )
        size = _picture_size(rows, row, part or ())
        pictures.append(DrawnPicture(rows.table.row_id(row), image, drawn, size))
    return pictures


def _describe(sample: Sample) -> str:
    return (
        listed(
            (
                f"{box.label} {', '.join(f'{edge:g}' for edge in box.box)}"
                for box in sample.roles["boxes"]
            ),
            2,
        )
        or "none"
    )
