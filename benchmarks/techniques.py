"""Measure regularized fine-tuning with few labels, and write techniques.md.

    python benchmarks/techniques.py [--data FOLDER] [--out FOLDER] [--only NAME ...] [--print]

Runs or resumes one study for each data set and share of its labels; finished runs are not run
again. Needs the sets hymenoptera and sst2. Pictures are read at 96 pixels by EfficientNet-lite0, of
sst2 the first 400 texts of training are learned by MiniLM. Each technique is held against plain
full fine-tuning on the same test examples, with three seeds. All of it takes about an hour
of one core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from choose import choose, make_parser
from networks import shrink_efficientnet
from quality import Lines, machine

import graft
from graft.base import files
from graft.base.counts import plural
from graft.metrics.intervals import clusters
from graft.reports.board import Board, Cell, Row
from graft.reports.leaderboard import build, mean_scores
from graft.reports.read import read, read_predictions
from graft.reports.statistics import Difference, Mean, holm
from graft.reports.words import axis, difference, differences, p_value, value, values
from graft.studies.records import PREDICTIONS

HERE = Path(__file__).parent
SEEDS = 3
PIXELS = 96
TEXTS = {"train": 400, "val": 100, "test": 300}
"""The texts of each split of sst2; those of validation are others of its training split."""
PLAIN = "full-fine-tuning"
USUAL = ("feature-extraction", "lp-ft", PLAIN, "l2-sp")
REGULARIZED = (
    "delta",
    "bss",
    "bi-tuning",
    "mixout",
    "label-smoothing",
    "mixup",
    "surgical-fine-tuning",
    "wise-ft",
)


@dataclass(frozen=True)
class Case:
    """A data set, the share of its labels in percent, and passes over what is left.

    Fewer labels take more passes, so that each case has some hundred examples to learn from.
    """

    data: str
    percent: int
    epochs: float

    @property
    def name(self) -> str:
        return f"{self.data}-{self.percent}"


CASES = [
    Case("hymenoptera", 15, 8),
    Case("hymenoptera", 30, 5),
    Case("hymenoptera", 100, 2),
    Case("sst2", 15, 6),
    Case("sst2", 30, 3),
    Case("sst2", 100, 1),
]


@dataclass(frozen=True)
class Set:
    """How a data set and its network are made in a folder, and which techniques it alone takes."""

    make: Callable[[Path, Path], tuple[Path, str]]
    also: tuple[str, ...]


def main() -> None:
    arguments = make_parser(__doc__, "techniques").parse_args()
    cases = choose(CASES, "case", arguments.only)
    out = arguments.out
    if not arguments.print:
        for case in cases:
            run(case, arguments.data, out)
    tables = [table(case, out) for case in CASES if (out / case.name / "study.json").exists()]
    text = page(tables)
    files.write_text(HERE / "techniques.md", text)
    print(text)


def make_pictures(data: Path, out: Path) -> tuple[Path, str]:
    """The pictures, and the folder of a network that reads them small."""
    return data / "hymenoptera", shrink_efficientnet(out, PIXELS)


def make_texts(data: Path, out: Path) -> tuple[Path, str]:
    """The first texts of each split as tables, and the name of their network."""
    folder = out / "sst2"
    if not folder.exists():
        train, test = (
            pd.read_csv(data / "sst2" / f"{name}.tsv", sep="\t", names=["text", "label"], quoting=3)
            for name in ("train", "dev")
        )
        first = TEXTS["train"]
        named = {
            "train": train[:first],
            "val": train[first : first + TEXTS["val"]],
            "test": test[: TEXTS["test"]],
        }

        def fill(part: Path) -> None:
            for split, rows in named.items():
                rows.to_csv(part / f"{split}.csv", index=False)

        files.write_folder(folder, fill)
    return folder, "minilm-l6"


SETS = {
    "hymenoptera": Set(make_pictures, ("co-tuning", "stochnorm", "cutmix")),
    "sst2": Set(make_texts, ("r-drop",)),
}


def run(case: Case, data: Path, out: Path) -> None:
    """Compare the techniques on a share of the labels."""
    files.make_folder(out)
    folder, backbone = SETS[case.data].make(data, out)
    graft.compare(
        folder,
        [*USUAL, *REGULARIZED, *SETS[case.data].also],
        backbone,
        seeds=SEEDS,
        fractions=(case.percent / 100,),
        epochs=case.epochs,
        out=out / case.name,
        observer=Lines(),
    )


def table(case: Case, out: Path) -> str:
    """The section of a case: what was reached, and how far from plain fine-tuning."""
    board = build(read(out / case.name))
    rows = [row for row in board.rows if row.is_measured and not row.cell.is_baseline]
    counts = board.study.finished[0].result["data"]["counts"]
    sizes = " / ".join(f"{counts[split]:,}" for split in ("train", "val", "test"))
    lines = [
        f"## {case.data}, {case.percent} % of the labels",
        "",
        f"{sizes} examples of training, of validation, of test; "
        f"{plural(round(case.epochs), 'epoch')}, {SEEDS} seeds.",
        "",
        f"| technique | test {axis(board.metric)} | against `{PLAIN}` | "
        "p, corrected | training, s |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    gains = to_plain(board, rows)
    corrected = dict(zip(gains, holm([gain.p for gain in gains.values()]), strict=True))
    for row in sorted(rows, key=lambda row: -row.quality):
        against = p = ""
        if gain := gains.get(row.cell):
            metric = board.metric
            interval = differences(metric, gain.low, gain.high)
            against = f"{difference(metric, gain.value)} ({interval})"
            p = p_value(corrected[row.cell])
        lines.append(
            f"| `{row.cell.name}` | {reached(row)} | {against} | {p} | "
            f"{row.cost['train_seconds']:.0f} |"
        )
    return "\n".join([*lines, "", f"> {sentence(board, gains, corrected)}"])


def reached(row: Row) -> str:
    """The score of a row with its interval."""
    score, metric = row.score, row.metric
    return f"{value(metric, score.value)} ({values(metric, score.low, score.high)})"


def to_plain(board: Board, rows: list[Row]) -> dict[Cell, Difference]:
    """The difference of each technique to plain fine-tuning, on the same test examples."""
    count = board.study.finished[0].result["data"]["counts"]["test"]
    predictions = {
        row.cell: [read_predictions(run.folder / PREDICTIONS, count) for run in row.runs]
        for row in rows
        if not row.unfinished
    }
    groups = next(iter(predictions.values()))[0].groups
    means: Mapping[Cell, Mean] = mean_scores(board.metric, predictions, clusters(groups))
    plain = next((mean for cell, mean in means.items() if cell.name == PLAIN), None)
    if plain is None:
        return {}
    return {cell: mean.minus(plain) for cell, mean in means.items() if cell.name != PLAIN}


def sentence(
    board: Board, gains: Mapping[Cell, Difference], corrected: Mapping[Cell, float]
) -> str:
    """Which regularized techniques are seen to be better or worse than plain fine-tuning."""
    names: dict[int, list[str]] = {1: [], -1: [], 0: []}
    for cell, gain in gains.items():
        if cell.name not in USUAL and not cell.is_control:
            is_seen = corrected[cell] < 0.05
            sign = board.metric.sign * gain.value
            names[0 if not is_seen else 1 if sign > 0 else -1].append(f"`{cell.name}`")
    words = {1: "Better than", -1: "Worse than", 0: "No difference is seen to"}
    said = [
        f"{words[side]} `{PLAIN}`: {', '.join(found)}." for side, found in names.items() if found
    ]
    return " ".join(said) or "No regularized technique has finished."


def page(tables: list[str]) -> str:
    """The page: how it was made, and a section a case."""
    lines = [
        "# Regularized fine-tuning with few labels",
        "",
        "Printed by `python benchmarks/techniques.py`. All techniques have their default settings "
        "and as many epochs; a head that is solved for has none. Pictures are read at "
        f"{PIXELS} pixels, so that the networks reach less than at their usual 224. In brackets "
        "are 95 % intervals, of differences in points. P-values are corrected (Holm) over the "
        "techniques of a table.",
        "",
        machine(),
    ]
    return "\n\n".join(["\n".join(lines), *tables]) + "\n"


if __name__ == "__main__":
    main()
