"""What the site makes of docs/index.md: the tree of its sidebar, `llms.txt` and `llms-full.txt`.

Each table of the index is a section: its rows are pages, in the order in which they are best read.
A program that reads for a language model finds the same list in `llms.txt` (llmstxt.org), with
links to the Markdown of the pages, and the text of all of them in `llms-full.txt`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
INDEX = "docs/index.md"
_ROW = re.compile(r"^\| \[([^\]]+)\]\(([^)#]+)\) \| (.+) \|$", re.MULTILINE)
_REDIRECT = '<meta http-equiv="refresh" content="0; url=docs/index.html">\n'
"""The first page of the site: docs/index.html is a folder below it, as in the repository."""


@dataclass(frozen=True)
class Page:
    """One row of the index; `path` is from the root of the repository."""

    title: str
    path: str
    content: str


def sections() -> dict[str, list[Page]]:
    """Return heading -> pages of the index, in order."""
    _, *parts = (ROOT / INDEX).read_text(encoding="utf-8").split("\n## ")
    return {part.partition("\n")[0]: _pages(part) for part in parts}


def llms() -> str:
    """Return llms.txt: what Graft is, and a link to the Markdown of each page."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    title, summary = readme.split("\n\n")[:2]
    lines = [title, "", *(f"> {line}" for line in summary.splitlines())]
    for heading, pages in sections().items():
        links = [f"- [{p.title}](_sources/{p.path}.txt): {p.content}" for p in pages]
        lines += ["", f"## {heading}", "", *links]
    return "\n".join(lines) + "\n"


def llms_full() -> str:
    """Return the Markdown of all pages in the order of the index; of notebooks only the link."""
    pages = [page for part in sections().values() for page in part if page.path.endswith(".md")]
    texts = [(ROOT / page.path).read_text(encoding="utf-8").strip() for page in pages]
    return "\n\n---\n\n".join(texts) + "\n"


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", _add_toctrees)
    app.connect("build-finished", _write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _pages(part: str) -> list[Page]:
    folder = (ROOT / INDEX).parent
    return [
        Page(title, (folder / path).resolve().relative_to(ROOT).as_posix(), content)
        for title, path, content in _ROW.findall(part)
    ]


def _add_toctrees(app: Any, name: str, source: list[str]) -> None:
    """Add what the sidebar shows to the text of the index, a tree for each section."""
    if name != Path(INDEX).with_suffix("").as_posix():
        return
    for heading, pages in sections().items():
        entries = [f"{page.title} </{page.path.rpartition('.')[0]}>" for page in pages]
        tree = ["", "", "```{toctree}", ":hidden:", f":caption: {heading}", "", *entries, "```"]
        source[0] += "\n".join(tree)


def _write_files(app: Any, failure: Exception | None) -> None:
    if failure is None:
        out = Path(app.outdir)
        (out / "index.html").write_text(_REDIRECT, encoding="utf-8")
        (out / "llms.txt").write_text(llms(), encoding="utf-8")
        (out / "llms-full.txt").write_text(llms_full(), encoding="utf-8")
