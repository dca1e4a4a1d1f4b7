"""Measure small students of larger teachers, and write distillation.md.

    python benchmarks/distillation.py [--data FOLDER] [--out FOLDER] [--only NAME ...] [--print]

Trains or resumes one teacher and one study of its students a case; finished runs are not run again.
Needs the sets sst2 and cifar10, of which it takes the first examples, and the extra `keras`. MiniLM
teaches its own first and last layers; EfficientNet-lite0 teaches a MobileNet of a quarter of its
weights, which begin at random. All of it takes about half an hour of one core.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from choose import choose, make_parser
from networks import save_network, shrink_efficientnet
from quality import Lines, machine
from torch import nn

import graft
from graft.api import open_study
from graft.backbones.load import load_backbone
from graft.base import files
from graft.base.job import Job
from graft.reports.leaderboard import build
from graft.reports.read import read
from graft.reports.teachers import compare_teachers, describe_teachers
from graft.reports.words import format_value

HERE = Path(__file__).parent
SEEDS = 2
TEXTS = {"train": 2000, "val": 300, "test": 872}
PICTURES = {"train": 2000, "val": 300, "test": 1000}
"""The examples of each split; those of validation are others of the training split."""
PIXELS = 96
CLASSES = 10


@dataclass(frozen=True)
class Case:
    """A data set, a teacher, and how its students are trained.

    `make_data`, `make_teacher` and `make_student` write into a folder what the first two find
    there; the latter two return specs of backbones. `plain` trains a student without a teacher.
    """

    name: str
    make_data: Callable[[Path, Path], Path]
    make_teacher: Callable[[Path], str]
    make_student: Callable[[Path], str]
    taught_by: str
    teacher_epochs: float
    plain: str
    epochs: float
    losses: tuple[str, ...]


def write_splits(folder: Path, tables: dict[str, pd.DataFrame], ending: str) -> Path:
    """The tables as the splits of a folder, complete or not at all."""

    def fill(part: Path) -> None:
        for split, rows in tables.items():
            if ending == "csv":
                rows.to_csv(part / f"{split}.csv", index=False)
            else:
                rows.to_parquet(part / f"{split}.parquet")

    if not folder.exists():
        files.write_folder(folder, fill)
    return folder


def make_texts(data: Path, out: Path) -> Path:
    """The first texts of sst2."""
    train, test = (
        pd.read_csv(data / "sst2" / f"{name}.tsv", sep="\t", names=["text", "label"], quoting=3)
        for name in ("train", "dev")
    )
    return write_splits(out / "sst2", cut(train, test, TEXTS), "csv")


def make_pictures(data: Path, out: Path) -> Path:
    """The first pictures of CIFAR-10."""
    train, test = (
        pd.read_parquet(data / "cifar10" / f"{name}.parquet")[["image", "name"]]
        for name in ("train", "test")
    )
    tables = cut(train, test, PICTURES)
    return write_splits(out / "cifar10", tables, "parquet")


def cut(train: pd.DataFrame, test: pd.DataFrame, sizes: dict[str, int]) -> dict[str, pd.DataFrame]:
    """The first rows for each split."""
    first = sizes["train"]
    val = train[first : first + sizes["val"]]
    return {"train": train[:first], "val": val, "test": test[: sizes["test"]]}


def name_minilm(out: Path) -> str:
    """MiniLM, whole."""
    return "minilm-l6"


def cut_minilm(out: Path) -> str:
    """The first and the last layer of MiniLM as a network of two layers."""
    folder = out / "minilm-l2"
    if not folder.exists():
        backbone = load_backbone("minilm-l6", Job("features", "text", "vector"))
        encoder = backbone.network.base_model.encoder
        encoder.layer = nn.ModuleList([encoder.layer[0], encoder.layer[-1]])
        backbone.network.config.num_hidden_layers = 2
        save_network(backbone, folder)
    return str(folder)


def shrink_pictures(out: Path) -> str:
    """EfficientNet-lite0 that reads pictures small."""
    return shrink_efficientnet(out, PIXELS)


def write_mobilenet(out: Path) -> str:
    """MobileNet with half the channels and random weights, as a file of Keras."""
    path = out / "mobilenet-half.keras"
    if not path.exists():
        os.environ["KERAS_BACKEND"] = "torch"
        import keras

        keras.utils.set_random_seed(0)
        pictures = keras.Input((PIXELS, PIXELS, 3))
        scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(pictures)
        keras.applications.MobileNet(
            input_tensor=scaled, alpha=0.5, weights=None, classes=CLASSES
        ).save(path)
    return f"keras:{path}"


CASES = [
    Case(
        "MiniLM into two of its layers",
        make_texts,
        name_minilm,
        cut_minilm,
        taught_by="lp-ft",
        teacher_epochs=2,
        plain="full-fine-tuning:views=1",
        epochs=4,
        losses=("distillation", "feature-distillation", "relational-distillation"),
    ),
    Case(
        "EfficientNet-lite0 into MobileNet of a quarter of its weights",
        make_pictures,
        shrink_pictures,
        write_mobilenet,
        taught_by="partial-fine-tuning",
        teacher_epochs=3,
        plain="from-scratch:views=4",
        epochs=12,
        losses=("distillation", "feature-distillation"),
    ),
]


def main() -> None:
    arguments = make_parser(__doc__, "distillation").parse_args()
    cases = choose(CASES, "case", arguments.only)
    if not arguments.print:
        for case in cases:
            run(case, arguments.data, folder_of(case, arguments.out))
    done = [case for case in CASES if (folder_of(case, arguments.out) / "study").exists()]
    text = page([table(case, folder_of(case, arguments.out)) for case in done])
    files.write_text(HERE / "distillation.md", text)
    print(text)


def folder_of(case: Case, out: Path) -> Path:
    """Where the runs of a case are kept."""
    return out / case.name.replace(" ", "-")


def run(case: Case, data: Path, folder: Path) -> None:
    """Train the teacher, then compare its students with one that has no teacher."""
    files.make_folder(folder)
    source = case.make_data(data, folder)
    teacher = folder / "teacher"
    network = case.make_teacher(folder)
    graft.fit(source, network, case.taught_by, epochs=case.teacher_epochs, out=teacher)
    taught = [f'{case.plain} + {loss}:teacher="{teacher}"' for loss in case.losses]
    graft.compare(
        source,
        [case.plain, *taught],
        case.make_student(folder),
        seeds=SEEDS,
        epochs=case.epochs,
        out=folder / "study",
        observer=Lines(),
    )


def table(case: Case, folder: Path) -> str:
    """The section of a case: the teacher, each student, and what it lost and won."""
    board = build(read(folder / "study"))
    teacher = read(folder / "teacher").runs[0].result
    metric, counts = board.metric, teacher["data"]["counts"]
    sizes = " / ".join(f"{counts[split]:,}" for split in ("train", "val", "test"))
    taught = compare_teachers(board)
    told = {row["student"]: row for row in describe_teachers(taught)}
    rows = [row for row in board.rows if row.is_measured and not row.cell.is_baseline]
    lines = [
        f"## {case.name}",
        "",
        f"{sizes} examples of training, of validation, of test; {case.epochs:g} epochs, {SEEDS} "
        "seeds.",
        "",
        f"| trained | test {metric.words} | to the teacher | model, MB | one example, ms | "
        "training, s |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
        line(
            f"the teacher: `{case.taught_by}`",
            format_value(metric, teacher["metrics"]["test"][metric.name]["value"]),
            "",
            teacher["cost"],
        ),
    ]
    for row in sorted(rows, key=lambda row: -row.quality):
        one = told.get(row.cell.name)
        against = f"{one['gain']} ({one['interval']})" if one else ""
        name = row.cell.name.partition(":teacher=")[0]
        lines.append(line(f"`{name}`", format_value(metric, row.score.value), against, row.cost))
    verdict = " ".join(open_study(folder / "study").verdict.sentences)
    return "\n".join([*lines, "", f"> {verdict.replace(str(folder.absolute()), 'runs')}"])


def line(name: str, score: str, against: str, cost: dict[str, float]) -> str:
    """A row of the table."""
    return (
        f"| {name} | {score} | {against} | {cost['model_mb']:.1f} | {cost['example_ms']:.1f} | "
        f"{cost['train_seconds']:.0f} |"
    )


def page(tables: list[str]) -> str:
    """The page: how it was made, and a section a case."""
    lines = [
        "# Small students of larger teachers",
        "",
        "Printed by `python benchmarks/distillation.py`. The time of one example is that of the "
        "network alone, on one thread.",
        "",
        machine(),
    ]
    return "\n\n".join(["\n".join(lines), *tables]) + "\n"


if __name__ == "__main__":
    main()
