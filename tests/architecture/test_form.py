"""The form of the code: small files, plain names, docstrings, plugins that stand alone."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import graft
from graft.base import plugins
from tests.architecture.trees import parse

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "graft"
FILES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN = {
    "utils",
    "util",
    "helpers",
    "helper",
    "misc",
    "common",
    "manager",
    "registry",
    "handler",
    "learner",
    "recipe",
}

LONGEST_BODY = 50
"""Lines of a function without its signature and docstring."""
EMPTY_NAMES = {"found", "own", "told", "said", "bad", "odd"}
"""Names of functions and locals that do not say what they hold."""
BRITISH = re.compile(
    r"(?<![\"`])\b(?:behaviour|centre|colour|favour|grey|labelled|learnt|licence|modelling|neighbour|spelt"
    r"|(?:initial|maxim|minim|normal|optim|organ|real|recogn|special|standard|summar)is(?:e|ed|es|ing)\b)",
    re.IGNORECASE,
)
"""British spellings, except names in quotes, under which users' files may have something."""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def plugin_files(axis: str) -> dict[str, Path]:
    folder = SOURCE / Path(*plugins.AXES[axis].split(".")[1:])
    return {
        name: folder / f"{name.replace('.', '__').replace('-', '_')}.py"
        for name in plugins.names(axis)
    }


@cache
def imported(path: Path) -> set[str]:
    """Return every module that a file imports; `from a import b` counts as `a` and `a.b`."""
    found = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def test_no_file_is_longer_than_400_lines() -> None:
    files = [*FILES, *sorted((ROOT / "tests").rglob("*.py"))]
    lengths = {relative(p): len(p.read_text(encoding="utf-8").splitlines()) for p in files}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def long_functions(module: ast.Module) -> list[str]:
    """The functions whose body has too many lines."""
    return [
        node.name
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and _length(node) > LONGEST_BODY
    ]


def _length(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def empty_names(module: ast.Module) -> list[str]:
    """The names of functions and locals that do not say what they hold."""
    names = []
    for node in ast.walk(module):
        is_local = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if isinstance(node, ast.FunctionDef | ast.arg) or is_local:
            attribute = {"FunctionDef": "name", "arg": "arg", "Name": "id"}[type(node).__name__]
            names.append((getattr(node, attribute), node.lineno))
    return [f"{name} in line {line}" for name, line in names if name.strip("_") in EMPTY_NAMES]


def without_docstring(module: ast.Module) -> list[str]:
    """The module, and what is public in it, if it has no docstring."""
    public = [
        node
        for node in module.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    ]
    bare = [node.name for node in public if not ast.get_docstring(node)]
    return bare if ast.get_docstring(module) else ["the module", *bare]


@pytest.fixture(scope="module")
def offenders() -> dict[Callable, dict[str, list[str]]]:
    """Check -> file -> what it says of it. All files are parsed once."""
    checks = (long_functions, empty_names, without_docstring)
    answers: dict[Callable, dict[str, list[str]]] = {check: {} for check in checks}
    for path in FILES:
        for check in checks:
            if names := check(parse(path)):
                answers[check][relative(path)] = names
    return answers


def test_no_function_has_a_body_of_more_than_50_lines(offenders) -> None:
    assert offenders[long_functions] == {}


def test_functions_and_locals_say_what_they_hold(offenders) -> None:
    assert offenders[empty_names] == {}


def test_every_module_and_everything_public_has_a_docstring(offenders) -> None:
    assert offenders[without_docstring] == {}


def test_the_checks_find_what_they_look_for() -> None:
    long = "def f():\n" + "    pass\n" * (LONGEST_BODY + 1)
    assert long_functions(ast.parse(long)) == ["f"]
    assert empty_names(ast.parse("def f(told):\n    found_ = 1")) == [
        "told in line 1",
        "found_ in line 2",
    ]
    assert without_docstring(ast.parse("def f(): pass\ndef _g(): pass")) == ["the module", "f"]


def test_spelling_is_american() -> None:
    pages = [p for p in sorted((ROOT / "docs").rglob("*.md")) if p.name != "log.md"]
    texts = {
        relative(p): p.read_text(encoding="utf-8") for p in [*FILES, ROOT / "README.md", *pages]
    }
    words = {path: BRITISH.findall(text) for path, text in texts.items()}
    assert {path: british for path, british in words.items() if british} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {relative(p): {p.stem, *p.parent.relative_to(SOURCE).parts} for p in FILES}
    assert {path: words & FORBIDDEN for path, words in named.items() if words & FORBIDDEN} == {}


def test_public_names_are_sorted_and_importable() -> None:
    assert graft.__all__ == sorted(graft.__all__)
    for name in graft.__all__:
        assert getattr(graft, name) is not None


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="fitt"):
        graft.fitt  # noqa: B018


@pytest.mark.parametrize("axis", plugins.AXES)
def test_plugin_files_hold_the_class_that_their_name_promises(axis: str) -> None:
    for name in plugins.names(axis):
        assert plugins.load(axis, name).__name__ == "".join(
            part.capitalize() for part in re.split(r"[-.]", name)
        )
        assert plugins.summary(axis, name), f"{name} has no docstring"


@pytest.mark.parametrize("axis", plugins.AXES)
def test_no_plugin_imports_a_sibling(axis: str) -> None:
    siblings = {
        f"{plugins.AXES[axis]}.{path.stem}": name for name, path in plugin_files(axis).items()
    }
    for name, path in plugin_files(axis).items():
        assert imported(path) & set(siblings) <= {f"{plugins.AXES[axis]}.{path.stem}"}, name


def test_a_technique_has_its_formula_paper_and_use() -> None:
    for name in plugins.names("technique"):
        words = plugins.description("technique", name)
        for part in ("Source:", "When:", "When not:"):
            assert part in words, f"{name} does not say {part}"


def test_only_the_engine_imports_accelerate() -> None:
    users = [
        relative(p) for p in FILES if any(m.split(".")[0] == "accelerate" for m in imported(p))
    ]
    assert set(users) <= {"src/graft/training/engine.py"}


@pytest.mark.parametrize("library", ["keras", "timm", "torchvision"])
def test_a_network_library_is_imported_by_backbones_alone(library: str) -> None:
    users = [p for p in FILES if any(m.split(".")[0] == library for m in imported(p))]
    assert users
    assert all(SOURCE / "backbones" in p.parents for p in users), users


def test_packages_import_nothing_heavy() -> None:
    heavy = (
        "{'torch', 'pandas', 'transformers', 'timm', 'matplotlib', 'pydantic', 'sklearn', 'numpy'}"
    )
    packages = [
        ".".join(p.parent.relative_to(SOURCE.parent).parts)
        for p in FILES
        if p.name == "__init__.py"
    ]
    loaded = f"sorted({heavy} & set(sys.modules))"
    code = f"import sys, {', '.join(packages)}; sys.exit(str({loaded} or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_every_folder_of_the_package_is_a_package() -> None:
    folders = {p.parent for p in FILES}
    assert [relative(f) for f in folders if not (f / "__init__.py").exists()] == []
    importlib.import_module("graft.cli.main")
