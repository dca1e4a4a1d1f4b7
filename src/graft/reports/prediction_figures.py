"""The figures of one technique's predictions: numbers against true ones, curves, confusions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from graft.reports.figures import BOTTOM, COLORS, HEIGHT, LEFT, NONE, RIGHT, TOP, WIDTH, Figure
from graft.reports.svg import Panel, Scale, Series, element, linear

DASHES = ("", "7 3", "2 3", "9 3 2 3")
"""Lines differ by more than their color."""


def predicted_and_residuals(
    true: Sequence[float], predicted: Sequence[float], unit: str
) -> list[Figure]:
    """Two panels: predictions against true values with the line on which both are equal; errors.

    A point is an example. Both axes of the first have the same scale, so that a prediction that is
    too high lies above the line.
    """
    label = f" ({unit})" if unit else ""
    ends = [*true, *predicted]
    across = linear(ends, LEFT, WIDTH - RIGHT)
    line = (across.low, across.high)
    equal = _scatter(
        across,
        Scale(*line, HEIGHT - BOTTOM, TOP),
        zip(true, predicted, strict=True),
        [(end, end) for end in line],
        (f"true{label}", f"predicted{label}"),
    )
    errors = [guess - value for guess, value in zip(predicted, true, strict=True)]
    residuals = _scatter(
        across,
        linear([0, *errors], HEIGHT - BOTTOM, TOP),
        zip(true, errors, strict=True),
        [(end, 0.0) for end in line],
        (f"true{label}", f"predicted minus true{label}"),
    )
    return [
        Figure("Predicted against true", equal),
        Figure("Errors against true values", residuals),
    ]


def _scatter(
    x: Scale,
    y: Scale,
    points: Iterable[tuple[float, float]],
    line: Sequence[tuple[float, float]],
    titles: tuple[str, str],
) -> str:
    panel = Panel(x, y, *titles, WIDTH, HEIGHT)
    panel.line(line, NONE, "front")
    for left, top in points:
        dot = {"cx": x(left), "cy": y(top), "r": 2.5}
        panel.marks.append(element("circle", css="dot", **dot))
    return panel.render(f"{titles[1]} against {titles[0]}")


def lines(panel: Mapping[str, Any]) -> str:
    """Lines between fractions: `lines` with a `name`, `x` and `y` each, and the axes' titles."""
    across, up = Scale(0, 1, LEFT, WIDTH - RIGHT), Scale(0, 1, HEIGHT - BOTTOM, TOP)
    drawn = Panel(across, up, panel["x_title"], panel["y_title"], WIDTH, HEIGHT)
    for number, line in enumerate(panel["lines"]):
        drawn.line(list(zip(line["x"], line["y"], strict=True)), _style(number, line["name"]))
    names = ", ".join(line["name"] for line in panel["lines"])
    return drawn.render(f"{panel['y_title']} against {panel['x_title']} for {names}")


def line_legend(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, Markup]]:
    """The name of each line with a piece of it."""
    return [(line["name"], Markup(_piece(number))) for number, line in enumerate(lines)]


def _piece(number: int) -> str:
    style = _style(number, "")
    piece = element(
        "line",
        css="line",
        x1=0.0,
        x2=26.0,
        y1=7.0,
        y2=7.0,
        stroke=style.color,
        stroke_dasharray=style.dashes,
    )
    return element("svg", piece, css="swatch long", viewBox="0 0 26 14", aria_hidden="true")


def _style(number: int, name: str) -> Series:
    color = f"var(--series-{number % COLORS})"
    return Series(name, color, dashes=DASHES[number % len(DASHES)])


def heatmap(matrix: Sequence[Sequence[int]]) -> str:
    """A confusion matrix of many classes without numbers.

    Rows are targets; the shade is the share of the row.
    """
    size = len(matrix)
    cells = []
    for r, row in enumerate(matrix):
        total = sum(row) or 1
        for c, value in enumerate(row):
            if value:
                color = "var(--right)" if r == c else "var(--wrong)"
                shade = f"{0.12 + 0.88 * value / total:.2f}"
                cells.append(
                    element(
                        "rect",
                        x=str(c),
                        y=str(r),
                        width="1",
                        height="1",
                        fill=color,
                        opacity=shade,
                    )
                )
    label = f"Confusion matrix of {size} classes"
    return element(
        "svg",
        "".join(cells),
        css="heatmap",
        viewBox=f"0 0 {size} {size}",
        role="img",
        aria_label=label,
    )
