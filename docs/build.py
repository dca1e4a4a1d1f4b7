"""`make docs`: write docs/reference.md and docs/check.schema.json, and check every link."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from graft.base import plugins
from graft.cli.catalogue import built_in, described, size_and_license
from graft.data.checks.inspect import Checked

ROOT = Path(__file__).resolve().parents[1]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md")))
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
    found = described(axis, name)
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
    """Write the page and the schema; return 1 if a link is broken."""
    for name, write in {"reference.md": reference, "check.schema.json": check_schema}.items():
        (ROOT / "docs" / name).write_text(write(), encoding="utf-8")
        print(f"docs/{name} is written")
    broken = broken_links()
    for line in broken:
        print(f"broken link: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
