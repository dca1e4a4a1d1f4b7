"""Which columns of a table hold boxes: lists of them, or the edges of one box a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graft.data.boxes.cells import CORNERS, SIZED, is_box_list, read_cell
from graft.data.tables.cells import present
from graft.data.tables.columns import Columns

CORNER_ROLES = ("left", "top", "right", "bottom")
SIZE_ROLES = ("left", "top", "width", "height")
"""The roles of the columns of a table with one box a row, in either form."""
PICTURE_SIZES = (("width", "height"), ("image_width", "image_height"), ("img_width", "img_height"))
"""Names of columns that hold the size of the picture, where no box is given by its size."""


def find_edges(columns: Columns) -> dict[str, list[str]]:
    """The four columns of a box a row, asked for or known by their names, or none."""
    asked = {
        role: columns.asked[role] for role in CORNER_ROLES + SIZE_ROLES if role in columns.asked
    }
    if asked:
        form = SIZE_ROLES if {"width", "height"} & asked.keys() else CORNER_ROLES
        columns.require(asked, form)
        return asked
    for forms, roles in ((CORNERS, CORNER_ROLES), (SIZED, SIZE_ROLES)):
        for names in forms if columns.header else ():
            if len(known := columns.find_named(names)) == 4:
                return {role: [name] for role, name in zip(roles, known, strict=True)}
    return {}


def find_picture_size(columns: Columns, taken: set[str]) -> dict[str, list[str]]:
    """The columns of the width and height of the picture, or none."""
    for names in PICTURE_SIZES if columns.header else ():
        known = columns.find_named(names)
        if len(known) == 2 and not taken & {*known}:
            return {"width": known[:1], "height": known[1:]}
    return {}


def are_boxes(values: Sequence[Any]) -> bool:
    """Whether most of these are lists of boxes, one of them with a box, or all one box each.

    The others are named where the boxes are read.
    """
    cells = present(values)
    if cells and all(map(is_box_list, cells)):
        return True
    read = [read_cell(value, None, "") for value in cells]
    places = [cell.numbers for part in read for cell in part or ()]
    are_most = 2 * read.count(None) < len(read)
    return are_most and any(n == n for numbers in places for n in numbers)
