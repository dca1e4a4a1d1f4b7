"""The cosines between the gradients of several tasks, over a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from graft.metrics.find import averaged_metrics
from graft.reports import words
from graft.reports.board import Board
from graft.reports.figures import BOTTOM, COLORS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, swatch
from graft.reports.svg import MARKERS, Panel, Series, linear
from graft.studies.alone import learned_tasks
from graft.tasks.parts.one_of_several import BETWEEN

_ONE = "The gradients of {pair} have a cosine of {mean} in the mean over the epochs: {meaning}."
_MANY = (
    "The gradients of {pair} agree least, with a cosine of {mean} in the mean over the epochs: "
    "{meaning}."
)
_AGAINST, _ALIKE, _ACROSS = (
    "a small step for one of them raises the loss of the other one",
    "a small step for one of them lowers the loss of the other one",
    "a small step for one of them hardly changes the loss of the other one",
)
SMALL = 0.05
"""Cosines up to this count as none."""

Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class Conflicts:
    """The figure of one technique, the sentence below it, and how each pair is drawn."""

    technique: str
    svg: str
    sentence: str
    legend: tuple[tuple[str, str], ...]


def conflicts(board: Board) -> list[Conflicts]:
    """Draw the cosines of each technique that learns all tasks, a line a pair and seed.

    Only the largest training size; nothing where no layer that the tasks share was trained.
    """
    everything = list(averaged_metrics(board.metric.name))
    if not everything or not board.choices:
        return []
    drawn, backbones = [], {row.cell.backbone for row in board.rows if not row.cell.is_baseline}
    for row in board.at(board.choices[0].size):
        name = row.cell.name
        is_asked = not (row.cell.is_baseline or row.cell.is_control)
        if not is_asked or set(learned_tasks(name, everything)) != set(everything):
            continue
        curves = [curve for run in row.runs for curve in _curves(run.history).items()]
        if curves:
            of = f", {words.short(row.cell.backbone)}" if len(backbones) > 1 else ""
            drawn.append(_draw(f"{name}{of}", curves))
    return drawn


def _curves(history: Sequence[Mapping]) -> dict[str, Curve]:
    """Pair -> its cosine at each epoch."""
    curves: dict[str, Curve] = {}
    for line in history:
        for pair, cosine in (line.get("cosines") or {}).items():
            if cosine is not None:
                curves.setdefault(pair, []).append((line["epoch"], cosine))
    return curves


def _draw(technique: str, curves: Sequence[tuple[str, Curve]]) -> Conflicts:
    pairs = list(dict.fromkeys(pair for pair, _ in curves))
    series = {
        pair: Series(
            pair.replace(BETWEEN, " and "),
            f"var(--series-{number % COLORS})",
            MARKERS[number % len(MARKERS)],
        )
        for number, pair in enumerate(pairs)
    }
    points = [point for _, curve in curves for point in curve]
    panel = Panel(
        linear([0, *(x for x, _ in points)], LEFT, WIDTH - RIGHT, floor=0),
        linear([0, *(y for _, y in points)], HEIGHT - BOTTOM, TOP, floor=-1, ceiling=1),
        "epochs",
        "cosine of the gradients",
        WIDTH,
        HEIGHT,
    )
    panel.line([(0, 0), (max(x for x, _ in points), 0)], Series("", "var(--muted)", dashes="2 4"))
    for pair, curve in curves:
        panel.line(curve, series[pair])
        panel.point(*curve[-1], series[pair], f"{series[pair].name}: {curve[-1][1]:.2f}")
    by_pair: dict[str, list[float]] = {pair: [] for pair in pairs}
    for pair, curve in curves:
        by_pair[pair] += [y for _, y in curve]
    means = {pair: fmean(values) for pair, values in by_pair.items()}
    least = min(means, key=means.__getitem__)
    sentence = (_ONE if len(pairs) == 1 else _MANY).format(
        pair=series[least].name, mean=_number(means[least]), meaning=_meaning(means[least])
    )
    svg = panel.render(f"Cosines between the gradients of tasks against epochs, {technique}")
    legend = tuple((each.name, swatch(each)) for each in series.values())
    return Conflicts(technique, svg, sentence, legend)


def _meaning(cosine: float) -> str:
    return _ACROSS if abs(cosine) <= SMALL else _AGAINST if cosine < 0 else _ALIKE


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
