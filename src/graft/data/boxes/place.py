"""From boxes as files have them to labeled boxes in pixels of the upright picture, all checked.

`place` reads the header of each picture, brings its boxes to pixels and drops what holds nothing.
What cannot be right stops it with the file and row of each such box; what it changed is in notes.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from graft.base.counts import plural
from graft.base.env import cores
from graft.base.errors import DataError, listed
from graft.base.records import LabeledBox, RunLengths
from graft.data.boxes.drawn import DrawnBox, DrawnPicture
from graft.data.boxes.outlines import Edges, is_box, move_corners
from graft.data.images.open import Header, read_header

DECIMALS = 6
"""Edges are rounded to a millionth of a pixel, so that x + width is the right edge that was meant.
"""
SHOWN = 5
FEWEST, PERCENT, LARGE = 10, 100, 200
"""So many boxes, none of which reaches beyond 100 in pictures whose sides are all at least twice as
long, are in per cent."""
PROBLEMS = {
    "number": (
        "Boxes with an edge that is not a finite number",
        "Write left, top, right and bottom as numbers.",
    ),
    "class": ("Boxes without a known class", "Name the class of each box."),
    "inverted": (
        "Boxes whose right edge is left of the left one, or whose bottom is above the top",
        "If the numbers are x, y, width and height, name them so; else swap the edges.",
    ),
    "outside": (
        "Boxes outside of their picture",
        "Edges are pixels of the picture, counted from its upper left corner. Correct or remove "
        "these boxes.",
    ),
    "size": (
        "Boxes on pictures that have another size than in the annotation",
        "Give the pictures on which the boxes were drawn, or scale the boxes and correct the size.",
    ),
    "unknown size": (
        "Boxes in shares of pictures that cannot be read",
        "Fix these pictures, or remove them with their boxes.",
    ),
    "run lengths": (
        "Run lengths that have another size than their upright picture",
        "Give the pictures on which the outlines were drawn, saved upright, or remove the "
        "segmentation.",
    ),
}  # fmt: skip
"""What stops the reading: what such boxes are, and what to do."""
CHANGES = {
    "clipped": "Boxes that reach beyond their picture, by up to {overhang:g} pixels, were clipped "
    "at its edge",
    "empty": "Boxes without an area were left out",
    "duplicate": "Boxes that repeat another one of their class were left out",
    "turned": "Boxes that were drawn on the picture before its EXIF tag turns it, as the size in "
    "the annotation says, were turned with it",
    "upright": "Boxes on pictures that an EXIF tag turns were taken as drawn on the upright "
    "picture",
}  # fmt: skip
"""What was changed or assumed, of so many boxes."""


@dataclass
class _Log:
    """What is wrong with boxes, and what was changed of them: kind -> where, in order."""

    boxes: int = 0
    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    changes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    overhangs: dict[str, float] = field(default_factory=dict)
    """Where a box was clipped -> by how many pixels."""

    def check(self) -> None:
        """Raise DataError if a box cannot be right."""
        sentences = [
            f"{PROBLEMS[kind][0]}: {len(where):,} of {self.boxes:,}, {listed(where, SHOWN)}. "
            f"{PROBLEMS[kind][1]}"
            for kind, where in self.problems.items()
        ]
        if sentences:
            raise DataError(" ".join(sentences))

    @property
    def notes(self) -> list[str]:
        """What was changed, the boxes that were clipped most first."""
        clipped = sorted(self.overhangs, key=lambda where: -self.overhangs[where])
        self.changes |= {"clipped": clipped} if clipped else {}
        furthest = max(self.overhangs.values(), default=0)
        return [
            f"{words.format(overhang=furthest)}: {len(self.changes[kind]):,} of {self.boxes:,}, "
            f"{listed(self.changes[kind], 3)}."
            for kind, words in CHANGES.items()
            if kind in self.changes
        ]


def place(pictures: Sequence[DrawnPicture]) -> tuple[list[dict[str, Any]], list[str]]:
    """The roles `image`, `boxes` and, of copies of one photograph, `group`; and notes.

    Boxes are sorted, so that equal ones are equal in whatever order they were drawn. Raises
    DataError.
    """
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        headers = list(pool.map(lambda p: read_header(p.image), pictures, chunksize=64))
    pictures, notes = _find_unit(pictures, headers)
    log = _Log(sum(len(picture.boxes or ()) for picture in pictures))
    boxes = [_place_boxes(*pair, log) for pair in zip(pictures, headers, strict=True)]
    log.check()
    groups = Counter(picture.original for picture in pictures)
    groups = {name: n for name, n in groups.items() if name is not None and n > 1}
    if groups:
        notes.append(
            f"{sum(groups.values()):,} pictures are copies of {plural(len(groups), 'photograph')}, "
            "as Roboflow names them (NAME.rf.…): those of one photograph are one group."
        )
    values = [
        {"image": picture.image, "boxes": part}
        | ({"group": picture.original} if picture.original in groups else {})
        for picture, part in zip(pictures, boxes, strict=True)
    ]
    return values, [*notes, *log.notes]


def _find_unit(
    pictures: Sequence[DrawnPicture], headers: Sequence[Header | None]
) -> tuple[Sequence[DrawnPicture], list[str]]:
    """The pictures with shares known as such, where pixels were expected, and a note.

    Raises DataError for boxes in per cent.
    """
    pairs = [
        (picture, header)
        for picture, header in zip(pictures, headers, strict=True)
        if picture.boxes and not picture.has_shares
    ]
    boxes = [box for picture, _ in pairs for box in picture.boxes]
    edges = [edge for box in boxes for edge in box.edges if math.isfinite(edge)]
    if edges and max(map(abs, edges)) <= 1 and any(edge % 1 for edge in edges):
        shares = [picture if picture.has_shares else replace(picture, has_shares=True)
                  for picture in pictures]  # fmt: skip
        return shares, ["No edge of a box is beyond 1: they are shares of width and height."]
    sides = [side for _, header in pairs if header for side in header.upright]
    is_small = len(boxes) >= FEWEST and sides and min(sides) >= LARGE
    if is_small and max(map(abs, edges), default=LARGE) <= PERCENT:
        raise DataError(
            f"None of {len(boxes):,} boxes reaches beyond {PERCENT}, and the pictures have "
            f"at least {min(sides)} pixels a side: the edges seem to be in per cent, as in "
            f"{boxes[0].where}. Multiply them by width / 100 and height / 100."
        )
    return pictures, []


def _place_boxes(picture: DrawnPicture, header: Header | None, log: _Log) -> tuple | None:
    """The labeled boxes of one picture."""
    if picture.boxes is None:
        return None
    size = header.upright if header else picture.size
    if problem := _size_problem(picture, header):
        log.problems[problem[0]] += [f"{box.where} ({problem[1]})" for box in picture.boxes]
        return ()
    turned = _is_drawn_on_stored(picture, header)
    placed: dict[tuple, LabeledBox] = {}
    for box in picture.boxes:
        box = _to_pixels(box, picture.size if turned else size) if picture.has_shares else box
        if header and header.orientation > 1:
            log.changes["turned" if turned else "upright"].append(box.where)
        if isinstance(runs := box.outline, RunLengths) and size not in (None, runs.size):
            log.problems["run lengths"].append("{} ({} x {})".format(box.where, *runs.size))
            continue
        box = _turn(box, header) if turned else box
        if (labeled := _check_box(box, size, log)) is None:
            continue
        key = (labeled.label, labeled.box, labeled.is_crowd)
        if placed.setdefault(key, labeled) is not labeled:
            log.changes["duplicate"].append(box.where)
    return tuple(placed[key] for key in sorted(placed))


def _size_problem(picture: DrawnPicture, header: Header | None) -> tuple[str, str] | None:
    """What is wrong with the size of a picture, and how large it is."""
    if header is None:
        return ("unknown size", picture.id) if picture.has_shares else None
    stored = (header.width, header.height)
    if picture.size in (None, stored, header.upright):
        return None
    sizes = (f"{width} x {height}" for width, height in (header.upright, picture.size))
    return "size", "{}, not {}".format(*sizes)


def _is_drawn_on_stored(picture: DrawnPicture, header: Header | None) -> bool:
    """Whether the annotation gives the size of the picture before it is turned upright."""
    if header is None or picture.size is None:
        return False
    return picture.size == (header.width, header.height) != header.upright


def _to_pixels(box: DrawnBox, size: tuple[int, int]) -> DrawnBox:
    """The box from shares to pixels, at whole pixels within the precision of its decimals."""
    edges = (
        _snap(edge * side, 1.5 * box.precision * side)
        for edge, side in zip(box.edges, size * 2, strict=True)
    )
    return replace(
        box,
        edges=tuple(edges),
        outline=move_corners(box.outline, lambda x, y: (x * size[0], y * size[1])),
        area=None,
    )


def _snap(edge: float, error: float) -> float:
    if not math.isfinite(edge):
        return edge
    return float(round(edge)) if abs(edge - round(edge)) <= error else edge


def _turn(box: DrawnBox, header: Header) -> DrawnBox:
    """The box from the picture as it is stored to the upright one, whose sides are swapped."""
    width, height = header.width, header.height
    move = {
        5: lambda x, y: (y, x),
        6: lambda x, y: (height - y, x),
        7: lambda x, y: (height - y, width - x),
        8: lambda x, y: (y, width - x),
    }[header.orientation]
    left, top, right, bottom = box.edges
    (x, y), (other_x, other_y) = move(left, top), move(right, bottom)
    edges = (min(x, other_x), min(y, other_y), max(x, other_x), max(y, other_y))
    # A box that ends before it begins must not be repaired by turning it.
    edges = edges if left <= right and top <= bottom else box.edges
    return replace(box, edges=edges, outline=move_corners(box.outline, move))


def _check_box(box: DrawnBox, size: tuple[int, int] | None, log: _Log) -> LabeledBox | None:
    """The box if it holds something, clipped at the edges of the picture if its size is known."""
    if problem := _find_problem(box, size):
        edges = (box.written if problem == "number" else "") or _format_edges(box.edges)
        log.problems[problem].append(f"{box.where} ({edges})")
        return None
    edges = tuple(round(float(edge), DECIMALS) for edge in box.edges)
    area = _area(edges)
    if not area:
        log.changes["empty"].append(f"{box.where} ({_format_edges(box.edges)})")
        return None
    outline = () if is_box(box.outline, edges) else box.outline
    is_known = box.area is not None and not math.isclose(box.area, area, rel_tol=1e-6)
    if size and (inside := _clip(edges, size)) != edges:
        beyond = max(abs(a - b) for a, b in zip(edges, inside, strict=True))
        log.overhangs[f"{box.where} ({_format_edges(box.edges)})"] = beyond
        edges = inside
    return LabeledBox(box.label, edges, box.is_crowd, box.area if is_known else None, outline)


def _find_problem(box: DrawnBox, size: tuple[int, int] | None) -> str | None:
    """Why the box cannot be right, if so."""
    if not all(map(math.isfinite, box.edges)):
        return "number"
    if not box.label:
        return "class"
    left, top, right, bottom = box.edges
    if right < left or bottom < top:
        return "inverted"
    is_outside = right <= 0 or bottom <= 0
    if size:
        is_outside = is_outside or left >= size[0] or top >= size[1]
    is_empty = right == left or bottom == top
    return "outside" if is_outside and not is_empty else None


def _clip(edges: Edges, size: tuple[int, int]) -> Edges:
    limits = size * 2
    return tuple(min(max(edge, 0.0), float(side)) for edge, side in zip(edges, limits, strict=True))


def _area(edges: Edges) -> float:
    return (edges[2] - edges[0]) * (edges[3] - edges[1])


def _format_edges(edges: Iterable[float]) -> str:
    return ", ".join(f"{edge:g}" for edge in edges)
