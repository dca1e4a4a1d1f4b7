"""Measure what the default settings reach on real data, beside from-scratch and the baselines.

    python benchmarks/quality.py [--data FOLDER] [--out FOLDER] [--only NAME ...]

Runs or resumes one study a data set, prints the tables and writes them to benchmarks/quality.md.
Sections of cases that were not run stay as they are, and so do the sections at the end that belong
to no case.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from choose import choose, make_parser

import graft
from graft.api import open_study
from graft.base import env, files
from graft.base.counts import plural
from graft.base.errors import GraftError
from graft.reports.board import Row
from graft.reports.leaderboard import build
from graft.reports.read import read
from graft.training.observers import Observer, StudyEvent, event_line, plan_lines

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One data set, the techniques compared on it, and what each should reach.

    `options` are for reading the data, `settings` for the comparison, `also` names further metrics.
    `files` names the splits of a folder whose file names do not. `sizes` limits a split to its
    first examples; 0 cuts the split from training instead. `notes` go below the table.
    """

    name: str
    path: str
    techniques: tuple[str, ...]
    seeds: int = 1
    asked: dict[str, float] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The name of the folder that its study is kept in."""
        return re.sub(r"\W+", "-", self.name)


FIVE = ("feature-extraction", "partial-fine-tuning", "lp-ft", "full-fine-tuning", "from-scratch")
THREE = ("feature-extraction", "full-fine-tuning", "from-scratch")
FEW = (
    "zero-shot",
    "nearest-prototypes",
    "feature-extraction",
    "contrastive-few-shot",
    "full-fine-tuning",
    "from-scratch",
)
OWN_HEAD = ("zero-shot", "lora", "from-scratch")


def similar_sentences(language: str, words: str, backbone: str, train: int, epochs: int) -> Case:
    """How alike two sentences are, from 0 to 5, read by a network of the language."""
    return Case(
        f"stsb_en_de_es, {words}, how alike two sentences are",
        "stsb_en_de_es",
        THREE,
        2,
        settings={"task": "text-regression", "backbones": backbone, "epochs": epochs},
        files={split: f"{language}_{split}.csv" for split in ("train", "valid", "test")},
        sizes={"train": train, "val": 200, "test": 450},
        also=("mae", "pearson", "spearman"),
        notes=(f"{epochs} epochs of `{backbone}`.",),
    )


def segments(name: str, head: str, size: int, epochs: int, more: str = "") -> Case:
    """The class of each pixel, by a head on a pretrained encoder and on one from scratch."""
    return Case(
        f"{name}, {head}",
        name,
        ("full-fine-tuning", "from-scratch"),
        settings={
            "task": f"semantic-segmentation:head={head},size={size}{more}",
            "epochs": epochs,
        },
        also=("dice", "boundary_f1"),
        notes=(f"{epochs} epochs; the longer side of a picture has {size} pixels.",),
    )


def few_labels(name: str, shots: int) -> Case:
    """All ways to classify by few labels; the classes of sst2 have numbers for names."""
    spelled = (
        {"zero-shot": "zero-shot:descriptions=0=a bad film;1=a good film"} if name == "sst2" else {}
    )
    published = {
        (
            "ag_news",
            16,
        ): "SetFit's documentation reports 0.782 for this number of labels with "
        "paraphrase-MiniLM-L3-v2, on all 7,600 test texts (its guide to knowledge distillation); "
        "its paper has MiniLM only as a mean over other data sets."
    }
    return Case(
        f"{name}, {shots} labels a class",
        name,
        tuple(spelled.get(technique, technique) for technique in FEW),
        5,
        settings={"shots": shots},
        notes=(published[name, shots],) if (name, shots) in published else (),
    )


CASES = (
    Case(
        "hymenoptera",
        "hymenoptera",
        FIVE,
        3,
        {"feature-extraction": 0.92, "lp-ft": 0.92, "full-fine-tuning": 0.92},
    ),
    Case(
        "cats_dogs",
        "cats_dogs",
        ("feature-extraction", "from-scratch"),
        1,
        {"feature-extraction": 0.985},
    ),
    Case(
        "sms_spam",
        "sms_spam/SMSSpamCollection.tsv",
        THREE,
        2,
        {"feature-extraction": 0.975, "full-fine-tuning": 0.98},
    ),
    Case("sst2", "sst2", THREE, 1, {"full-fine-tuning": 0.88}),
    Case("ag_news", "ag_news", THREE, 1, {"full-fine-tuning": 0.88}),
    Case("cifar10, 1,000 images", "cifar10", THREE, 1, {}, {"fraction": 0.1}),
    Case("tinyimagenet100", "tinyimagenet100", THREE, 1),
    *(few_labels(name, shots) for name in ("sst2", "ag_news") for shots in (8, 16, 64)),
    Case(
        "ag_news, 16 labels a class and the other texts without",
        "ag_news",
        ("masked-language-modeling then full-fine-tuning", "full-fine-tuning", "from-scratch"),
        3,
        settings={"shots": 16},
    ),
    Case(
        "conll2003, named entities, three epochs",
        "conll2003",
        ("full-fine-tuning", "from-scratch"),
        1,
        {"full-fine-tuning": 0.865},
        settings={"epochs": 3},
        also=("entity_precision", "entity_recall"),
    ),
    Case(
        "xquad_en, questions",
        "xquad_en",
        ("full-fine-tuning", "from-scratch"),
        3,
        also=("exact_match",),
    ),
    Case(
        "subjqa electronics, questions, many without an answer",
        "subjqa/electronics",
        ("full-fine-tuning", "from-scratch"),
        3,
        sizes={"val": 0},
        also=("exact_match",),
        notes=(
            "Validation is cut from training: of the 261 questions in the validation file, "
            "249 are in training too.",
        ),
    ),
    Case(
        "subjqa tripadvisor, questions, many without an answer",
        "subjqa/tripadvisor",
        ("full-fine-tuning", "from-scratch"),
        3,
        sizes={"val": 0},
        also=("exact_match",),
        notes=(
            "Validation is cut from training: of the 240 questions in the validation file, "
            "222 are in training too.",
        ),
    ),
    Case("tinyshakespeare, running text", "tinyshakespeare", OWN_HEAD, 1),
    Case(
        "aeslc, mails after their subjects",
        "aeslc",
        OWN_HEAD,
        1,
        options={"columns": {"prompt": "subject", "completion": "email"}},
        settings={"task": "text-generation"},
        sizes={"train": 600, "val": 100, "test": 300},
    ),
    Case(
        "aeslc, subjects as summaries of mails",
        "aeslc",
        OWN_HEAD,
        1,
        settings={"task": "summarization"},
        sizes={"train": 600, "val": 100, "test": 300},
        also=("rouge2", "rougeL"),
        notes=(
            "PEGASUS, trained on all 14,436 mails, is reported at 0.377, 0.219 and 0.368 against "
            "the subject alone; here the nearest of four references counts.",
        ),
    ),
    Case(
        "multi30k_en_de, translation",
        "multi30k_en_de",
        OWN_HEAD,
        1,
        settings={"task": "translation"},
        sizes={"train": 2_000, "val": 100, "test": 200},
        also=("chrf",),
        notes=(
            "Small Transformers trained from scratch on all 29,000 pairs are reported at 0.38 to "
            "0.41 BLEU.",
        ),
    ),
    similar_sentences("en", "English", "minilm-l6", 400, 4),
    similar_sentences("de", "German", "me5-small", 250, 3),
    Case(
        "food_grams, the weight of a portion",
        "food_grams/labels.csv",
        THREE,
        2,
        options={
            "columns": {"image": "file", "value": "grams", "group": "portion", "category": "food"}
        },
        settings={"task": "image-regression:unit=g", "epochs": 4},
        also=("mae", "r2", "spearman"),
        notes=(
            "4 epochs. The category is the food: its mean shows what the type alone explains. "
            "No network reads it.",
        ),
    ),
    Case(
        "coffee_leaf, up to four diseases a leaf",
        "coffee_leaf/labels.csv",
        THREE,
        2,
        options={"columns": {"image": "file", "label": "miner+rust+phoma+cercospora"}},
        settings={"task": "image-classification", "epochs": 3},
        also=("f1", "auroc"),
        notes=("3 epochs.",),
    ),
    Case(
        "bccd, blood cells at 320 pixels",
        "bccd",
        ("full-fine-tuning", "from-scratch"),
        2,
        settings={"task": "object-detection:size=320", "epochs": 4},
        also=("ap50", "ap75"),
        notes=("4 epochs of `faster-rcnn`.",),
    ),
    segments("coffee_leaf_masks", "unet", 256, 6),
    segments("coffee_leaf_masks", "deeplab-v3-plus", 256, 6),
    segments("camvid", "unet", 256, 4, ",ignore=11"),
    segments("camvid", "deeplab-v3-plus", 256, 4, ",ignore=11"),
    Case(
        "nuclei_dsb2018, nuclei under a microscope, by 5, 20 and all pictures",
        "nuclei_dsb2018",
        ("full-fine-tuning", "from-scratch"),
        settings={
            "task": "semantic-segmentation:size=160,criterion=cross-entropy+dice",
            "fractions": (5 / 120, 20 / 120, 1.0),
            "epochs": 12,
        },
        also=("dice", "boundary_f1"),
        notes=("12 epochs of `unet` on pictures of 160 pixels at most.",),
    ),
)


class Lines(Observer):
    """A line a run."""

    def study_plan(self, plan: dict[str, Any]) -> None:
        print("\n".join(f"  {line}" for line in plan_lines(plan)), flush=True)

    def study_event(self, event: StudyEvent) -> None:
        print(f"  {event.state}: {event_line(event)}", flush=True)


def main() -> None:
    asked = make_parser(__doc__, "quality")
    asked.add_argument("--jobs", type=int, help="runs at a time")
    given = asked.parse_args()
    chosen = choose(CASES, "case", given.only)
    written = sections((HERE / "quality.md").read_text(encoding="utf-8"))
    for case in CASES:
        out = given.out / case.folder
        if case in chosen:
            if not given.print:
                run(case, given.data, out, given.jobs)
            if any(out.glob("runs/*/result.json")):
                written[case.name] = section(case, out)
                print(written[case.name])
    found = [written.pop(case.name, f"## {case.name}: not run\n") for case in CASES]
    by_hand = written.values()
    text = "\n".join([*HEAD, machine(), "", *found, *by_hand])
    (HERE / "quality.md").write_text(text, encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """The sections of the page by the names of their cases."""
    found = ("## " + part.strip() + "\n" for part in text.split("\n## ")[1:])
    return {part[3:].split(": ")[0]: part for part in found}


def section(case: Case, folder: Path) -> str:
    verdict = (f"> {sentence}" for sentence in open_study(folder).verdict.sentences)
    return "\n".join(
        [
            *table(case, folder),
            "",
            *verdict,
            "",
            *(line for note in case.notes for line in (note, "")),
        ]
    )


def run(case: Case, folder: Path, out: Path, jobs: int | None) -> None:
    """Run, or go on with, the study of one data set; says so where the data are not there."""
    if not (folder / case.path).exists():
        print(f"{case.name}: skipped, {case.path} is not in the data folder")
        return
    print(case.name, flush=True)
    source: Any = folder / case.path
    if case.files:
        source = {split: pd.read_csv(source / name) for split, name in case.files.items()}
    data = graft.load_data(source, task=case.settings.get("task"), **case.options)
    data = data.with_splits(
        {split: samples[: case.sizes.get(split)] for split, samples in data.splits.items()}
    )
    data = graft.load_data(data, task=case.settings.get("task"))
    graft.compare(
        data,
        case.techniques,
        seeds=case.seeds,
        jobs=jobs,
        out=out,
        observer=Lines(),
        **case.settings,
    )


HEAD = (
    "# What the defaults reach",
    "",
    "Printed by `make bench`, on real data with default settings, except where a heading names",
    "others. The metric is the mean over seeds on the test split, with its 95 % interval over",
    "examples and seeds; the examples of one group count as one. `train` is the wall time of",
    "training without evaluation. Unless a heading names another, the backbone is",
    "`efficientnet-lite0` for images, `minilm-l6` for texts and `smollm2-135m` for generated",
    "texts. A run had one core or two; times vary several-fold with the load of the machine.",
    "",
)


def machine() -> str:
    found, versions = env.hardware(), env.versions()
    cores = plural(found["cores"], "core")
    machine = f"{found['processor']}, {cores}, {found['native_precision']}"
    return f"Machine: {machine}; torch {versions['torch']}."


def table(case: Case, folder: Path) -> list[str]:
    """The Markdown rows of one study: baselines first, techniques in the order of the case."""
    results = [files.read_json(path, "a run") for path in folder.glob("runs/*/result.json")]
    counts = results[0]["data"]["counts"]
    board = build(read(folder))
    metrics = [metric.words for metric in (board.metric, *map(board.study.metric, case.also))]
    examples = (
        " / ".join(f"{counts[split]:,}" for split in ("train", "val", "test"))
        + " train, validation and test examples"
    )
    groups = (
        f", those of test in {board.test_groups:,} groups"
        if board.test_groups < board.test_examples
        else ""
    )
    rows = [
        f"## {case.name}: {examples}{groups}",
        "",
        "| what | "
        + " | ".join([metrics[0], "95 % interval", *metrics[1:], "asked", "seeds", "train, s"])
        + " |",
        "| --- |" + " ---: |" * (len(metrics) + 4),
    ]
    names = [row.cell.name for row in board.rows if row.cell.is_baseline]
    return rows + [
        line(case, row)
        for name in (*dict.fromkeys(names), *case.techniques)
        for row in board.rows
        if row.cell.name == name
    ]


def line(case: Case, row: Row) -> str:
    """The Markdown of one technique or baseline."""
    name, score, seconds = row.cell.name, row.score, (row.cost or {}).get("train_seconds")
    if row.cell.size.fraction < 1:
        name += f", {row.cell.size.fraction:.0%} of the training split"
    if score is None:
        return f"| {name} | not run |" + " |" * (len(case.also) + 4)
    others = [row.others.get(metric) for metric in case.also]  # None where it is undefined
    also = ["" if value is None else f"{value:.3f}" for value in others]
    asked = f"{case.asked[row.cell.name]:.3f}" if row.cell.name in case.asked else ""
    seeds = "" if row.cell.is_baseline else str(len(row.seeds))
    time = "" if seconds is None else f"{seconds:.0f}"
    return (
        "| "
        + " | ".join(
            [
                name,
                f"{score.value:.3f}",
                f"{score.low:.3f} to {score.high:.3f}",
                *also,
                asked,
                seeds,
                time,
            ]
        )
        + " |"
    )


if __name__ == "__main__":
    try:
        main()
    except GraftError as error:
        sys.exit(str(error))
