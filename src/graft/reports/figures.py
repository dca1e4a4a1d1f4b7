"""The figures of a comparison. A technique has the same color and marker in all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle

from graft.metrics.find import find_or_assume
from graft.metrics.metric import Metric
from graft.reports import words
from graft.reports.board import Board, Row
from graft.reports.statistics import Interval
from graft.reports.svg import MARKERS, Panel, Scale, Series, element, linear, logarithmic, marker
from graft.techniques.specs import combine

COLORS = 8
UNEQUAL = 5
"""The axis is logarithmic if the longest training takes this many times the shortest."""
WIDTH, HEIGHT = 460.0, 300.0
LEFT, TOP, RIGHT, BOTTOM = 40.0, 30.0, 14.0, 44.0
_FRONT = (
    "The broad line joins what nothing else beats in "
    "both quality and training time (the Pareto front)."
)
_ONE_IN_FRONT = "Nothing else is better or quicker than {name}."
BASELINE = Series("trivial baselines", "var(--muted)", "diamond", "2 4")
CONTROL_MARKS = (("cross", "6 3"), ("diamond", "2 3"))
"""The marker and the dashes of each control."""
NONE = Series("", "var(--muted)")


@dataclass(frozen=True)
class Figure:
    """A panel with its heading, and a sentence about what is drawn in it."""

    heading: str
    svg: str
    note: str = ""


def palette(board: Board) -> dict[str, Series]:
    """Technique -> how it is drawn, in the order of the study."""
    asked = board.study.about.get("techniques") or []
    names = list(
        dict.fromkeys([*asked, *(row.cell.name for row in board.rows if not row.cell.is_baseline)])
    )
    named = {name: combine.control_named(name) for name in names}
    controls = {name: control.technique for name, control in named.items() if control}
    marks = dict(zip(dict.fromkeys(controls.values()), cycle(CONTROL_MARKS), strict=False))
    series = {
        name: Series(technique, "var(--control)", *marks[technique])
        for name, technique in controls.items()
    }
    for i, name in enumerate(n for n in names if n not in series):
        dashes = "" if i < COLORS else "7 3"
        series[name] = Series(
            name, f"var(--series-{i % COLORS})", MARKERS[i % len(MARKERS)], dashes
        )
    return series


def swatch(series: Series) -> str:
    """A marker for legends and tables."""
    return element(
        "svg",
        marker(7, 7, series, hollow=series is BASELINE),
        css="swatch",
        viewBox="0 0 14 14",
        aria_hidden="true",
    )


def interval_bar(
    score: Interval, series: Series, low: float, high: float, reference: float | None
) -> str:
    """A row's interval on the axis from low to high that all rows share.

    A thin line stands at the reference.

    A score beyond the axis is an arrow at its end.
    """
    scale = Scale(low, high, 8, 152)
    parts = []
    if reference is not None:
        parts.append(
            element(
                "line", css="reference", x1=scale(reference), x2=scale(reference), y1=0.0, y2=22.0
            )
        )
    if score.value < low or score.value > high:
        end = "M9 6L2 11L9 16" if score.value < low else "M151 6L158 11L151 16"
        parts.append(element("path", css="arrow", d=end, fill="none", stroke=series.color))
    else:
        if words.is_known(score.low) and words.is_known(score.high):
            ends = {
                "x1": scale(max(low, score.low)),
                "x2": scale(min(high, score.high)),
                "y1": 11.0,
                "y2": 11.0,
            }
            parts.append(element("line", css="interval", stroke=series.color, **ends))
        parts.append(marker(scale(score.value), 11, series, hollow=series is BASELINE))
    return element("svg", "".join(parts), css="bar", viewBox="0 0 160 22", aria_hidden="true")


def bounds(rows: Iterable[Row]) -> tuple[float, float]:
    """The range of the scores and their intervals.

    Of the baselines only the best counts, so that a far one does not squeeze the others.
    """
    scored = [row for row in rows if row.is_measured]
    baselines = [row for row in scored if row.cell.is_baseline]
    counted = [row for row in scored if not row.cell.is_baseline] + sorted(
        baselines, key=lambda row: -row.quality
    )[:1]
    values = [
        v
        for row in counted
        for v in (row.score.value, row.score.low, row.score.high)
        if math.isfinite(v)
    ]
    return (min(values), max(values)) if values else (0.0, 1.0)


def is_in_range(row: Row, low: float, high: float) -> bool:
    """Whether the score of the row lies on an axis from low to high, not beyond its worse end."""
    sign = row.metric.sign
    return row.quality >= min(sign * low, sign * high)


def convergence(board: Board, rows: Sequence[Row], colors: dict[str, Series]) -> list[Figure]:
    """Draw the validation metric against epochs and against seconds, one line per seed.

    Each backbone has its own panels.
    """
    figures = []
    backbones = list(dict.fromkeys(row.cell.backbone for row in rows if not row.cell.is_baseline))
    metric = _drawn_metric(watched_metric(board, rows), rows)
    for backbone in backbones:
        backbone_rows = [row for row in rows if row.cell.backbone == backbone]
        of = f", {words.short(backbone)}" if len(backbones) > 1 else ""
        for axis, heading, title in (
            ("epoch", f"By epoch{of}", "epochs"),
            ("train_seconds", f"By training time{of}", "seconds of training"),
        ):
            curves = [
                (row, curve)
                for row in backbone_rows
                for run in row.runs
                if len(curve := _curve(run.history, axis, metric.name)) > 0
            ]
            if curves:
                figures.append(Figure(heading, _curves(curves, colors, title, metric)))
    return figures


def watched_metric(board: Board, rows: Sequence[Row]) -> Metric:
    """Return the metric that is reported after each epoch."""
    return next((row.watched for row in rows if row.watched), board.metric)


def _drawn_metric(watched: Metric, rows: Sequence[Row]) -> Metric:
    """The metric that is watched, or the first that the runs have, as of some of several tasks."""
    lines = [line.get("val") or {} for row in rows for run in row.runs for line in run.history]
    if any(watched.name in line for line in lines):
        return watched
    names = (name for line in lines for name in line if name != "loss")
    return next(map(find_or_assume, names), watched)


def _curve(history: Sequence[dict], axis: str, metric: str) -> list[tuple[float, float]]:
    points = [(line[axis], (line.get("val") or {}).get(metric)) for line in history]
    return [(x, y) for x, y in points if words.is_known(y) and math.isfinite(y)]


def _curves(
    curves: Sequence[tuple[Row, list[tuple[float, float]]]],
    colors: dict[str, Series],
    title: str,
    metric: Metric,
) -> str:
    """Draw curves; those of very different length share a logarithmic axis, which has no 0."""
    ends = [curve[-1][0] for _, curve in curves]
    stretched = max(ends) > UNEQUAL * min(ends) > 0
    if stretched:
        curves = [(row, [point for point in curve if point[0] > 0]) for row, curve in curves]
    points = [point for _, curve in curves for point in curve]
    across, left, right = [x for x, _ in points], LEFT, WIDTH - RIGHT
    panel = Panel(
        logarithmic(across, left, right)
        if stretched
        else linear([0, *across], left, right, floor=0),
        _metric_scale(metric, [y for _, y in points]),
        f"{title} (logarithmic)" if stretched else title,
        f"validation {words.axis(metric)}",
        WIDTH,
        HEIGHT,
    )
    for row, curve in curves:
        joined = [(x, words.scale(metric, y)) for x, y in _without_kept(curve)]
        panel.line(joined, colors[row.cell.name])
    for row, curve in curves:
        x, y = curve[-1]
        label = f"{row.cell.name}: {words.format_value(metric, y)} after {x:.4g} {title}"
        panel.point(x, words.scale(metric, y), colors[row.cell.name], label)
    return panel.render(
        f"Validation {metric.words} against {title} for {_names(row for row, _ in curves)}"
    )


def _without_kept(curve: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """The curve without a last point that is about earlier weights, which were kept.

    It stands where the point before it does, and a line between them would be no course of time.
    """
    has_kept = len(curve) > 1 and curve[-1][0] == curve[-2][0]
    return curve[:-1] if has_kept else curve


def quality_and_time(board: Board, rows: Sequence[Row], colors: dict[str, Series]) -> Figure | None:
    """Test metric against seconds of training, with intervals.

    A line joins what nothing else beats in both, unless that is one row alone.
    """
    measured = [row for row in rows if row.is_measured]
    timed = [row for row in measured if words.is_known(row.cost.get("train_seconds"))]
    if len(timed) < 2 or all(row.cell.is_baseline for row in timed):
        return None
    metric, (low, high) = board.metric, bounds(timed)
    shown = [row for row in timed if is_in_range(row, low, high)]
    times = {row.cell: max(row.cost["train_seconds"], 0.01) for row in shown}
    panel = Panel(
        logarithmic(times.values(), LEFT, WIDTH - 70),
        _metric_scale(metric, [low, high]),
        "seconds of training (logarithmic)",
        f"test {words.axis(metric)}",
        WIDTH,
        HEIGHT,
    )
    at = {row.cell: _scale(metric, row.score) for row in shown}
    front = pareto([(times[row.cell], row.quality) for row in shown])
    panel.line([(times[shown[i].cell], at[shown[i].cell].value) for i in front], NONE, "front")
    for row in shown:
        panel.interval(times[row.cell], at[row.cell].low, at[row.cell].high, _series(row, colors))
    for row in shown:
        score, time = words.format_value(metric, row.score.value), words.seconds(times[row.cell])
        label = f"{_row_name(board, row)}: {score} in {time}"
        panel.point(
            times[row.cell],
            at[row.cell].value,
            _series(row, colors),
            label,
            hollow=row.cell.is_baseline,
        )
    for row in [
        *(shown[i] for i in front),
        *(row for i, row in enumerate(shown) if i not in front),
    ]:
        score = at[row.cell]
        panel.label(times[row.cell], score.value, _row_name(board, row), score.low, score.high)
    best = ", ".join(_row_name(board, shown[i]) for i in front)
    return Figure(
        "",
        panel.render(f"Test {metric.words} against training time. Not beaten in both: {best}"),
        _FRONT if len(front) > 1 else _ONE_IN_FRONT.format(name=best),
    )


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices, by rising cost, of the (cost, quality) points that no other beats in both."""
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda k: (points[k][0], -points[k][1])):
        if not front or points[i][1] > points[front[-1]][1]:
            front.append(i)
    return front


