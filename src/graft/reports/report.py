"""Write the page of a study or run: one HTML file, the same in Markdown, and the rows as CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from graft.base import files
from graft.reports import leaderboard, tables
from graft.reports.board import Board
from graft.reports.page import page
from graft.reports.read import read
from graft.reports.verdict import Verdict, judge


@dataclass(frozen=True)
class Summary:
    """A study in short: one row a run, the leaderboard, and the verdict."""

    rows: list[dict[str, Any]]
    board: Board
    verdict: Verdict


def summarize(folder: Path) -> Summary:
    """Read and compare what is in `folder`; raises FolderError if that is not possible."""
    study = read(folder)
    board = leaderboard.build(study)
    return Summary(tables.run_rows(study), board, judge(board))


def write(folder: Path, summary: Summary | None = None) -> Path:
    """Write report.html, report.md and results.csv into the folder; returns the page's path."""
    summary = summary or summarize(folder)
    values = page(summary.board, summary.verdict)
    files.write_text(folder / "results.csv", tables.to_csv(summary.rows))
    for name, escape in (("report.md", False), ("report.html", True)):
        files.write_text(folder / name, templates(escape).get_template(name).render(values))
    return folder / "report.html"


def rows(folder: Path) -> list[dict[str, Any]]:
    """One row a run, as in results.csv."""
    return tables.run_rows(read(folder))


def verdict(folder: Path) -> Verdict:
    """The verdict on the study in `folder`."""
    return summarize(folder).verdict


def templates(escape: bool, image: Callable[[str], str] = str) -> Environment:
    """Return the templates of the page; `image` turns the SVG of a figure into what is shown."""
    environment = Environment(
        loader=PackageLoader("graft.reports"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["image"] = lambda svg: Markup(image(svg))
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    return environment
