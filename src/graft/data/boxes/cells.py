"""Boxes in the cells of tables: lists of them, or one a row in columns of edges."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graft.base.records import LabeledBox, RunLengths
from graft.data.boxes.drawn import DrawnBox, describe_written
from graft.data.boxes.outlines import Edges, Outline, read_outline, read_run_lengths
from graft.data.tables.cells import as_list, as_number, is_missing, plain

NAN: Edges = (math.nan,) * 4
LABELS = (
    "label", "labels", "class", "classes", "category", "categories", "name", "class_name",
    "labelname", "label_name", "category_name", "class_id", "category_id", "object", "species",
    "type",
)  # fmt: skip
"""Names of the class of a box, in columns and in objects."""
PLACES = ("box", "boxes", "bbox", "bboxes", "bounding_box", "bounding_boxes")
"""Names of what holds the four numbers of a box."""
CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"), ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"), ("x1", "y1", "x2", "y2"), ("xtl", "ytl", "xbr", "ybr"),
    ("bbox_xmin", "bbox_ymin", "bbox_xmax", "bbox_ymax"),
    ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"),
)  # fmt: skip
"""Names of left, top, right and bottom."""
SIZED = (
    ("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"),
    ("xmin", "ymin", "width", "height"), ("x_min", "y_min", "width", "height"),
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"), ("bbox_x", "bbox_y", "bbox_w", "bbox_h"),
)  # fmt: skip
"""Names of left, top, width and height."""
CROWDS = ("is_crowd", "iscrowd", "isgroupof", "is_group_of", "crowd")
FEWEST = 20
"""So many lists of four numbers show whether they end in width and height: in that form, some boxes
are narrower than their distance from the left edge of the picture."""
_DECIMAL_COMMA = re.compile(r"\s*(-?\d+),(\d+)\s*")


@dataclass(frozen=True)
class Cell:
    """A box as a table has it: four numbers, in an order that the whole table decides."""

    where: str
    label: str
    numbers: Edges
    order: str
    """`corners`, `sized` (x, y, width, height) or `list`, where either is possible."""
    is_crowd: bool = False
    area: float | None = None
    outline: Outline = ()
    precision: float = 0.0
    written: str = ""
    """What the table has in place of four numbers, for messages."""

    def draw(self, is_sized: bool) -> DrawnBox:
        """The box, its numbers being corners or, if `is_sized`, x, y, width and height."""
        x, y, right, bottom = self.numbers
        edges = (x, y, x + right, y + bottom) if is_sized else self.numbers
        more = self.area, self.outline, self.precision, self.written
        return DrawnBox(self.where, self.label, edges, self.is_crowd, *more)


def read_cell(value: Any, labels: Any, where: str) -> list[Cell] | None:
    """The boxes in a cell; `labels` are their classes where another column holds these.

    Objects with a box and a class each, or an object of lists of boxes and of classes, as Hugging
    Face's data sets have them; None for anything else.
    """
    if isinstance(value, Mapping):
        value = _transpose(value)
    items = as_list(value)
    if items is None:
        return None
    if items and all(map(is_box_list, items)):
        names = as_list(labels) if labels is not None else None
        if names is not None and len(names) != len(items):
            return None
        names = names or [""] * len(items)
        items = [{"bbox": box, "label": name} for box, name in zip(items, names, strict=True)]
    if not all(isinstance(item, Mapping) and _outline(item) is not None for item in items):
        return None
    return [read_object(item, f"{where}, box {n}") for n, item in enumerate(items, 1)]


def is_box_list(value: Any) -> bool:
    """Whether this is a list of four numbers."""
    items = as_list(value)
    return items is not None and len(items) == 4 and all(as_number(n) is not None for n in items)


def read_object(item: Mapping[str, Any], where: str) -> Cell:
    """The box of an object or a row, by the names of its keys, in whatever case."""
    low = _lower_keys(item)
    label = next((low[key] for key in LABELS if not is_missing(low.get(key))), "")
    written, order = _numbers(low)
    numbers = tuple(read_number(n) for n in written)
    area = as_number(low.get("area"))
    crowd = next((low[key] for key in CROWDS if key in low), None)
    return Cell(
        where,
        str(plain(label)),
        numbers,
        order,
        is_crowd=is_true(crowd),
        area=area,
        outline=_outline(low) or (),
        precision=max(map(precision, written)),
        written="" if all(map(math.isfinite, numbers)) else _describe_place(low, written),
    )


def is_true(mark: Any) -> bool:
    """Whether a mark says yes: 1, true, or one of them as a text."""
    return mark is True or as_number(mark) == 1 or str(mark).strip().lower() == "true"


def read_number(value: Any) -> float:
    """The number of a cell, with a decimal comma too; NaN for anything else."""
    if isinstance(value, str) and (match := _DECIMAL_COMMA.fullmatch(value)):
        value = ".".join(match.groups())
    known = as_number(value)
    return math.nan if known is None else known


def precision(value: Any) -> float:
    """Half a unit of the last decimal of a number that is written out; 0 for others."""
    match = re.fullmatch(r"\s*-?\d*[.,](\d{1,15})\s*", value) if isinstance(value, str) else None
    return 0.5 * 10.0 ** -len(match[1]) if match else 0.0


def are_sized(cells: Sequence[Cell]) -> bool:
    """Whether lists of four numbers, of no declared form, are x, y, width and height."""
    lists = [cell.numbers for cell in cells if cell.order == "list"]
    fit_corners = all(x <= right and y <= bottom for x, y, right, bottom in lists)
    return not fit_corners or len(lists) < FEWEST


def make_object(box: LabeledBox) -> dict[str, Any]:
    """The box as JSON, from which `read_object` makes it again."""
    pixels = box.outline if isinstance(box.outline, RunLengths) else None
    more = {
        "is_crowd": box.is_crowd or None,
        "area": box.area,
        "polygons": [list(polygon) for polygon in box.outline] if not pixels else None,
        "rle": {"size": [pixels.height, pixels.width], "counts": list(pixels.counts)}
        if pixels else None,
    }  # fmt: skip
    return {"label": box.label, "box": list(box.box)} | {k: v for k, v in more.items() if v}


def make_row(box: LabeledBox) -> dict[str, Any]:
    """The box as cells of a row."""
    edges = dict(zip(CORNERS[0], map(float, box.box), strict=True))
    return {"label": box.label, **edges} | ({"is_crowd": 1.0} if box.is_crowd else {})


def _numbers(low: Mapping[str, Any]) -> tuple[Sequence[Any], str]:
    """The four numbers of a box, and their order."""
    for key in PLACES:
        held = low.get(key)
        if isinstance(held, Mapping):
            return _numbers(_lower_keys(held))
        if is_box_list(held):
            return as_list(held), "corners" if key == "box" else "list"
    for forms, order in ((CORNERS, "corners"), (SIZED, "sized")):
        for names in forms:
            if all(name in low for name in names):
                return [low[name] for name in names], order
    return NAN, "corners"


def _describe_place(low: Mapping[str, Any], written: Sequence[Any]) -> str:
    """What an object has in place of the four numbers of a box."""
    held = next((low[key] for key in PLACES if low.get(key) is not None), None)
    return describe_written([held] if written is NAN else written)


def _outline(item: Mapping[str, Any]) -> Outline | None:
    """The outline of an object, () if it has none; None if it cannot be read."""
    low = _lower_keys(item)
    if isinstance(runs := low.get("rle"), Mapping):
        return read_run_lengths(runs)
    polygons = as_list(low.get("polygons")) or []
    return read_outline([[as_number(n) for n in as_list(each) or ()] for each in polygons])


def _lower_keys(item: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).strip().lower(): value for key, value in item.items()}


def _transpose(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """From an object of lists of one length to a list of objects."""
    lists = {key: as_list(values) for key, values in value.items()}
    lists = {key: values for key, values in lists.items() if values is not None}
    if len({len(values) for values in lists.values()}) != 1:
        return None
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
