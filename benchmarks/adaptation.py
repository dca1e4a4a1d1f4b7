"""Measure what adaptation to another domain brings, and write adaptation.md.

    python benchmarks/adaptation.py [--data FOLDER] [--out FOLDER] [--only NAME ...] [--print]

Runs or resumes one study for each pair of domains, and one for each domain of PACS that is left
out; finished runs are not run again. Needs the extra
`keras` and the sets pacs, amazon_reviews, digits_da, sst2 and tweets_8_languages. Each study is
shown beside a network that was trained on the labels of the target (the ceiling), and beside a
stronger one that was trained on the source alone.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pandas as pd
from choose import choose, make_parser
from quality import Lines, machine

import graft
from graft.api import open_study
from graft.base import files
from graft.metrics.metric import Metric
from graft.reports.board import Board
from graft.reports.leaderboard import build
from graft.reports.read import read
from graft.reports.selections import format_selections, select_by_each
from graft.reports.words import amount, format_value

HERE = Path(__file__).parent
OF_HEADS = ("mcc", "bnm", "deep-coral", "deepjdot", "self-training", "pseudo-labels")
"""Losses of predictions, which a head alone can lower."""
FROZEN = tuple(f"feature-extraction + {loss}" for loss in OF_HEADS)
AFTERWARDS = tuple(f"feature-extraction then {name}" for name in ("adabn", "tent"))
"""Phases that adapt the norms of a trained network to the target; `shot` takes 12 minutes a run."""
ADVERSARIAL = ("feature-extraction + cdan", "feature-extraction + mdd")
"""Heads that learn against a second network, or against a second head."""
RATES = "lr=0.001,head_lr=0.001"
"""For random weights: the default rates, made for pretrained ones, learned too little in 30 epochs
(source only 85 %, nothing above it)."""
WHOLE = tuple(f"{name}:{RATES}" for name in ("source-only", "dan", "deep-coral", "dann"))
HEAD = "source-only:trains=head"
SEEDS = 5
DIGITS = 2000
"""Training digits of a set: features of 28 pixels enlarged to 224 take time."""
SENTIMENTS = {"films": "sst2", "tweets": "tweets_8_languages/english"}
SENTENCES = 2000
"""Sentences of a split, at most."""


@dataclass(frozen=True)
class Pair:
    """A source, a target and their networks, by names; `write` puts both where they can be read."""

    name: str
    source: str
    target: str
    backbone: str
    write: Callable[[Path, Path, str], Path]
    stronger: str | None = None
    """A network to stand beside it, trained on the source alone."""
    techniques: tuple[str, ...] = FROZEN
    ceiling: str = "feature-extraction"
    """How a network is trained on labels of the target."""
    seeds: int = SEEDS
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The name of the folder that its study is kept in."""
        return self.name.replace(" ", "-")


def pictures(data: Path, out: Path, name: str) -> Path:
    """The folder of a domain of PACS, as it is."""
    return data / "pacs" / name


def reviews(data: Path, out: Path, name: str) -> Path:
    """The two tables of a domain as the splits of a folder."""
    folder = out / name
    files.make_folder(folder)
    for split in ("train", "test"):
        copyfile(data / "amazon_reviews" / f"{name}_{split}.csv", folder / f"{split}.csv")
    return folder


def sentiments(data: Path, out: Path, name: str) -> Path:
    """Sentences that are positive or negative, as the splits of a folder; neutral ones left out."""
    folder = out / name
    files.make_folder(folder)
    source = data / SENTIMENTS[name]
    for split in ("train", "test"):
        rows = pd.read_csv(
            source / f"{split}.tsv",
            sep="\t",
            names=["text", "label"],
            dtype=str,
            quoting=csv.QUOTE_NONE,
        )
        rows = rows.assign(label=rows.label.replace({"0": "negative", "1": "positive"}))
        rows = rows[rows.label != "neutral"]
        rows.iloc[:SENTENCES].to_csv(folder / f"{split}.csv", index=False)
    return folder


