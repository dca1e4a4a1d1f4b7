"""Measure what a network forgets by technique, beside what it learns, and write forgetting.md.

    python benchmarks/forgetting.py [--data FOLDER] [--out FOLDER] [--only NAME ...] [--print]

Runs or resumes one study; finished runs are not run again. EfficientNet-lite0 reads pictures of
hymenoptera at 128 pixels. What it forgets of ImageNet is measured on half of the 250 pictures of
imagenet_samples, each of another class; the other half is there for `replay`. With two seeds it
takes about ten minutes of one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from choose import choose, make_parser
from networks import shrink_efficientnet
from quality import Lines, machine

import graft
from graft.base import files
from graft.reports import words
from graft.reports.board import Row
from graft.reports.forgetting import Forgotten, average_forgetting
from graft.reports.leaderboard import build
from graft.reports.read import read

HERE = Path(__file__).parent
SEEDS = 2
PIXELS = 128
EPOCHS = 2
TECHNIQUES = (
    "feature-extraction",
    "full-fine-tuning",
    "l2-sp",
    "lwf",
    "ewc",
    "replay:share=0.5",
    "lora",
    "wise-ft",
)


@dataclass(frozen=True)
class Case:
    """Data to learn from, and those that say what is forgotten."""

    name: str
    data: str
    source: str


CASES = [Case("hymenoptera", "hymenoptera", "imagenet_samples")]


def main() -> None:
    arguments = make_parser(__doc__, "forgetting").parse_args()
    cases = choose(CASES, "case", arguments.only)
    out = arguments.out
    if not arguments.print:
        for case in cases:
            run(case, arguments.data, out)
    tables = [table(case, out) for case in CASES if (out / case.name / "study.json").exists()]
    text = page(tables)
    files.write_text(HERE / "forgetting.md", text)
    print(text)


def run(case: Case, data: Path, out: Path) -> None:
    """Compare the techniques on what they learn and what they forget."""
    files.make_folder(out)
    graft.compare(
        data / case.data,
        TECHNIQUES,
        shrink_efficientnet(out, PIXELS),
        seeds=SEEDS,
        epochs=EPOCHS,
        jobs=1,
        forgetting=data / case.source,
        out=out / case.name,
        observer=Lines(),
    )


def table(case: Case, out: Path) -> str:
    """The section of a case: what was reached, and what was forgotten."""
    board = build(read(out / case.name))
    known = [(row, average_forgetting(row)) for row in board.rows if row.is_measured]
    rows = [(row, forgotten) for row, forgotten in known if forgotten]
    counts = board.study.finished[0].result["data"]["counts"]
    first = rows[0][1]
    lines = [
        f"## {case.data}",
        "",
        f"{counts['train']:,} / {counts['val']:,} / {counts['test']:,} examples of training, of "
        f"validation, of test; {EPOCHS} epochs, {SEEDS} seeds. Before, the pretrained head had an "
        f"{first.metric.words} of {words.format_value(first.metric, first.before)} on "
        f"{first.examples:,} pictures of {case.source}.",
        "",
        f"| technique | test {board.metric.words}, 95 % interval | {first.metric.words} of the "
        "pretrained head after | difference, 95 % interval | training, s |",
        "| --- | --- | ---: | --- | ---: |",
    ]
    ordered = sorted(rows, key=lambda pair: -pair[0].quality)
    return "\n".join([*lines, *(line(row, forgotten) for row, forgotten in ordered)])


def line(row: Row, forgotten: Forgotten) -> str:
    """A row of the table."""
    score = words.format_value(row.metric, row.score.value)
    interval = words.values(row.metric, row.score.low, row.score.high)
    after = words.format_value(forgotten.metric, forgotten.after)
    change = words.difference(forgotten.metric, forgotten.difference)
    bounds = words.differences(forgotten.metric, forgotten.low, forgotten.high)
    return (
        f"| `{row.cell.name}` | {score}, {interval} | {after} | {change}, {bounds} | "
        f"{row.cost['train_seconds']:.0f} |"
    )


def page(tables: list[str]) -> str:
    """The page: how it was made, and a section a case."""
    lines = [
        "# What a network forgets while it is adapted",
        "",
        "Printed by `python benchmarks/forgetting.py`. All techniques have their default settings "
        f"and as many epochs. Pictures are read at {PIXELS} pixels, so that the network reaches "
        "less than at its usual 224. The trunk of each network is measured under the head that it "
        "was pretrained with, before and after; intervals of that difference are over pictures, "
        "those of the test metric over pictures and seeds.",
        "",
        machine(),
    ]
    return "\n\n".join(["\n".join(lines), *tables]) + "\n"


if __name__ == "__main__":
    main()
