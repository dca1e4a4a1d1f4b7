"""Parts of the page as objects that a notebook shows and that can be saved.

They are rendered from the templates of the page, so a part looks the same in both. Two things
differ: the style sheet applies to the part alone, and each figure is an image that carries its own
style, because a notebook removes style sheets and SVG from the outputs of others until its cells
have run.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from graft.base import files
from graft.base.errors import BadValue
from graft.base.ranges import check_path
from graft.reports import report
from graft.reports.page import page
from graft.reports.svg import sheet

_PIXELS = {"heatmap": 480, "bar": 136}
"""The width of an image by its class, where it is not that of the figure."""
_SVG = re.compile(r"<svg([^>]*)>(.*)</svg>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


@dataclass(frozen=True)
class Drawing:
    """A part of the page of a study or run, which a notebook shows as the value of a cell."""

    title: str
    html: str
    figures: tuple[tuple[str, str], ...] = ()
    """The SVG of each figure with its heading; none if the part is a table."""
    legend: tuple[tuple[str, str], ...] = ()
    """What the figures call each series, with the SVG of its marker."""

    def __repr__(self) -> str:
        return f"Drawing({self.title!r})"

    def _repr_html_(self) -> str:
        return self.html

    def save(self, path: str | Path) -> Path:
        """Write a page (.html), or the figures in one image (.svg), and return its path.

        Raises BadValue for another suffix, or if there is no figure in it to write as an image.
        """
        path = check_path("path", path)
        if path.suffix == ".html":
            files.write_text(path, _document(self))
        elif path.suffix == ".svg" and self.figures:
            files.write_text(path, _standalone(sheet(self.figures, self.legend)))
        else:
            kinds = ".html or .svg" if self.figures else ".html, since it is a table"
            raise BadValue(f"Cannot save {self.title!r} as {str(path)!r}. Use {kinds}.")
        return path


def read_page(folder: Path) -> dict[str, Any]:
    """Return the values of the page of the study or run in `folder`; raises FolderError."""
    summary = report.summarize(folder)
    return page(summary.board, summary.verdict)


def draw(title: str, values: dict[str, Any], *parts: str, figures: str = "") -> Drawing:
    """Draw parts of the page one below the other, each named as its template.

    `figures` is the value of the page that holds the figures in them.
    """
    environment = report.templates(escape=True, image=_as_image)
    html = environment.get_template("part.html").render(values, parts=parts)
    drawn = tuple((heading, str(svg)) for heading, svg in values[figures]) if figures else ()
    return Drawing(title, html, drawn, tuple((name, str(mark)) for name, mark in values["legend"]))


def overview(folder: Path) -> Drawing:
    """Draw the verdict and the leaderboard of a study, or the figures of a run with baselines."""
    values = read_page(folder)
    return draw(values["title"], values, *(["verdict"] * values["compares"]), "leaderboard")


def _as_image(svg: str) -> Markup:
    """Return the SVG as an image with its style, as large as the page shows it."""
    if not svg:
        return Markup("")
    attributes = dict(_ATTRIBUTE.findall(_SVG.match(svg)[1]))
    css = attributes.get("class", "")
    _, _, width, height = map(float, attributes["viewBox"].split())
    shown = _PIXELS.get(css, width)
    data = base64.b64encode(_standalone(svg).encode()).decode()
    return Markup(
        f'<img class="{css}" src="data:image/svg+xml;base64,{data}" width="{shown:.0f}" '
        f'height="{shown * height / width:.0f}" alt="{attributes.get("aria-label", "")}">'
    )


def _standalone(svg: str) -> str:
    """Return the SVG as a file of its own, with the colors and lines of the style sheet."""
    attributes, content = _SVG.match(svg).groups()
    template = report.templates(escape=False).get_template("figure.svg")
    return template.render(attributes=attributes.strip(), content=content)


def _document(drawing: Drawing) -> str:
    template = report.templates(escape=True).get_template("document.html")
    return template.render(title=drawing.title, content=Markup(drawing.html))
