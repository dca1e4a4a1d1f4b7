"""Measure how often Graft's verdict on a study is wrong, and how often it detects a true gain.

The studies are simulated, so that the truth is known, and judged by Graft's own functions:
estimates of runs, means, differences, corrected p-values, the verdict. A test example is right
where

    level + skill of the run + ease of the example + view of the technique + luck of the run > 0

Ease is 50 %, view 20 % and luck 30 % of the variance on one example; `seed sd` is that of a run's
expected accuracy. With groups of examples, 30 points of the ease and 10 of the view are common to a
group. All techniques are equally good (but for the rows about a gain), 85 % right; validation
measures the same runs on other examples and selects one.

    python benchmarks/evidence.py    # two minutes; writes its tables into docs/evidence.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from graft.metrics.classification import accuracy
from graft.reports.board import Board, Cell, Choice, Row, Size
from graft.reports.leaderboard import choose, mean_scores
from graft.reports.read import Predictions, Run, Study
from graft.reports.statistics import LEVEL, Mean
from graft.reports.verdict import Verdict, judge

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evidence.md"
BEGIN, END = "<!-- written by benchmarks/evidence.py -->", "<!-- end -->"
STUDIES = 600
SIZE = Size(1.0, None)
CONTROL = Cell("from-scratch", "simulated", SIZE)
BASELINE = Cell("majority", None, SIZE)
NORMAL = NormalDist()
EASE, VIEW, LUCK = 0.5, 0.2, 0.3
GROUP_EASE, GROUP_VIEW = 0.3, 0.1


@dataclass(frozen=True)
class Design:
    """A kind of study: `techniques` besides the control, `examples` for the test.

    `seed_sd` and `gain` are in points, `accuracy` in per cent; 0 `groups` are none.
    """

    seeds: int
    examples: int
    seed_sd: float
    groups: int = 0
    gain: float = 0.0
    techniques: int = 5
    accuracy: float = 85.0

    @property
    def cells(self) -> list[Cell]:
        names = [f"technique-{number}" for number in range(self.techniques)]
        return [CONTROL, *(Cell(name, "simulated", SIZE) for name in names), BASELINE]

    @property
    def validated(self) -> int:
        """The number of validation examples."""
        return 150 if self.examples >= 1000 else 40


@dataclass
class Rates:
    """How often, of `studies`, something was claimed or an interval held the truth."""

    studies: int = 0
    positive: int = 0
    negative: int = 0
    against_baseline: int = 0
    control_family: int = 0
    others_family: int = 0
    alone: int = 0
    difference_covered: int = 0
    score_covered: int = 0
    selected_covered: int = 0
    selected_gain: float = 0.0

    def share(self, name: str) -> float:
        """In per cent of the studies."""
        return 100 * getattr(self, name) / self.studies


@dataclass(frozen=True)
class Judged:
    """A simulated study and what Graft makes of it."""

    means: dict[Cell, Mean]
    choice: Choice
    verdict: Verdict


def measure(design: Design, studies: int, seed: int = 0) -> Rates:
    """Simulate so many studies of the design and count what is claimed of them."""
    rng = np.random.default_rng(
        [seed, *(round(100 * getattr(design, each.name)) for each in fields(design))]
    )
    rates = Rates()
    for _ in range(studies):
        count(design, judged(design, rng), rates)
    return rates


def count(design: Design, study: Judged, rates: Rates) -> None:
    """Add one study to the rates."""
    gain, verdict = design.gain / 100, study.verdict
    positive, negative = (
        verdict.outcome == f"{sign} transfer" for sign in ("positive", "negative")
    )
    against_baseline = verdict.against_baseline in ("better", "worse")
    rates.studies += 1
    rates.positive += positive
    rates.negative += negative
    rates.against_baseline += against_baseline
    rates.control_family += positive or negative or against_baseline
    rates.others_family += any(other.p < LEVEL for other in study.choice.others)
    # A technique that no validation selected: what holds for a comparison that was planned.
    planned = study.means[design.cells[1]]
    difference, score = planned.minus(study.means[CONTROL]), planned.interval()
    rates.alone += difference.p < LEVEL
    rates.difference_covered += difference.low <= gain <= difference.high
    rates.score_covered += score.low <= design.accuracy / 100 + gain <= score.high
    selected = study.choice.to_control
    rates.selected_covered += selected.low <= gain <= selected.high
    rates.selected_gain += selected.value - gain


def judged(design: Design, rng: np.random.Generator) -> Judged:
    """One study, simulated and judged."""
    together, answers = simulate(design, rng)
    split = design.examples
    tests = {cell: right[:, :split] for cell, right in answers.items()}
    means = mean_scores(
        accuracy,
        {cell: [_predictions(row) for row in right] for cell, right in tests.items()},
        together,
    )
    rows = [
        _row(cell, mean, float(answers[cell][:, split:].mean())) for cell, mean in means.items()
    ]
    compared, choice = choose(rows, SIZE, means)
    rows = [compared.get(row.cell, row) for row in rows]
    study = Study(Path("simulated"), {}, [], [], [], compares=True)
    board = Board(study, accuracy, rows, [choice], split, design.groups or split)
    return Judged(means, choice, judge(board))


def simulate(design: Design, rng: np.random.Generator) -> tuple[NDArray, dict[Cell, NDArray]]:
    """The cluster of each test example, and of each cell which examples are right (S, N).

    Test examples come first, then those of validation.
    """
    size = design.examples + design.validated
    spread = design.seed_sd / 100 / NORMAL.pdf(NORMAL.inv_cdf(design.accuracy / 100))
    groups = _groups(design)
    ease = _shared(rng, size, groups, EASE, GROUP_EASE)
    answers = {}
    for cell in design.cells:
        is_trained = cell not in (CONTROL, BASELINE)
        level = NORMAL.inv_cdf((design.accuracy + design.gain * is_trained) / 100)
        seeds, sd = (1, 0.0) if cell.is_baseline else (design.seeds, spread)
        skill = sd * rng.standard_normal((seeds, 1))
        luck = np.sqrt(LUCK) * rng.standard_normal((seeds, size), dtype=np.float32)
        view = _shared(rng, size, groups, VIEW, GROUP_VIEW)
        # A wider spread of skills must not lower the expected accuracy.
        answers[cell] = level * np.sqrt(1 + sd**2) + skill + ease + view + luck > 0
    together = np.arange(design.examples) if groups is None else groups[: design.examples]
    return together, answers


def _groups(design: Design) -> NDArray | None:
    if not design.groups:
        return None
    tested = np.arange(design.examples) * design.groups // design.examples
    validated = np.arange(design.validated) * design.groups // design.validated
    return np.concatenate([tested, design.groups + validated])


def _shared(
    rng: np.random.Generator, size: int, groups: NDArray | None, total: float, of_group: float
) -> NDArray:
    """Values (N,) of variance `total`; with groups, `of_group` of it is common to a group."""
    if groups is None:
        return np.sqrt(total) * rng.standard_normal(size, dtype=np.float32)
    common = np.sqrt(of_group) * rng.standard_normal(groups.max() + 1)
    return np.sqrt(total - of_group) * rng.standard_normal(size) + common[groups]


def _predictions(right: NDArray) -> Predictions:
    terms = np.ones((len(right), 2))
    terms[:, 0] = right
    return Predictions([], terms, [], [])


def _row(cell: Cell, mean: Mean, val: float) -> Row:
    run = Run(Path("run"), "finished", "", {}, {"selected_by": "val"}, [])
    runs = [] if cell.is_baseline else [run] * mean.num_runs
    seeds = list(range(mean.num_runs))
    return Row(
        cell,
        cell.name,
        accuracy,
        runs,
        seeds,
        mean.interval(),
        {},
        val,
        accuracy,
        0.0,
        cost={"train_seconds": 1.0},
    )


NULL = (
    *(Design(n, size, sd) for size in (150, 1000) for n in (2, 3, 5) for sd in (0, 1, 3)),
    *(Design(3, 300, sd, groups) for groups in (5, 9) for sd in (1, 3)),
)
POWER = (
    *(Design(3, 150, sd, gain=5, techniques=n) for n in (1, 5) for sd in (0, 1)),
    Design(3, 1000, 1, gain=5),
)
NULL_COLUMNS = {
    "claims about control or baseline": "control_family",
    "claims about other techniques": "others_family",
    "one planned comparison, p < 0.05": "alone",
    "difference covered": "difference_covered",
    "score covered": "score_covered",
    "selected covered": "selected_covered",
}
POWER_COLUMNS = {
    "one planned comparison, p < 0.05": "alone",
    "positive transfer": "positive",
    "difference covered": "difference_covered",
}


def table(designs: Sequence[Design], columns: dict[str, str], studies: int) -> Iterator[str]:
    """The lines of a table of rates in per cent, a row a design."""
    about = ["techniques", "seeds", "test examples", "in groups", "seed sd, points"]
    head = [*about, *columns, "selected too good, points"]
    yield f"| {' | '.join(head)} |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for design in designs:
        rates = measure(design, studies)
        groups = design.groups or "no"
        row = [design.techniques, design.seeds, f"{design.examples:,}", groups, design.seed_sd]
        row += [f"{rates.share(name):.1f}" for name in columns.values()]
        row += [f"{rates.share('selected_gain'):.1f}"]
        line = f"| {' | '.join(map(str, row))} |"
        print(line, file=sys.stderr, flush=True)
        yield line


def page(studies: int) -> list[str]:
    """What stands between the markers in docs/evidence.md."""
    error = 100 * (0.05 * 0.95 / studies) ** 0.5
    return [
        f"In percent of {studies:,} studies a row "
        f"(a rate of 5 has a standard error of {error:.1f}). All techniques are equally good,",
        "85 % right; there are five besides the control and a baseline.",
        "",
        *table(NULL, NULL_COLUMNS, studies),
        "",
        "In percent of studies: how often a true gain of 5 points is detected, if every technique",
        "has it over the control and the baseline:",
        "",
        *table(POWER, POWER_COLUMNS, studies),
    ]


def main() -> None:
    """Measure, and write the tables into the page."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(
        "\n".join([f"{before}{BEGIN}", *page(studies), f"{END}{after}"]), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
