"""Measure what pictures without labels add to few with labels, and write self_supervision.md.

    python benchmarks/self_supervision.py [--data FOLDER] [--out FOLDER] [--only NAME ...] [--print]

Runs or resumes one study for each number of labels a class; finished runs are not run again. Needs
the sets cifar10 and tinyimagenet100, and Keras. A small network is first trained on tinyimagenet100
at 32 pixels. On 5,000 pictures of CIFAR-10, of which some have labels, it is then adapted by each
technique. Beside it stands a linear head on EfficientNet-lite0, which ImageNet has trained at 224.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from choose import choose, make_parser
from quality import Lines, machine

import graft
from graft.api import open_study
from graft.base import files
from graft.reports.leaderboard import build
from graft.reports.read import read
from graft.reports.words import amount, format_value, percent

HERE = Path(__file__).parent
SEEDS = 3
COUNTS = {"train": 5000, "val": 100, "test": 2000}
"""The pictures of each split of CIFAR-10; validation is of its training split."""
EPOCHS, PASSES = 30, 4
"""Passes of fine-tuning over the pictures with labels, and of self-supervision over all."""
PRETEXTS = (
    f"diet:epochs={PASSES}",
    f"simclr:epochs={PASSES},batch_size=64",
    f"deep-clustering:epochs={PASSES}",
)
TECHNIQUES = [
    "feature-extraction",
    "lp-ft",
    "pseudo-labels",
    "fixmatch",
    *(f"{pretext} then lp-ft" for pretext in PRETEXTS),
]
PROBE, PROBED = "feature-extraction", "efficientnet-lite0"


@dataclass(frozen=True)
class Case:
    """A number of labels a class."""

    shots: int

    @property
    def name(self) -> str:
        return f"{self.shots} labels a class"


CASES = [Case(10), Case(50)]


def main() -> None:
    arguments = make_parser(__doc__, "self_supervision").parse_args()
    cases = choose(CASES, "number of labels", arguments.only)
    out = arguments.out
    if not arguments.print:
        pictures = cut(arguments.data / "cifar10", out / "cifar10")
        network = pretrain(arguments.data / "tinyimagenet100", out)
        for case in cases:
            run(case, pictures, network, out)
    tables = [table(case, out) for case in CASES if (study_of(case, out) / "study.json").exists()]
    text = page(tables)
    files.write_text(HERE / "self_supervision.md", text)
    print(text)


def study_of(case: Case, out: Path) -> Path:
    """The folder of the study of a case."""
    return out / f"{case.shots}-labels"


def cut(source: Path, folder: Path) -> Path:
    """Write the first pictures of each class as tables of splits, as many of each."""
    if folder.exists():
        return folder
    train, test = (pd.read_parquet(source / f"{split}.parquet") for split in ("train", "test"))
    held = train.groupby("label").head(COUNTS["val"] // 10)
    rest = train.drop(held.index).groupby("label").head(COUNTS["train"] // 10)

    def fill(part: Path) -> None:
        named = {"train": rest, "val": held, "test": test.head(COUNTS["test"])}
        for split, rows in named.items():
            rows[["image", "label"]].to_parquet(part / f"{split}.parquet", index=False)

    files.write_folder(folder, fill)
    return folder


def pretrain(source: Path, out: Path) -> str:
    """Train the small network on the classes of Tiny ImageNet; return it as a backbone."""
    folder = out / "pretrained"
    if not (folder / "result.json").exists():
        network = out / "small.keras"
        if not network.exists():  # another file, of equal weights, would be another run
            files.make_folder(out)
            build_network(network)
        spec = f"keras:{network}:mode=torch"
        graft.fit(source, spec, "from-scratch:lr=0.002", epochs=20, out=folder, observer=Lines())
    return str(folder / "model")


def build_network(path: Path) -> None:
    """Save a convolutional network for 32 pixels with four million multiplications."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers = [keras.Input((32, 32, 3))]
    for width, stride in ((24, 2), (48, 2), (48, 1), (96, 2), (96, 1)):
        layers += [
            keras.layers.Conv2D(width, 3, stride, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)]
    keras.utils.set_random_seed(0)
    keras.Sequential(layers).save(path)


def run(case: Case, pictures: Path, network: str, out: Path) -> None:
    """Compare the techniques, and train the heads that stand beside them."""
    how = {"shots": case.shots, "observer": Lines()}
    graft.compare(
        pictures,
        TECHNIQUES,
        network,
        seeds=SEEDS,
        epochs=EPOCHS,
        out=study_of(case, out),
        **how,
    )
    for seed in range(SEEDS):
        folder = out / f"probe-{case.shots}-{seed}"
        graft.fit(pictures, PROBED, PROBE, seed=seed, out=folder, **how)


def table(case: Case, out: Path) -> str:
    """The section of a case: what was reached, for how long, and the verdict."""
    board = build(read(study_of(case, out)))
    metric = board.metric
    rows = [row for row in board.rows if row.is_measured and not row.cell.is_baseline]
    counts = board.study.finished[0].result["data"]["counts"]
    sizes = " / ".join(f"{counts[split]:,}" for split in ("train", "unlabeled", "val", "test"))
    lines = [
        f"## {case.name}",
        "",
        f"{sizes} pictures with labels, without, of validation, of test; {SEEDS} seeds.",
        "",
        f"| technique | test {metric.words}, 95 % interval | against its control | p, corrected | "
        "training, s |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    for row in sorted(rows, key=lambda row: -row.quality):
        score, gain = row.score, row.to_control
        interval = f"{format_value(metric, score.low)} to {format_value(metric, score.high)}"
        against = p_value = ""
        if gain is not None:
            low, high = (amount(metric, end) for end in (gain.low, gain.high))
            against = f"{amount(metric, gain.value)}, {low} to {high}"
            p_value = f"{row.p_corrected:.3f}"
        lines.append(
            f"| `{row.cell.name}` | {format_value(metric, score.value)}, {interval} | {against} | "
            f"{p_value} | {row.cost['train_seconds']:.0f} |"
        )
    verdict = open_study(study_of(case, out)).verdict.sentences
    lines += [f"| {probe_words(case, out)} | | | |", "", f"> {' '.join(verdict)}"]
    return "\n".join(lines)


def probe_words(case: Case, out: Path) -> str:
    """The first cells of the row of the network that ImageNet has trained."""
    paths = out.glob(f"probe-{case.shots}-*/result.json")
    results = [files.read_json(path, "a run") for path in paths]
    values = [result["metrics"]["test"]["accuracy"]["value"] for result in results]
    reached = f"{percent(float(np.mean(values)))} %" if values else "not run"
    return f"`{PROBE}` of `{PROBED}`, 224 pixels | {reached}"


def page(tables: list[str]) -> str:
    """The page: how it was made, and a section a number of labels."""
    lines = [
        "# Few labels, many pictures without",
        "",
        "Printed by `python benchmarks/self_supervision.py`. The network, of 0.16 million "
        "parameters, was trained on the 100 classes of tinyimagenet100 at 32 pixels. Techniques "
        f"without labels take {PASSES} passes over 5,000 pictures of CIFAR-10, those with labels "
        f"{EPOCHS} over the few that have some. The control of self-supervision, "
        "`longer-fine-tuning`, spends the time of the former on fine-tuning, too.",
        "",
        machine(),
    ]
    return "\n\n".join(["\n".join(lines), *tables]) + "\n"


if __name__ == "__main__":
    main()
