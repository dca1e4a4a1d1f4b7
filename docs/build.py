"""`make docs`: write the pages that are made from the code, and check every link between pages.

These are docs/reference.md, docs/architecture.md, docs/schemas/ and skills/graft/SKILL.md.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import schemas
import skill

from graft.base import plugins
from graft.cli.cards import built_in, describe_metrics, describe_plugin, size_and_license

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "graft"
PAGES = [
    page
    for folder in ("*.md", "docs/**/*.md", "benchmarks/*.md", "notebooks/*.md", "skills/**/*.md")
    for page in sorted(ROOT.glob(folder))
]
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


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
        cards = [_card(axis, name) for name in plugins.names(axis)]
        lines += _shared(cards)
        for card in cards:
            lines += _entry(card)
    lines += ["## Metrics", ""]
    for card in describe_metrics():
        better = "Higher" if card["higher_is_better"] else "Lower"
        lines += [f"### {card['name']}", "", f"{card['meaning']} {better} is better.", ""]
        lines += _example(card)
    return "\n".join(lines).rstrip() + "\n"


def _card(axis: str, name: str) -> dict[str, Any]:
    return built_in(name) if axis == "backbone" else describe_plugin(axis, name)


def _shared(cards: list[dict[str, Any]]) -> list[str]:
    """The table of the parameters that every one of the techniques has, if these are techniques."""
    tables = {p["name"]: p for card in cards for p in _listed(card, True)}
    if not tables:
        return []
    return [
        "Every technique has these parameters. Its own table has those that it adds, and those",
        "that have another default.",
        "",
        *_table(list(tables.values())),
    ]


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


def _entry(card: dict[str, Any]) -> list[str]:
    """What `graft info` shows, but for the parameters that all techniques share."""
    text = [_item(line.strip()) for line in card["description"].splitlines()]
    lines = [f"### {card['name']}", "", *text, ""]
    if card["kind"] == "backbone":
        return [*lines, *size_and_license(card), "", *_example(card)]
    if parameters := _listed(card, False):
        lines += _table(parameters)
    return lines + _example(card)


def _item(line: str) -> str:
    """A line of a docstring; one that begins with a word and a colon is an item of a list."""
    return re.sub(r"^(Formula|Source|When|When not|Baselines?): ", r"- **\1**: ", line)


def _listed(card: dict[str, Any], shared: bool) -> list[dict[str, Any]]:
    """The parameters that all techniques share with the same default, or the others."""
    parameters = card["parameters"] if isinstance(card["parameters"], list) else []
    return [parameter for parameter in parameters if parameter["shared"] == shared]


def _table(parameters: list[dict[str, Any]]) -> list[str]:
    lines = ["| parameter | default | allowed | meaning |", "| --- | --- | --- | --- |"]
    for p in parameters:
        default = "auto" if p["default"] is None else p["default"]
        cells = [f"`{p['name']}`", str(default), p["allowed"] or p["type"], p["meaning"]]
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return [*lines, ""]


def _example(card: dict[str, Any]) -> list[str]:
    return ["```", card["example"], "```", ""] if card["example"] else []


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


WRITTEN = {
    "docs/reference.md": reference,
    "docs/architecture.md": architecture,
    **{
        f"docs/schemas/{verb}.schema.json": partial(schemas.write, verb) for verb in schemas.ANSWERS
    },
    skill.PATH: skill.skill,
}
"""Path -> what writes it; a test fails for a page that is older than the code."""


def main() -> int:
    """Write the pages and the schema; return 1 if a link is broken."""
    for path, write in WRITTEN.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(write(), encoding="utf-8")
        print(f"{path} is written")
    broken = broken_links()
    for line in broken:
        print(f"broken link: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