def data_efficiency(board: Board, colors: dict[str, Series]) -> list[Figure]:
    """Draw the test metric against the number of training examples, one panel per backbone.

    Nothing if the study has a single size.
    """
    metric = board.metric
    examples = {row.cell.size: row.train_examples for row in board.rows if row.train_examples}
    if len(examples) < 2:
        return []
    scored = [row for row in board.rows if row.is_measured and row.cell.size in examples]
    ends = [bounds(row for row in scored if row.cell.size == size) for size in examples]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    shown = [row for row in scored if is_in_range(row, low, high)]
    backbones = list(dict.fromkeys(row.cell.backbone for row in shown if not row.cell.is_baseline))
    figures = []
    for backbone in backbones:
        panel = Panel(
            logarithmic(examples.values(), LEFT, WIDTH - RIGHT),
            _metric_scale(metric, [low, high]),
            "training examples (logarithmic)",
            f"test {words.axis(metric)}",
            WIDTH,
            HEIGHT,
        )
        rows = [row for row in shown if row.cell.backbone in (backbone, None)]
        names = list(dict.fromkeys(row.cell.name for row in rows))
        for i, name in enumerate(names):
            # Shifted, since intervals at the same size would hide each other.
            shift = 1.012 ** (i - (len(names) - 1) / 2)
            curve = sorted(
                (row for row in rows if row.cell.name == name), key=lambda r: examples[r.cell.size]
            )
            line = [
                (shift * examples[row.cell.size], words.scale(metric, row.score.value))
                for row in curve
            ]
            panel.line(line, _series(curve[0], colors))
            for row, (at, y) in zip(curve, line, strict=True):
                score, series = _scale(metric, row.score), _series(row, colors)
                panel.interval(at, score.low, score.high, series)
                reached = words.format_value(metric, row.score.value)
                label = f"{_row_name(board, row)}, {examples[row.cell.size]:,} examples: {reached}"
                panel.point(at, y, series, label, hollow=row.cell.is_baseline)
        heading = words.short(backbone) if len(backbones) > 1 else ""
        figures.append(
            Figure(
                heading,
                panel.render(f"Test {metric.words} against training examples, {_names(rows)}"),
            )
        )
    return figures


