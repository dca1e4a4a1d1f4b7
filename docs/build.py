"""`make docs`: write docs/reference.md from the docstrings, and check that every link between pages leads somewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from graft.base import plugins
from graft.cli.catalogue import described

ROOT = Path(__file__).resolve().parents[1]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md")))
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def reference() -> str:
    """The page of every technique, task, source, kind, format and score, as their docstrings have it."""
    lines = ["# Reference", "", "Written by `make docs` from the docstrings; `graft info NAME` shows the same.", ""]
    for axis in plugins.AXES:
        lines += [f"## {axis.capitalize()}s", ""]
        for name in plugins.names(axis):
            lines += _entry(axis, name)
    return "\n".join(lines).rstrip() + "\n"


def broken_links() -> list[str]:
    """`page: target` for each link to a file or heading that is not there; addresses on the web are not asked."""
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
    found = described(axis, name)
    lines = [f"### {name}", "", *(line.strip() for line in found["description"].splitlines()), ""]
    if found["parameters"]:
        lines += ["| parameter | default | allowed |", "| --- | --- | --- |"]
        for p in found["parameters"]:
            kind = (p["allowed"] or p["type"]).replace("|", "\\|")
            lines.append(f"| `{p['name']}` | {'auto' if p['default'] is None else p['default']} | {kind} |")
        lines.append("")
    return lines


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main() -> int:
    """Write the page; 1 where a link is broken."""
    page = ROOT / "docs" / "reference.md"
    page.write_text(reference(), encoding="utf-8")
    print(f"{page.relative_to(ROOT)} is written")
    broken = broken_links()
    for line in broken:
        print(f"broken link: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
