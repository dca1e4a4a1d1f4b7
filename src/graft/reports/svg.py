"""Panels of inline SVG: axes, lines, points with intervals and labels.

Colors come from the page's style sheet.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

MARKERS = ("circle", "square", "triangle", "diamond", "cross", "pentagon")
LETTER = 6.1
"""The width of a letter of a label, in pixels, on average."""


@dataclass(frozen=True)
class Series:
    """How a technique is drawn everywhere on the page: its CSS color, marker, and dashes."""

    name: str
    color: str
    marker: str = "circle"
    dashes: str = ""


@dataclass(frozen=True)
class Scale:
    """Values to pixels, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (
            (math.log(v) for v in (self.low, self.high, value))
            if self.log
            else (self.low, self.high, value)
        )
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high)


def linear(
    values: Iterable[float],
    start: float,
    end: float,
    floor: float = -math.inf,
    ceiling: float = math.inf,
) -> Scale:
    """A scale around the values with some air, within floor and ceiling."""
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    air = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return Scale(max(floor, low - air), min(ceiling, high + air), start, end)


def logarithmic(values: Iterable[float], start: float, end: float) -> Scale:
    """A logarithmic scale around positive values; spans at least a factor of two."""
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    air = max((high / low) ** 0.08, 1.1 if high / low >= 2 else 1.45)
    return Scale(low / air, high * air, start, end, log=True)


