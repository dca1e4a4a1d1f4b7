"""What formats in XML share."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from graft.base.errors import DataError
from graft.data.boxes.cells import read_number


def parse_xml(file: Path) -> Element:
    """Read the root of an XML file. Raises DataError."""
    try:
        return ElementTree.fromstring(file.read_bytes())
    except (ElementTree.ParseError, ValueError, OSError, LookupError) as error:
        raise DataError(f"{file} is not valid XML: {error}. Fix or remove it.") from error


def read_size(width: str | None, height: str | None) -> tuple[int, int] | None:
    """Read width and height of a picture; programs that do not know them write 0 or nothing."""
    sides = read_number(width), read_number(height)
    return (int(sides[0]), int(sides[1])) if min(sides) > 0 else None
