"""Boxes as files have them: the records that readers of formats and tables make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.data.boxes.outlines import Edges, Outline

_COPIES = ".rf."
"""Before this Roboflow keeps the name of a photograph of which it makes several copies."""


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """One box as it is written: its class, its left, top, right and bottom edge in some unit."""

    where: str
    """Where it stands, for messages: `labels/a.txt:3`."""
    label: str
    edges: Edges
    is_crowd: bool = False
    area: float | None = None
    outline: Outline = ()
    precision: float = 0.0
    """By how much a number may differ from what was meant: half a unit of its last decimal."""
    written: str = ""
    """What the file has in place of four numbers, for messages."""


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """A picture with the boxes that were drawn on it."""

    id: str
    image: Any
    boxes: Sequence[DrawnBox] | None
    """() of a picture without objects, None where nobody has looked for them."""
    size: tuple[int, int] | None = None
    """Width and height of the picture on which they were drawn, if the file has them."""
    has_shares: bool = False
    """Whether edges are shares of the width and height, from 0 to 1, instead of pixels."""

    @property
    def original(self) -> str | None:
        """What names the photograph of which this is one of several copies, turned or cropped."""
        name = self.image.name if isinstance(self.image, Path) else ""
        before, mark, _ = name.rpartition(_COPIES)
        return before if mark and before else None


def describe_written(values: Iterable[Any]) -> str:
    """What a file has as the edges of a box, for messages."""
    texts = ("" if value is None else str(value).strip() for value in values)
    return ", ".join(f"{text:.30}" or "nothing" for text in texts)
