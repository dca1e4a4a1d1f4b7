"""Names of tasks stand where the tasks are: what works for any task names none of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import graft
from graft.base import plugins
from tests.architecture.trees import parse

SOURCE = Path(graft.__file__).parent
NAMES = re.compile(rf"(?<![\w-])(?:{'|'.join(plugins.names('task'))})(?![\w-])")
PARTS = ("backbones", "data", "reports", "studies", "techniques", "training")
FILES = [path for part in PARTS for path in sorted((SOURCE / part).rglob("*.py"))]
ALLOWED = {
    ("data/tables/table.py", "translation"): "a column of Hugging Face's data sets",
}


def texts(path: Path) -> Iterator[str]:
    """The strings of a file but for those that stand alone, which are documentation."""
    tree = parse(path)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documentation
        ):
            yield node.value


def test_no_string_names_a_task() -> None:
    named = {
        (path.relative_to(SOURCE).as_posix(), name)
        for path in FILES
        for text in texts(path)
        for name in NAMES.findall(text)
    }
    assert named - set(ALLOWED) == set()


def test_backbones_do_not_even_mention_a_task() -> None:
    files = sorted((SOURCE / "backbones").rglob("*.py"))
    named = {path.name: NAMES.findall(path.read_text(encoding="utf-8")) for path in files}
    assert {path: names for path, names in named.items() if names} == {}
