"""`make docs`: write the pages that are made from the code, and check every link between pages.

These are docs/reference.md, docs/architecture.md and docs/check.schema.json.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from graft.base import plugins
from graft.cli.catalogue import built_in, describe_plugin, size_and_license
from graft.data.checks.inspect import Checked

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "graft"
PAGES = [
    page
    for folder in ("*.md", "docs/**/*.md", "benchmarks/*.md", "notebooks/*.md")
    for page in sorted(ROOT.glob(folder))
]
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


_STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True)
_ANSWER = TypeAdapter(dataclass(make_dataclass("Answer", [("checked", Checked)]), config=_STRICT))
"""The type for pydantic, which reads attribute docstrings only of an inner dataclass."""


def check_schema() -> str:
    """Return the JSON Schema of what `graft check --json` prints, from the dataclass it prints."""
    kinds = _ANSWER.json_schema(mode="serialization")["$defs"]
    dialect = "https://json-schema.org/draft/2020-12/schema"
    schema = {
        "$schema": dialect,
        **_without_titles(kinds.pop("Checked")),
        "$defs": _without_titles(kinds),
    }
    return json.dumps(schema, indent=2) + "\n"


def check_answer(printed: str) -> None:
    """Raise pydantic's ValidationError if the printed answer does not follow the schema."""
    _ANSWER.validate_json(f'{{"checked": {printed}}}', strict=True)


def reference() -> str:
    """Return the page of all plugins on all axes, from their docstrings."""
    lines = [
        "# Reference",
        "",
        "Written by `make docs` from the docstrings; `graft info NAME` shows the same.",
        "",
    ]
    for axis in plugins.AXES:
        lines += [f"## {axis.capitalize()}s", ""]
        for name in plugins.names(axis):
            lines += _entry(axis, name)
    return "\n".join(lines).rstrip() + "\n"


def architecture() -> str:
    """Return the page of all folders and files, each with the first sentence of its docstring."""
    lines = [
        "# Architecture",
        "",
        "Written by `make docs` from the docstrings.",
        "Imports go only downwards in this list of layers:",
        "",
        *(f"{number}. {layer}" for number, layer in enumerate(_layers(), 1)),
        "",
    ]
    return "\n".join([*lines, *_folder(SOURCE), ""])


def _layers() -> list[str]:
    """The layers of pyproject.toml, the highest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    return [
        ", ".join(f"`{name.removeprefix('graft.')}`" for name in layer.split(" | "))
        for layer in layers
    ]


def _folder(folder: Path) -> Iterator[str]:
    """A heading, what the folder is for, and a line a file; then the folders in it."""
    yield f"## {folder.relative_to(SOURCE.parent).as_posix()}/"
    yield ""
    yield _sentence(folder / "__init__.py")
    yield ""
    for file in sorted(folder.glob("*.py")):
        if not file.stem.startswith("__"):
            yield f"- `{file.name}`: {_sentence(file)}"
    yield ""
    for inside in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield from _folder(inside)


def _sentence(file: Path) -> str:
    """Return the first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=[.]) (?=[A-Z`])", paragraph, maxsplit=1)[0]


def broken_links() -> list[str]:
    """Return `page: target` for each link to a missing file or heading, except web links."""
    broken = []
    for page in PAGES:
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            if "://" in target or target.startswith("mailto:"):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.exists() or (anchor and anchor not in _anchors(file)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    return broken


def _entry(axis: str, name: str) -> list[str]:
    if axis == "backbone":
        card = built_in(name)
        words = [*card["description"].splitlines(), "", *size_and_license(card)]
        return [f"### {name}", "", *(line.strip() for line in words), ""]
    found = describe_plugin(axis, name)
    lines = [f"### {name}", "", *(line.strip() for line in found["description"].splitlines()), ""]
    if found["parameters"]:
        lines += ["| parameter | default | allowed |", "| --- | --- | --- |"]
        for p in found["parameters"]:
            kind = (p["allowed"] or p["type"]).replace("|", "\\|")
            lines.append(
                f"| `{p['name']}` | {'auto' if p['default'] is None else p['default']} | {kind} |"
            )
        lines.append("")
    return lines


def _without_titles(schema: Any) -> Any:
    """Return the schema without the titles that pydantic derives from names."""
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value)
        for key, value in schema.items()
        if key != "title" or isinstance(value, dict)
    }


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main() -> int:
    """Write the pages and the schema; return 1 if a link is broken."""
    for name, write in {
        "reference.md": reference,
        "architecture.md": architecture,
        "check.schema.json": check_schema,
    }.items():
        (ROOT / "docs" / name).write_text(write(), encoding="utf-8")
        print(f"docs/{name} is written")
    broken = broken_links()
    for line in broken:
        print(f"broken link: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
