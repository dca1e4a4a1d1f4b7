"""Fields that are read from a file are those of the class that it holds."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import pytest

from graft.base import plugins
from graft.base.fields import declared_fields, read_class_variable

PLUGINS = [(axis, name) for axis in ("technique", "task") for name in plugins.names(axis)]


@pytest.mark.parametrize(("axis", "name"), PLUGINS)
def test_the_fields_of_plugins_are_those_of_the_imported_class(axis: str, name: str) -> None:
    cls = plugins.load(axis, name)
    hints = typing.get_type_hints(cls, include_extras=True)
    imported = [
        (field.name, hints[field.name], field.default)
        for field in dataclasses.fields(cls)
        if field.init and field.default is not dataclasses.MISSING
    ]
    read = [(field.name, field.hint, field.default) for field in plugins.fields(axis, name)]
    assert read == imported
    if axis == "task":
        assert plugins.class_variable(axis, name, "options") == cls.options


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A user's plugin with a base beside it, one that cannot be imported, and odd defaults."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from typing import ClassVar, Literal\n"
        "from fractions import Fraction\n"
        "from nowhere_to_be_found import Base, Thing\n"
        "Side = Literal['left', 'right']\n"
        "class Above(Base):\n"
        "    options: ClassVar[tuple[str, ...]] = ('side',)\n"
        "    side: Side = 'left'\n"
        "    size: int = -1\n"
        "class Mine(Above):\n"
        "    needed: int\n"
        "    thing: Thing = 3\n"
        "    part: Fraction = Fraction(1, 2)\n"
        "    size: int = 2\n"
    )
    return path


def test_bases_come_first_and_a_field_keeps_its_place(file: Path) -> None:
    fields = {field.name: field for field in declared_fields(file, "Mine")}
    assert list(fields) == ["side", "size", "thing", "part"]
    assert fields["size"].default == 2
    assert fields["side"].hint == typing.Literal["left", "right"]
    assert read_class_variable(file, "Mine", "options") == ("side",)


def test_what_cannot_be_read_is_as_the_file_has_it(file: Path) -> None:
    fields = {field.name: field for field in declared_fields(file, "Mine")}
    assert fields["thing"].hint == "Thing"
    assert fields["part"].default == "Fraction(1, 2)"