def _linear_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 4
    unit = 10 ** math.floor(math.log10(rough))
    step = min((factor * unit for factor in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 3:
            return ticks
    return ticks


def number(value: float) -> str:
    """A number as a label: at most four digits, or thousands with commas."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return text.replace("-", "−")


def element(tag: str, content: str = "", **attributes: str | float) -> str:
    """An SVG element around `content`, which is SVG already.

    `css` is its class, underscores are dashes, and empty attributes are left out.
    """
    written = "".join(
        f' {_attribute(name)}="{value if isinstance(value, str) else format(value, ".1f")}"'
        for name, value in attributes.items()
        if value != ""
    )
    return f"<{tag}{written}>{content}</{tag}>"


def _attribute(name: str) -> str:
    return "class" if name == "css" else name.replace("_", "-")


@dataclass
class Panel:
    """One plot: marks are added in data coordinates, `render` gives the SVG."""

    x: Scale
    y: Scale
    x_title: str
    y_title: str
    width: float
    height: float
    marks: list[str] = field(default_factory=list)
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)
    """Boxes (left, top, right, bottom) that labels keep off."""

    def line(
        self, points: Sequence[tuple[float, float]], series: Series, css: str = "line"
    ) -> None:
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.marks.append(
            element(
                "polyline",
                css=css,
                points=path,
                stroke=series.color,
                stroke_dasharray=series.dashes,
            )
        )

    def interval(self, x: float, low: float, high: float, series: Series) -> None:
        if not (math.isnan(low) or math.isnan(high)):
            at = self.x(x)
            ends = {"x1": at, "x2": at, "y1": self.y(low), "y2": self.y(high)}
            self.marks.append(element("line", css="interval", stroke=series.color, **ends))
            self.taken.append((at - 3, self.y(high), at + 3, self.y(low)))

    def point(self, x: float, y: float, series: Series, title: str, hollow: bool = False) -> None:
        left, top = self.x(x), self.y(y)
        self.marks.append(
            element("g", f"<title>{escape(title)}</title>{marker(left, top, series, hollow)}")
        )
        self.taken.append((left - 6, top - 6, left + 6, top + 6))

    def label(
        self, x: float, y: float, text: str, low: float = math.nan, high: float = math.nan
    ) -> None:
        """Write a name next to a point or to the ends of its interval, if there is room."""
        at, top, wide = self.x(x), self.y(y), LETTER * len(text)
        above, below = (top if math.isnan(end) else self.y(end) for end in (high, low))
        beside = [(at + 9, top + 4), (at - 9 - wide, top + 4)]
        apart = [
            (at - wide / 2, above - 8),
            (at - wide / 2, below + 15),
            (at + 6, above + 4),
            (at + 6, below),
            (at - 6 - wide, below),
        ]
        for left, base in [*beside, *apart]:
            box = (left - 2, base - 10, left + wide + 2, base + 3)
            inside = (
                box[0] >= self.x.start
                and box[2] <= self.width
                and box[1] >= self.y.end - 12
                and box[3] <= self.y.start
            )
            if inside and not any(_overlap(box, other) for other in self.taken):
                self.marks.append(_text(left, base, text, "label"))
                self.taken.append(box)
                return

    def render(self, description: str) -> str:
        box = f"0 0 {self.width:g} {self.height:g}"
        content = self._axes() + "".join(self.marks)
        return element("svg", content, viewBox=box, role="img", aria_label=escape(description))

    def _axes(self) -> str:
        left, right, bottom = self.x.start, self.x.end, self.y.start
        parts = [
            _text(0, 11, self.y_title, "title"),
            _text(right, self.height - 3, self.x_title, "title", "end"),
        ]
        for tick in self.y.ticks():
            at = self.y(tick)
            parts.append(element("line", css="grid", x1=left, x2=right, y1=at, y2=at))
            parts.append(_text(left - 7, at + 4, number(tick), "tick", "end"))
        for tick in self.x.ticks():
            at = self.x(tick)
            parts.append(element("line", css="axis", x1=at, x2=at, y1=bottom, y2=bottom + 4))
            parts.append(_text(at, bottom + 17, number(tick), "tick", "middle"))
        parts.append(element("line", css="axis", x1=left, x2=right, y1=bottom, y2=bottom))
        return "".join(parts)


def marker(x: float, y: float, series: Series, hollow: bool = False, size: float = 4.5) -> str:
    """A marker of the series around (x, y), filled or hollow."""
    fill, stroke = ("var(--page)", series.color) if hollow else (series.color, "var(--page)")
    style = {"fill": fill, "stroke": stroke, "stroke_width": 1.6 if hollow else 1.0}
    if series.marker == "circle":
        return element("circle", cx=x, cy=y, r=size, **style)
    if series.marker == "cross":
        a = size * 0.8
        left, right, top, bottom = (f"{end:.1f}" for end in (x - a, x + a, y - a, y + a))
        path = f"M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}"
        return element("path", d=path, fill="none", stroke=series.color, stroke_width=2.4)
    corners, turn = {
        "square": (4, 45),
        "triangle": (3, -90),
        "diamond": (4, 0),
        "pentagon": (5, -90),
    }[series.marker]
    radius = size * 1.25
    angles = [math.radians(turn + 360 * k / corners) for k in range(corners)]
    points = " ".join(
        f"{x + radius * math.cos(a):.1f},{y + radius * math.sin(a):.1f}" for a in angles
    )
    return element("polygon", points=points, **style)


def _text(x: float, y: float, text: str, css: str, anchor: str = "start") -> str:
    return element("text", escape(text), css=css, x=x, y=y, text_anchor=anchor)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


GAP = 24.0
"""Pixels between the figures of a sheet."""
LINE = 22.0
"""The height of a line of a sheet's legend or headings."""


def sheet(figures: Sequence[tuple[str, str]], legend: Sequence[tuple[str, str]]) -> str:
    """Return figures side by side in one SVG: a legend above, and the heading of each.

    `figures` are pairs of heading and SVG, `legend` pairs of name and the SVG of a marker.
    """
    sizes = [_size(svg) for _, svg in figures]
    width = sum(wide for wide, _ in sizes) + GAP * (len(sizes) - 1)
    parts, left, top = [], 0.0, 0.0
    for name, mark in legend:
        entry = 20 + LETTER * len(name) + GAP / 2
        if left and left + entry > width:
            left, top = 0.0, top + LINE
        parts += [_place(mark, left, top + 2, 14, 14), _text(left + 20, top + 13, name, "title")]
        left += entry
    top += LINE * bool(legend)
    left = 0.0
    for (heading, svg), (wide, high) in zip(figures, sizes, strict=True):
        parts += [
            _text(left, top + 14, heading, "title"),
            _place(svg, left, top + LINE, wide, high),
        ]
        left += wide + GAP
    height = top + LINE + max(high for _, high in sizes)
    page = element("rect", width=width + GAP, height=height + GAP, fill="var(--page)")
    moved = element("g", "".join(parts), transform=f"translate({GAP / 2} {GAP / 2})")
    return element("svg", page + moved, viewBox=f"0 0 {width + GAP:g} {height + GAP:g}")


def _size(svg: str) -> tuple[float, float]:
    width, height = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg).groups()
    return float(width), float(height)


def _place(svg: str, x: float, y: float, width: float, height: float) -> str:
    """Return an SVG as a part of another one."""
    place = f'<svg x="{x:.1f}" y="{y:.1f}" width="{width:g}" height="{height:g}"'
    return svg.replace("<svg", place, 1)