def _metric_scale(metric: Metric, values: Sequence[float]) -> Scale:
    """Per cent end at 0 and 100, unless some are more; other metrics have no end, but 0 where they
    are not negative."""
    floor = 0 if min(values) >= 0 else -math.inf
    shown = [words.scale(metric, number) for number in values]
    is_percent = metric.is_fraction and max(shown) <= 100
    return linear(
        shown,
        HEIGHT - BOTTOM,
        TOP,
        floor=floor,
        ceiling=100 if is_percent else math.inf,
    )


def _scale(metric: Metric, score: Interval) -> Interval:
    return Interval(
        *(words.scale(metric, number) for number in (score.value, score.low, score.high))
    )


def _series(row: Row, colors: dict[str, Series]) -> Series:
    return BASELINE if row.cell.is_baseline else colors[row.cell.name]


def _row_name(board: Board, row: Row) -> str:
    if row.cell.is_baseline:
        return row.words
    backbones = {r.cell.backbone for r in board.rows if not r.cell.is_baseline}
    return (
        f"{row.cell.name} · {words.short(row.cell.backbone)}"
        if len(backbones) > 1
        else row.cell.name
    )


def _names(rows: Iterable[Row]) -> str:
    return ", ".join(dict.fromkeys(row.cell.name for row in rows))
