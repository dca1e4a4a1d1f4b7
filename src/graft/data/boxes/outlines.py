"""Outlines of objects: polygons, and the pixels of COCO's run lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from graft.base.records import RunLengths
from graft.data.tables.cells import as_number

Point = tuple[float, float]
Outline = tuple[tuple[float, ...], ...] | RunLengths
Edges = tuple[float, float, float, float]


def list_corners(polygon: Sequence[float]) -> list[Point]:
    """The corners (x, y) of a polygon."""
    return [(polygon[i], polygon[i + 1]) for i in range(0, len(polygon) - 1, 2)]


def move_corners(outline: Outline, move: Callable[[float, float], Point]) -> Outline:
    """Move each corner of the polygons; run lengths have no corners and stay."""
    if isinstance(outline, RunLengths):
        return outline
    return tuple(
        tuple(number for x, y in list_corners(polygon) for number in move(x, y))
        for polygon in outline
    )


def find_extent(outline: Outline) -> Edges:
    """The smallest box around an outline that is not empty."""
    if isinstance(outline, RunLengths):
        return _find_extent_of_runs(outline)
    corners = [point for polygon in outline for point in list_corners(polygon)]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def is_box(outline: Outline, edges: Edges) -> bool:
    """Whether the outline is the rectangle of the box itself, and so adds nothing to it."""
    if isinstance(outline, RunLengths) or len(outline) != 1 or len(outline[0]) not in (8, 10):
        return False
    left, top, right, bottom = edges
    corners = {(left, top), (right, top), (right, bottom), (left, bottom)}
    return set(list_corners(outline[0])) == corners


def read_outline(value: Any) -> Outline | None:
    """Polygons, or COCO's run lengths; () where there are none, None if it is something else."""
    if not value:
        return ()
    if isinstance(value, dict):
        return read_run_lengths(value)
    if isinstance(value, list) and all(map(_is_polygon, value)):
        return tuple(tuple(map(float, polygon)) for polygon in value)
    return None


def _is_polygon(polygon: Any) -> bool:
    """Whether this is [x, y, x, y, ...] of three corners or more."""
    return (
        isinstance(polygon, list)
        and len(polygon) >= 6
        and len(polygon) % 2 == 0
        and all(
            isinstance(number, int | float) and as_number(number) is not None for number in polygon
        )
    )


def read_run_lengths(value: Any) -> RunLengths | None:
    """COCO's RLE, its counts a list or a compressed text; None if it is something else."""
    try:
        height, width = map(int, value["size"])
        counts = value["counts"]
        counts = _unpack(counts) if isinstance(counts, str) else tuple(map(int, counts))
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    is_whole = sum(counts) == height * width and min(counts, default=0) >= 0
    return RunLengths(height, width, counts) if is_whole else None


def _unpack(text: str) -> tuple[int, ...]:
    """The counts in COCO's compressed text.

    Five bits a character, the lowest first, a sixth where more follow; from the third count on,
    each is the difference to the one before the last.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:  # the sign
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return tuple(counts)


def _find_extent_of_runs(runs: RunLengths) -> Edges:
    """The box around the pixels inside, which are counted column by column."""
    ends = list(accumulate(runs.counts))
    inside = [(ends[i - 1], ends[i]) for i in range(1, len(ends), 2) if runs.counts[i]]
    if not inside:
        return 0, 0, 0, 0
    height = runs.height
    columns = [(start // height, (end - 1) // height) for start, end in inside]
    is_tall = any(first < last for first, last in columns)  # a run goes on in the next column
    tops = [start % height for start, _ in inside]
    bottoms = [(end - 1) % height + 1 for _, end in inside]
    left, right = columns[0][0], columns[-1][1] + 1
    return (left, 0, right, height) if is_tall else (left, min(tops), right, max(bottoms))
