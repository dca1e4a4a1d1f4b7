"""The arguments and options that several verbs share, and how they are read.

The API checks ranges of numbers, so that its messages are the same from Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from graft.base import files
from graft.base.errors import BadValue

DATA, MODEL, TRAINING, OUTPUT, GENERATION = "Data", "Model", "Training", "Output", "Generation"
"""The headings under which the help lists options."""


def existing(path: str) -> str:
    """Return the path; raises DataError if it does not exist, before anything heavy is imported."""
    files.check_exists(Path(path))
    return path


DataPath = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder or a file in one of the formats of 'graft list formats'.",
        callback=existing,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Write only JSON to stdout.", rich_help_panel=OUTPUT),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        help="The number of seeds; a verdict needs at least two.",
        rich_help_panel=TRAINING,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", help="The number of runs at the same time.", rich_help_panel=TRAINING
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=OUTPUT)
]

TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="What to predict, with its options, such as text-classification:long=windows; "
        "detected by default. See: graft list tasks.",
        rich_help_panel=MODEL,
    ),
]
TaskNames = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        help="What to predict, with its options, such as text-classification:long=windows; "
        "detected by default. Repeat it to learn several tasks at once, each as the COLUMN of its "
        "target or COLUMN=TASK. See: graft list tasks.",
        rich_help_panel=MODEL,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="The format of DATA; detected by default. See: graft list formats.",
        rich_help_panel=DATA,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="ROLE=NAME",
        help="The column of a role, such as label=topic; repeatable.",
        rich_help_panel=DATA,
    ),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row of a table names its columns; detected by default.",
        rich_help_panel=DATA,
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        help="The character between the cells of a table; detected by default.",
        rich_help_panel=DATA,
    ),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option(
        "--label-separator",
        help="The character between several labels in one cell; detected by default.",
        rich_help_panel=DATA,
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="REGEX",
        help="What in the name of a file says its speaker or patient, such as '^[a-z]+' for "
        "anna-1.wav; all files of one are kept in one split.",
        rich_help_panel=DATA,
    ),
]
Shots = Annotated[
    int | None,
    typer.Option(
        "--shots",
        help="Train on this number of examples per class.",
        rich_help_panel=TRAINING,
    ),
]
Fraction = Annotated[
    float,
    typer.Option(
        "--fraction",
        help="Train on this share of the training split: more than 0, at most 1.",
        rich_help_panel=TRAINING,
    ),
]
Unlabeled = Annotated[
    str | None,
    typer.Option(
        "--unlabeled",
        metavar="PATH",
        help="More samples, for techniques that learn from samples without labels; labels that "
        "they have are not used.",
        rich_help_panel=DATA,
    ),
]
Forgetting = Annotated[
    str | None,
    typer.Option(
        "--forgetting",
        metavar="PATH",
        help="Measure what the network forgets, before and after, on PATH: labeled pictures of "
        "the classes that it was pretrained on, a .txt file, or clean speech with transcripts.",
        rich_help_panel=TRAINING,
    ),
]

Backbones = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        "--backbones",
        "-b",
        help="A pretrained network; repeatable. See: graft list backbones.",
        rich_help_panel=MODEL,
    ),
]
BackboneName = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        "-b",
        help="The pretrained network. See: graft list backbones.",
        rich_help_panel=MODEL,
    ),
]
Techniques = Annotated[
    list[str] | None,
    typer.Option(
        "--technique",
        "--techniques",
        "-t",
        help="A technique, such as lora:r=4; repeatable. See: graft list techniques.",
        rich_help_panel=MODEL,
    ),
]
TechniqueName = Annotated[
    str | None,
    typer.Option(
        "--technique",
        "-t",
        help="How to transfer, such as lora:r=4; by default lp-ft, or lora to write text. "
        "See: graft list techniques.",
        rich_help_panel=MODEL,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        help="The seed of the splits, the new head and the order of examples.",
        rich_help_panel=TRAINING,
    ),
]
Epochs = Annotated[
    float | None,
    typer.Option(
        "--epochs",
        help="Passes over the training split; by default chosen from the size of the data.",
        rich_help_panel=TRAINING,
    ),
]
CheckpointSeconds = Annotated[
    float,
    typer.Option(
        "--checkpoint-seconds",
        help="The time between two checkpoints: a killed run loses no more than this.",
        rich_help_panel=TRAINING,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option("--batch-size", help="Examples per step.", rich_help_panel=TRAINING),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="bf16 or fp32; by default what the processor computes natively.",
        rich_help_panel=TRAINING,
    ),
]
FixedPrecision = Annotated[
    str, typer.Option("--precision", help="bf16 or fp32.", rich_help_panel=MODEL)
]
Weighted = Annotated[
    bool,
    typer.Option(
        "--weighted",
        help="Give rare classes a larger weight in the loss.",
        rich_help_panel=TRAINING,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        help="The folder to write; by default a folder in runs/.",
        rich_help_panel=OUTPUT,
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Only estimate how long it takes and what would shorten it.",
        rich_help_panel=OUTPUT,
    ),
]


def columns(pairs: list[str] | None) -> dict[str, str] | None:
    """Turn `["label=topic"]` into `{"label": "topic"}`.

    Raises BadValue for what is not such a pair, and for a role that is given twice.
    """
    if not pairs:
        return None
    names: dict[str, str] = {}
    for role, equals, name in (pair.partition("=") for pair in pairs):
        if not (role and equals and name):
            raise BadValue(
                f"--columns {role}{equals}{name} is not ROLE=NAME. Write for example: "
                "--columns label=topic --columns text=question."
            )
        if role in names:
            raise BadValue(
                f"--columns gives {role} twice, as {names[role]!r} and {name!r}. Give it once; to "
                f"join columns of texts or labels: --columns {role}={names[role]}+{name}."
            )
        names[role] = name
    return names


def fractions(words: str) -> tuple[float, ...]:
    """Turn `"0.1,1"` into `(0.1, 1.0)`; raises BadValue for what is not a number."""
    try:
        return tuple(float(word) for word in words.split(","))
    except ValueError as error:
        raise BadValue(
            f"--fractions {words} is not a list of numbers. Write for example: "
            "--fractions 0.1,0.3,1."
        ) from error


MAY_BE_EMPTY = ("inputs", "prompts", "label_separator")
"""Texts to predict from may be empty; an empty separator means one label per cell."""


def refuse_empty(shown: str, name: str, value: object) -> None:
    """Raise BadValue if the value of an option or argument is an empty text."""
    values = value if isinstance(value, list | tuple) else [value]
    is_empty = any(isinstance(word, str) and not word.strip() for word in values)
    if is_empty and name not in MAY_BE_EMPTY:
        shown = shown if shown.startswith("-") else name.upper()
        raise BadValue(f"{shown} is empty. Give a value, or leave it out if it is optional.")


def check_output(out: str, inputs: Iterable[str]) -> None:
    """Raise BadValue if the file to write is one of the inputs."""
    place = Path(out).absolute().resolve()
    for name in inputs:
        if len(name) < 4096 and "\0" not in name and Path(name).absolute().resolve() == place:
            raise BadValue(
                f"--out {out} is the input {name}, which would be lost. Name another file."
            )


def keep_given(**values: object) -> dict[str, object]:
    """Keep only the options that the user gave."""
    return {name: value for name, value in values.items() if value is not None}


def reading_options(
    format: str | None,
    names: list[str] | None,
    header: bool | None,
    delimiter: str | None,
    label_separator: str | None = None,
    group_by: str | None = None,
) -> dict[str, object]:
    """Collect the options that the user gave about reading the data."""
    return keep_given(
        format=format,
        columns=columns(names),
        header=header,
        delimiter=delimiter,
        label_separator=label_separator,
        group_by=group_by,
    )
