"""Measure several tasks over one network, and write several_tasks.md.

    python benchmarks/several_tasks.py [--data FOLDER] [--out FOLDER] [--only NAME ...] [--print]

Runs or resumes one study a data set; finished runs are not run again. Needs the sets snips_slu,
coffee_leaf, emodb and barista_orders, of which it takes the first examples of each split. Each
study trains all tasks together in five ways and each task alone, with three seeds; of three tasks
also each pair, for the matrix of what each gains from each. The last two layer groups of the
network are trained, on recorded features of the layers below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from shutil import copytree
from typing import Any

import pandas as pd
from choose import choose, make_parser
from networks import shrink_efficientnet
from quality import Lines, machine

import graft
from graft.base import files
from graft.metrics.find import averaged_metrics
from graft.reports.board import Board, Row
from graft.reports.leaderboard import build
from graft.reports.read import read
from graft.reports.together import TaskVerdict, compare_tasks, describe_tasks, matrices
from graft.reports.words import format_value

HERE = Path(__file__).parent
SEEDS = 3


@dataclass(frozen=True)
class Case:
    """A data set, its tasks, and the network that learns them.

    `sizes` limits the splits to their first examples. `columns` names further ones, such as the
    speakers, who make fewer independent examples. `pixels` is the side of the pictures, where it is
    not the usual one of the network.
    """

    name: str
    tasks: tuple[str, ...]
    backbone: str
    sizes: dict[str, int]
    write: Callable[[Case, Path, Path], Path]
    epochs: float
    columns: dict[str, str] = field(default_factory=dict)
    pixels: int | None = None

    @property
    def techniques(self) -> list[str]:
        """All tasks in five ways, and all pairs of three tasks."""
        plain = "partial-fine-tuning"
        names = [task.partition("=")[0] for task in self.tasks]
        pairs = combinations(names, 2) if len(names) > 2 else ()
        return [
            plain,
            "tuned-weights:from_group=-2",
            *(f"{plain} + {weighting}" for weighting in ("uncertainty", "pcgrad", "upgrad")),
            *(f'{plain} + some-tasks:tasks="{a}, {b}"' for a, b in pairs),
        ]


def write_table(case: Case, data: Path, folder: Path) -> Path:
    """The files of a set, and its table with the first rows of each split."""
    source = data / case.name
    table = pd.read_csv(source / "labels.csv", dtype=str, keep_default_na=False)
    kept = pd.concat(table[table.split == split][:size] for split, size in case.sizes.items())
    media = kept.file[kept.index[0]].partition("/")[0]
    copytree(source / media, folder / media, dirs_exist_ok=True)
    kept.to_csv(folder / "labels.csv", index=False)
    return folder / "labels.csv"


def write_lines(case: Case, data: Path, folder: Path) -> Path:
    """The first lines of each split, as a folder of JSON lines."""
    for split, size in case.sizes.items():
        lines = (data / case.name / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")
        files.write_text(folder / f"{split}.jsonl", "\n".join(lines[:size]) + "\n")
    return folder


CASES = [
    Case(
        "snips_slu",
        ("intent", "slots"),
        "minilm-l6",
        {"train": 400, "valid": 150, "test": 300},
        write_lines,
        epochs=8,
    ),
    Case(
        "coffee_leaf",
        ("stress", "miner+rust+phoma+cercospora", "severity=image-regression"),
        "efficientnet-lite0",
        {"train": 300, "test": 188},
        write_table,
        epochs=6,
        pixels=128,
    ),
    Case(
        "emodb",
        ("emotion", "sex", "age=audio-regression"),
        "whisper-tiny.en",
        {"train": 160, "valid": 49, "test": 164},
        write_table,
        epochs=6,
        columns={"group": "speaker"},
    ),
    Case(
        "barista_orders",
        ("drink", "size", "roast"),
        "whisper-tiny.en",
        {"train": 160, "valid": 30, "test": 80},
        write_table,
        epochs=6,
    ),
]


def main() -> None:
    arguments = make_parser(__doc__, "several-tasks").parse_args()
    cases = choose(CASES, "case", arguments.only)
    if not arguments.print:
        for case in cases:
            run(case, arguments.data, arguments.out / case.name)
    done = [case for case in CASES if (arguments.out / case.name / "study" / "study.json").exists()]
    text = page([table(case, arguments.out / case.name) for case in done])
    files.write_text(HERE / "several_tasks.md", text)
    print(text)


def run(case: Case, data: Path, folder: Path) -> None:
    """Compare all ways to learn the tasks together with each of them alone."""
    files.make_folder(folder / "data")
    graft.compare(
        case.write(case, data, folder / "data"),
        case.techniques,
        shrink_efficientnet(folder, case.pixels) if case.pixels else case.backbone,
        seeds=SEEDS,
        epochs=case.epochs,
        task=list(case.tasks),
        columns=case.columns,
        out=folder / "study",
        observer=Lines(),
    )


def table(case: Case, folder: Path) -> str:
    """The section of a case: what each way reaches, what each task gains, and from which."""
    board = build(read(folder / "study"))
    result = board.study.finished[0].result
    sizes = " / ".join(f"{result['data']['counts'][split]:,}" for split in ("train", "val", "test"))
    verdicts = compare_tasks(board)
    together = [verdict for verdict in verdicts if len(verdict.beside) == len(case.tasks) - 1]
    pixels = f" on pictures of {case.pixels} pixels" if case.pixels else ""
    sections = [
        f"## {case.name}",
        f"{sizes} examples of training, of validation, of test; {case.epochs:g} epochs, {SEEDS} "
        f"seeds of `{case.backbone}`{pixels}. Labels for training: {labels(result)}.",
        "\n".join(reached(board)),
        "\n".join(gains(together)),
        *("\n".join(matrix(one)) for one in matrices(verdicts)),
    ]
    return "\n\n".join(sections)


def labels(result: dict[str, Any]) -> str:
    """How many examples have a label of each task."""
    parts = result["parts"].items()
    return ", ".join(f"{name} {part['labels']['train']:,}" for name, part in parts)


def reached(board: Board) -> list[str]:
    """What all tasks reach together in each way: a column a task, then the time."""
    metrics = averaged_metrics(board.metric.name)
    names = [f"{name}, {metric.words}" for name, metric in metrics.items()]
    rows = [row for row in board.rows if row.is_measured and not row.cell.is_baseline]
    rows = [row for row in rows if "some-tasks" not in row.cell.name]
    return [
        f"| together | {' | '.join(names)} | training, s |",
        f"| --- |{' ---: |' * len(names)} ---: |",
        *(
            f"| `{row.cell.name}` | {' | '.join(values(row, metrics))} | "
            f"{row.cost['train_seconds']:.0f} |"
            for row in sorted(rows, key=lambda row: -row.quality)
        ),
    ]


def values(row: Row, metrics: dict[str, Any]) -> list[str]:
    """The mean test metric of each task over the seeds of a row."""
    found = []
    for name, metric in metrics.items():
        results = [run.result["metrics"]["test"] for run in row.runs if run.result]
        scores = [result[f"{name}.{metric.name}"]["value"] for result in results]
        found.append(format_value(metric, sum(scores) / len(scores)) if scores else "")
    return found


def gains(verdicts: list[TaskVerdict]) -> list[str]:
    """What each task gains from all others, in each way to join them."""
    columns = ("task", "alone", "together", "gain", "interval", "p", "outcome")
    heads = ("learned by", "task", "alone", "together", "gain", "95 % interval", "p", "the others")
    return [
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
        *(
            f"| {group['technique']} | {' | '.join(row[name] for name in columns)} |"
            for group in describe_tasks(verdicts)
            for row in group["rows"]
        ),
    ]


def matrix(one: dict[str, Any]) -> list[str]:
    """What each task gains from each other one: a row is the task that is learned beside."""
    return [
        f"What the task of a column gains when that of a row is learned with it "
        f"(`{one['technique']}`), with its 95 % interval:",
        "",
        f"| beside | {' | '.join(one['tasks'])} |",
        f"| --- |{' --- |' * len(one['tasks'])}",
        *(f"| {name} | {' | '.join(cells)} |" for name, cells in one["rows"]),
    ]


def page(tables: list[str]) -> str:
    """The page: how it was made, and a section a case."""
    lines = [
        "# Several tasks over one network",
        "",
        "Printed by `python benchmarks/several_tasks.py`. The last two layer groups of the network "
        "are trained, on recorded features of those below, with the default settings. Gains are "
        "those of a task learned with others over itself alone, with the same examples, epochs "
        "and batches; p-values are corrected (Holm) over all comparisons of a data set. "
        "`tuned-weights` trains four times.",
        "",
        machine(),
    ]
    return "\n\n".join(["\n".join(lines), *tables]) + "\n"


if __name__ == "__main__":
    main()
