"""The fields of a dataclass, read from its file: types, defaults and meanings, nothing imported.

Techniques and tasks import torch, which takes seconds; `graft info` needs their fields alone.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class DeclaredField:
    """One field with a default."""

    name: str
    hint: Any
    """Its type, or what the file says if that is unknown."""
    default: Any
    meaning: str
    """The text below it, in one line; that of the nearest base which has one."""
    owners: tuple[str, ...]
    """The names of the classes that give it a default, the base first."""


class _Assignment(NamedTuple):
    """One annotated assignment of a class."""

    name: str
    annotation: ast.expr
    value: ast.expr | None
    meaning: str


def declared_fields(file: Path, class_name: str) -> list[DeclaredField]:
    """Return the fields with a default of the class in the file, those of its bases first.

    As in a dataclass, a field that is declared again keeps its place, which it has even before a
    base gives it a default.
    """
    fields: dict[str, DeclaredField | None] = {}
    meanings: dict[str, str] = {}
    for scope, node in reversed(_lineage(file, class_name)):
        for name, annotation, default, meaning in _assignments(node):
            if _is_class_variable(annotation):
                continue
            fields.setdefault(name, None)
            meanings[name] = meaning or meanings.get(name, "")
            if default is not None and not _is_made(default):
                hint, value = _hint(annotation, scope), _literal(default)
                owners = (*(fields[name].owners if fields[name] else ()), node.name)
                fields[name] = DeclaredField(name, hint, value, meanings[name], owners)
    return [field for field in fields.values() if field is not None]


def read_class_variable(file: Path, class_name: str, name: str) -> Any:
    """Return the literal that the class or its nearest base assigns to a class variable."""
    for _, node in _lineage(file, class_name):
        for line in _assignments(node):
            if line.name == name and line.value is not None:
                return _literal(line.value)
    return None


class _Scope(dict):
    """The names of a module that occur in annotations, each looked up on first use."""

    def __init__(self, file: Path):
        super().__init__()
        self.tree = _parse(file)
        self.origins = {
            alias.asname or alias.name: (node.module or "", alias.name)
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            return getattr(builtins, name)
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
                return _evaluate(node.value, self)
        module, original = self.origins[name]
        if module.startswith("graft.") and not module.startswith("graft.base."):
            return _Scope(_file_of(module))[original]
        return getattr(importlib.import_module(module), original)


def _lineage(file: Path, class_name: str) -> list[tuple[_Scope, ast.ClassDef]]:
    """Return the class and its bases in Graft or in the same file, the class first."""
    scope = _Scope(file)
    classes = {node.name: node for node in scope.tree.body if isinstance(node, ast.ClassDef)}
    if class_name not in classes:
        return []
    lineage = [(scope, classes[class_name])]
    for base in map(ast.unparse, classes[class_name].bases):
        module, original = scope.origins.get(base, ("", base))
        if module.startswith("graft."):
            lineage += _lineage(_file_of(module), original)
        elif not module:
            lineage += _lineage(file, base)
    return lineage


def _assignments(node: ast.ClassDef) -> list[_Assignment]:
    """Return the annotated assignments of the class."""
    return [
        _Assignment(ast.unparse(line.target), line.annotation, line.value, text_below(node, number))
        for number, line in enumerate(node.body)
        if isinstance(line, ast.AnnAssign)
    ]


def text_below(node: ast.ClassDef | ast.Module, number: int) -> str:
    """Return the string that stands alone below a statement of the body, in one line; or ""."""
    for line in node.body[number + 1 : number + 2]:
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
            return " ".join(str(line.value.value).split())
    return ""


def _is_made(default: ast.expr) -> bool:
    """Whether the default is made anew for each object, so that nobody sets it by a text."""
    return isinstance(default, ast.Call) and ast.unparse(default.func) == "field"


def _is_class_variable(annotation: ast.expr) -> bool:
    return ast.unparse(annotation).startswith("ClassVar")


def _hint(annotation: ast.expr, scope: _Scope) -> Any:
    try:
        return _evaluate(annotation, scope)
    except (ImportError, LookupError, NameError, TypeError):
        return ast.unparse(annotation)


def _literal(expression: ast.expr) -> Any:
    try:
        return ast.literal_eval(expression)
    except ValueError:
        return ast.unparse(expression)


def _evaluate(expression: ast.expr, scope: _Scope) -> Any:
    code = compile(ast.Expression(expression), "<annotation>", "eval")
    return eval(code, {"__builtins__": {}}, scope)


def _file_of(module: str) -> Path:
    return Path(importlib.util.find_spec(module).origin)


@cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))