def digits(data: Path, out: Path, name: str) -> Path:
    """The arrays of a set of digits, those of training cut to `DIGITS`."""
    files.make_folder(out)
    with np.load(data / "digits_da" / f"{name}.npz") as arrays:
        cut = {key: arrays[key][:DIGITS] for key in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(out / f"{name}.npz", **cut)
    return out / f"{name}.npz"


LENET = "lenet.keras"


def write_lenet(folder: Path) -> str:
    """A network like LeNet with random weights, as a file of Keras; returns its spec."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    files.make_folder(folder)
    path = folder / LENET
    if not path.exists():
        keras.utils.set_random_seed(0)
        stack = [keras.Input((28, 28, 3)), layers.Rescaling(1 / 255)]
        for channels in (20, 50):
            convolution = layers.Conv2D(channels, 5, activation="relu")
            stack += [convolution, layers.MaxPooling2D()]
        stack += [layers.Flatten(), layers.Dense(500, activation="relu")]
        keras.Sequential([*stack, layers.Dense(10, activation="softmax")]).save(path)
    return f"keras:{path}"


PHOTOS = partial(Pair, backbone="efficientnet-lite0", stronger="efficientnet-lite2")
ART = partial(PHOTOS, techniques=FROZEN + AFTERWARDS + ADVERSARIAL, write=pictures)
REVIEWS = partial(Pair, backbone="minilm-l6", stronger="me5-small")
PAIRS = [
    ART("photo to cartoon", "photo", "cartoon"),
    ART("photo to sketch", "photo", "sketch"),
    REVIEWS("books to electronics", "books", "electronics", write=reviews),
    REVIEWS("electronics to books", "electronics", "books", write=reviews),
    REVIEWS("films to tweets", "films", "tweets", write=sentiments),
    REVIEWS("tweets to films", "tweets", "films", write=sentiments),
    PHOTOS("mnist to usps", "mnist", "usps", write=digits),
    PHOTOS("mnist to mnist-m", "mnist", "mnist_m", write=digits),
    Pair(
        "mnist to usps from random weights",
        "mnist",
        "usps",
        LENET,
        write=digits,
        techniques=WHOLE,
        ceiling=f"full-fine-tuning:{RATES}",
        seeds=2,
        settings={"epochs": 60},
    ),
]


@dataclass(frozen=True)
class LeftOut:
    """Domains of which each is adapted to in turn, from all others."""

    name: str
    source: str
    techniques: tuple[str, ...] = FROZEN[:4]
    seeds: int = 3

    @property
    def folder(self) -> str:
        """The name of the folder that its studies are kept in."""
        return self.name.replace(" ", "-")


LEFT_OUT = LeftOut("each domain of pacs left out", "pacs")


def main() -> None:
    parser = make_parser(__doc__, "adaptation")
    arguments = parser.parse_args()
    cases = choose([*PAIRS, LEFT_OUT], "pair of domains", arguments.only)
    texts = sections()
    for case in cases:
        folder = arguments.out / case.folder
        run_case = run_left_out if isinstance(case, LeftOut) else run
        if not arguments.print:
            run_case(case, arguments.data, folder)
        write = left_out_table if isinstance(case, LeftOut) else table
        if any(folder.glob("*/study.json")):
            texts[case.name] = write(case, folder)
    text = page(texts, arguments.out)
    files.write_text(HERE / "adaptation.md", text)
    print(text)


def run(pair: Pair, data: Path, folder: Path) -> None:
    """Compare the techniques, and train the heads that stand beside them."""
    source, target = (pair.write(data, folder / "data", n) for n in (pair.source, pair.target))
    backbone = write_lenet(folder) if pair.backbone == LENET else pair.backbone
    how = {"seeds": pair.seeds, "out": folder / "study", "observer": Lines(), **pair.settings}
    graft.adapt(source, target, pair.techniques, backbone, **how)
    for seed in range(pair.seeds):
        ceiling = folder / f"ceiling-{seed}"
        graft.fit(target, backbone, pair.ceiling, seed=seed, out=ceiling, **pair.settings)
        if pair.stronger:
            stronger = folder / f"stronger-{seed}"
            graft.fit(source, pair.stronger, HEAD, seed=seed, target=str(target), out=stronger)


def table(pair: Pair, folder: Path) -> str:
    """The section of a pair: what was reached, what chose it, and the verdict."""
    board = build(read(folder / "study"))
    metric = board.metric
    counts = board.study.finished[0].result["data"]["counts"]
    sizes = " / ".join(f"{counts[split]:,}" for split in ("train", "val", "unlabeled", "test"))
    rows = [row for row in board.rows if row.is_measured and not row.cell.is_baseline]
    stronger = f"| {HEAD} of {pair.stronger} | {mean(metric, folder, 'stronger')} | |"
    lines = [
        f"{sizes} samples of source training, source validation, target without labels, target "
        f"test; {pair.seeds} seeds of `{pair.backbone}`.",
        "",
        f"| trained | test {metric.words} | training, s |",
        "| --- | ---: | ---: |",
        *(
            f"| {row.cell.name} | {format_value(metric, row.score.value)} | "
            f"{row.cost['train_seconds']:.0f} |"
            for row in sorted(rows, key=lambda row: -row.quality)
        ),
        *([stronger] if pair.stronger else []),
        f"| on labels of the target | {mean(metric, folder, 'ceiling')} | |",
        "",
        "| chosen by | technique | test | less than the best |",
        "| --- | --- | ---: | ---: |",
        *(f"| {' | '.join(cells)} |" for cells in format_selections(board)),
        "",
        f"> {' '.join(open_study(folder / 'study').verdict.sentences)}",
    ]
    return "\n".join(lines)


def run_left_out(case: LeftOut, data: Path, folder: Path) -> None:
    """Adapt to each domain in turn, from all others."""
    how = {"seeds": case.seeds, "selected_by": "mixval", "observer": Lines()}
    path = data / case.source
    graft.leave_one_domain_out(
        path, case.techniques, ["efficientnet-lite0"], adapt=True, out=folder, **how
    )


def left_out_table(case: LeftOut, folder: Path) -> str:
    """What each technique reaches on each domain that was left out, and on average."""
    board = (folder / "report.md").read_text(encoding="utf-8").partition("\n")[2].strip()
    return f"{case.seeds} seeds of `efficientnet-lite0`.\n\n{board}"


def mean(metric: Metric, folder: Path, name: str) -> str:
    """The mean test metric of the heads that stand beside a study."""
    results = [files.read_json(path, "a run") for path in folder.glob(f"{name}-*/result.json")]
    values = [result["metrics"]["test"][metric.name]["value"] for result in results]
    return format_value(metric, float(np.mean(values))) if values else "not run"


def prices(out: Path) -> list[str]:
    """The rows of what each validator loses over the pairs that were run: on average, at most."""
    boards = [board for pair in PAIRS if (board := board_of(pair, out))]
    losses: dict[str, list[float]] = {}
    for board in boards:
        for selection in select_by_each(board):
            losses.setdefault(selection.by, []).append(selection.loss)
    return [
        f"| {by} | {amount(boards[0].metric, float(np.mean(each)))} | "
        f"{amount(boards[0].metric, max(each))} | {len(each)} |"
        for by, each in sorted(losses.items(), key=lambda item: float(np.mean(item[1])))
    ]


def board_of(pair: Pair, out: Path) -> Board | None:
    """The leaderboard of a pair; None if it was not run."""
    folder = out / pair.folder / "study"
    return build(read(folder)) if (folder / "study.json").exists() else None


def page(texts: dict[str, str], out: Path) -> str:
    """The page: how it was made, the price of each validator, and a section a pair."""
    lines = [
        "# Adaptation to another domain",
        "",
        "Printed by `python benchmarks/adaptation.py`. `feature-extraction` and "
        "`source-only:trains=head` train heads on recorded features of a frozen network. Labels of "
        "the target are used for its test split alone, and for the rows that say so.",
        "",
        machine(),
        "",
        "## What choosing without labels costs",
        "",
        "Less than the best technique on the test split of the target, over the pairs below.",
        "",
        "| chosen by | mean | at most | pairs |",
        "| --- | ---: | ---: | ---: |",
        *prices(out),
    ]
    parts = [f"## {name}\n\n{text}" for name, text in texts.items()]
    return "\n\n".join(["\n".join(lines), *parts]) + "\n"


def sections() -> dict[str, str]:
    """The sections of the page by name, as they were written before."""
    path = HERE / "adaptation.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = text.split("\n## ")[1:]
    named = {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}
    return {case.name: named[case.name] for case in [*PAIRS, LEFT_OUT] if case.name in named}


if __name__ == "__main__":
    main()
