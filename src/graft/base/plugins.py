"""Plugins: a file in an axis' folder is a plugin, its class named like it in CamelCase.

`techniques/full_fine_tuning.py` holds `class FullFineTuning` and is known as `full-fine-tuning`.
Two underscores are a dot in the name: `built_in/whisper_tiny__en.py` is `whisper-tiny.en`. Files of
your own are found too: set GRAFT_PLUGINS to a folder that holds `techniques/`, `tasks/`,
`sources/`, `built_in/`, `heads/`, `kinds/`, `formats/`, `scores/` or `validators/`.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from graft.base.errors import UnknownName
from graft.base.fields import DeclaredField, declared_fields, read_class_variable

AXES = {
    "task": "graft.tasks",
    "technique": "graft.techniques",
    "source": "graft.backbones.sources",
    "backbone": "graft.backbones.built_in",
    "head": "graft.backbones.heads",
    "kind": "graft.data.kinds",
    "format": "graft.data.formats",
    "score": "graft.scores",
    "validator": "graft.training.validators",
}
"""Axis -> the package whose files are its plugins, all but the contract, which is named like the
axis or the package. What plugins share lies in folders of the package."""


def names(axis: str) -> list[str]:
    """The public names on this axis, sorted; nothing is imported but the (empty) packages."""
    return sorted(_files(axis))


def load(axis: str, name: str) -> type:
    """The plugin class called `name`; raises UnknownName."""
    files = _files(axis)
    if name not in files:
        raise UnknownName.of(axis, name, files, see=f"graft list {axis}s")
    module = importlib.import_module(f"{AXES[axis]}.{Path(files[name]).stem}")
    return getattr(module, _class_name(name))


def name_of(plugin: type) -> str:
    """The public name of a plugin class."""
    return _public_name(plugin.__module__.rpartition(".")[2])


def summary(axis: str, name: str) -> str:
    """The first line of the plugin's docstring, read without importing the file."""
    return (description(axis, name).splitlines() or [""])[0]


def description(axis: str, name: str) -> str:
    """Return the docstring of the plugin's class without its example, not importing the file."""
    return split_example(_class_docstring(axis, name))[0]


def example(axis: str, name: str) -> str:
    """Return the command that the docstring gives as `Example: graft ...`; "" without one."""
    return split_example(_class_docstring(axis, name))[1]


def split_example(docstring: str) -> tuple[str, str]:
    """Return a docstring without its last line, `Example: graft ...`, and that command."""
    text, _, command = docstring.rstrip().partition("\nExample: ")
    return text.rstrip(), command


def _class_docstring(axis: str, name: str) -> str:
    source, class_name = _file(axis, name).read_text(encoding="utf-8"), _class_name(name)
    # To parse only the class and its docstring takes a fifth of the time; `graft list` reads all.
    start = re.search(rf'^class {class_name}\b.*?""".*?"""', source, re.DOTALL | re.MULTILINE)
    with suppress(SyntaxError):  # the quotes are of something else: it has no such docstring
        if start and (docstring := _docstring(start[0], class_name)):
            return docstring
    return _docstring(source, class_name)


def _docstring(source: str, class_name: str) -> str:
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return ast.get_docstring(node) or ""
    return ""


def fields(axis: str, name: str) -> list[DeclaredField]:
    """The fields of the plugin's class that have a default, read without importing the file."""
    return declared_fields(_file(axis, name), _class_name(name))


def class_variable(axis: str, name: str, variable: str) -> Any:
    """A class variable of the plugin's class that is a literal, read without importing the file."""
    return read_class_variable(_file(axis, name), _class_name(name), variable)


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[-.]", name))


def _public_name(stem: str) -> str:
    return stem.replace("__", ".").replace("_", "-")


def _file(axis: str, name: str) -> Path:
    return Path(_files(axis)[name])


def _files(axis: str) -> dict[str, str]:
    """The path of each plugin by its name; text, since this is asked thousands of times."""
    package = importlib.import_module(AXES[axis])
    folder_name = AXES[axis].rpartition(".")[2]
    if user_plugins := os.environ.get("GRAFT_PLUGINS"):
        folder = str(Path(user_plugins) / folder_name)
        if folder not in package.__path__:
            package.__path__.append(folder)
    hidden = {"__init__.py", f"{axis}.py", f"{folder_name}.py"}
    return {
        _public_name(file[:-3]): f"{root}/{file}"
        for root in package.__path__
        if os.path.isdir(root)  # noqa: PTH112
        for file in os.listdir(root)  # noqa: PTH208
        if file[-3:] == ".py" and file not in hidden
    }
