"""What the defaults reach on real data: every technique untouched, beside the from-scratch control and the baselines.

    python benchmarks/quality.py [--data FOLDER] [--out FOLDER] [--only NAME ...]

Runs (or goes on with) one study a data set, prints the table and writes it to benchmarks/quality.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import graft
from graft.api import open_study
from graft.base import env, files
from graft.reports.leaderboard import Row, build
from graft.reports.read import read
from graft.training.observers import Observer

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One data set: where it is, what is compared on it, and the test accuracy that each technique should reach."""

    name: str
    path: str
    techniques: tuple[str, ...]
    seeds: int = 1
    asked: dict[str, float] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


FIVE = ("feature-extraction", "partial-fine-tuning", "lp-ft", "full-fine-tuning", "from-scratch")
THREE = ("feature-extraction", "full-fine-tuning", "from-scratch")
CASES = (
    Case("hymenoptera", "hymenoptera", FIVE, 3, {"feature-extraction": 0.92, "lp-ft": 0.92, "full-fine-tuning": 0.92}),
    Case("cats_dogs", "cats_dogs", ("feature-extraction", "from-scratch"), 1, {"feature-extraction": 0.985}),
    Case("sms_spam", "sms_spam/SMSSpamCollection.tsv", THREE, 2, {"feature-extraction": 0.975, "full-fine-tuning": 0.98}),
    Case("sst2", "sst2", THREE, 1, {"full-fine-tuning": 0.88}),
    Case("ag_news", "ag_news", THREE, 1, {"full-fine-tuning": 0.88}),
    Case("cifar10, 1,000 images", "cifar10", THREE, 1, {}, {"fraction": 0.1}),
    Case("tinyimagenet100", "tinyimagenet100", THREE, 1),
)


class Lines(Observer):
    """A line a run."""

    def study_event(self, done: int, total: int, name: str, state: str, message: str) -> None:
        print(f"  [{done}/{total}] {name}: {state}, {message}", flush=True)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data", help="the folder of the data sets")
    words.add_argument("--out", type=Path, default=Path("runs") / "quality", help="where the studies are kept")
    words.add_argument("--only", nargs="*", help="names of cases; the table is printed and not written")
    words.add_argument("--print", action="store_true", help="print the tables of what was run before, and run nothing")
    words.add_argument("--jobs", type=int, help="runs at a time")
    given = words.parse_args()
    lines = []
    for case in CASES:
        if given.only and not any(case.name.startswith(name) for name in given.only):
            continue
        out = given.out / case.name.split(",")[0]
        if not given.print:
            run(case, given.data, out, given.jobs)
        if (out / "study.json").exists():
            lines += [*table(case, out), "", *(f"> {sentence}" for sentence in open_study(out).verdict.sentences), ""]
        else:
            lines += [f"## {case.name}: not run", ""]
    text = "\n".join([*HEAD, machine(), "", *lines])
    print(text)
    if not given.only:
        (HERE / "quality.md").write_text(text, encoding="utf-8")


def run(case: Case, folder: Path, out: Path, jobs: int | None) -> None:
    """Run, or go on with, the study of one data set; says so where the data are not there."""
    if not (folder / case.path).exists():
        print(f"{case.name}: skipped, {case.path} is not in the data folder")
        return
    print(case.name, flush=True)
    data = graft.load_data(folder / case.path, **case.options)
    graft.compare(data, case.techniques, seeds=case.seeds, jobs=jobs, out=out, observer=Lines())


HEAD = (
    "# What the defaults reach",
    "",
    "Printed by `make bench`: untouched defaults, real data, test accuracy as the mean over seeds with the 95 % bootstrap",
    "interval over examples and seeds; `train` is the wall time of training apart from evaluation. Backbones:",
    "`efficientnet-lite0` for images, `minilm-l6` for texts. Times vary several-fold with what else the machine is doing.",
    "",
)


def machine() -> str:
    found, versions = env.hardware(), env.versions()
    return f"Machine: {found['processor']}, {found['cores']} cores, {found['native_precision']}; torch {versions['torch']}."


def table(case: Case, folder: Path) -> list[str]:
    """The Markdown rows of one study: baselines first, techniques in the order of the case."""
    results = [files.read_json(path, "a run") for path in folder.glob("runs/*/result.json")]
    counts = results[0]["data"]["counts"]
    rows = [
        f"## {case.name}: {counts['train']:,} / {counts['val']:,} / {counts['test']:,} train, validation and test examples",
        "",
        "| what | accuracy | 95 % interval | asked | seeds | train, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    board = build(read(folder)).rows
    names = [row.cell.name for row in board if row.cell.is_baseline]
    return rows + [line(case, row) for name in (*names, *case.techniques) for row in board if row.cell.name == name]


def line(case: Case, row: Row) -> str:
    """The Markdown of one technique or baseline."""
    name, score, seconds = row.cell.name, row.score, (row.cost or {}).get("train_seconds")
    if score is None:
        return f"| {name} | not run | | | | |"
    asked = f"{case.asked[name]:.3f}" if name in case.asked else ""
    seeds = "" if row.cell.is_baseline else str(len(row.runs))
    time = "" if seconds is None else f"{seconds:.0f}"
    return f"| {name} | {score.value:.3f} | {score.low:.3f} to {score.high:.3f} | {asked} | {seeds} | {time} |"


if __name__ == "__main__":
    main()
