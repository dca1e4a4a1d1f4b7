"""The arguments and options that several verbs share, and how their words are read.

Ranges of numbers are checked where Python gives them as well, so that a message holds the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from graft.base import files
from graft.base.errors import BadValue


def existing(path: str) -> str:
    """The path; raises DataError if nothing is there, before anything heavy is imported."""
    files.check_exists(Path(path))
    return path


DataPath = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder or a file in one of the forms that 'graft list formats' shows.",
        callback=existing,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout, nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]

TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="What to predict, with its options, as text-classification:long=windows or "
        "image-regression:unit=g; else found. See: graft list tasks.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="The form of DATA; found when not given. See: graft list formats."
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="ROLE=NAME",
        help="Which column holds a role, as label=topic. Repeatable.",
    ),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header", help="Whether the first row of a table names its columns."
    ),
]
Delimiter = Annotated[
    str | None, typer.Option("--delimiter", help="What stands between the cells of a table.")
]
LabelSeparator = Annotated[
    str | None,
    typer.Option("--label-separator", help="What stands between several labels in one cell."),
]
Shots = Annotated[
    int | None, typer.Option("--shots", help="Train on so many examples of each class.")
]
Fraction = Annotated[
    float,
    typer.Option("--fraction", help="Train on this share of the training split, above 0 up to 1."),
]
Unlabeled = Annotated[
    str | None,
    typer.Option(
        "--unlabeled",
        metavar="PATH",
        help="More texts, for techniques that learn from those without labels.",
    ),
]

Backbones = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        "--backbones",
        "-b",
        help="A pretrained network; repeatable. See: graft list backbones.",
    ),
]
BackboneName = Annotated[
    str | None,
    typer.Option("--backbone", "-b", help="The pretrained network. See: graft list backbones."),
]
Techniques = Annotated[
    list[str] | None,
    typer.Option(
        "--technique",
        "--techniques",
        "-t",
        help="A technique, as lora:r=4; repeatable. See: graft list techniques.",
    ),
]
TechniqueName = Annotated[
    str | None,
    typer.Option(
        "--technique",
        "-t",
        help="How to transfer, as lora:r=4; else lp-ft, for text generation lora. See: graft list "
        "techniques.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="The seed of splits, heads and order.")]
Epochs = Annotated[
    float | None,
    typer.Option(
        "--epochs", help="Passes over the training split; chosen from the data when not given."
    ),
]
CheckpointSeconds = Annotated[
    float,
    typer.Option("--checkpoint-seconds", help="A run that is killed loses no more than this."),
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Examples a step.")]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", help="bf16 or fp32; what the processor does natively when not given."
    ),
]
Weighted = Annotated[bool, typer.Option("--weighted", help="Weigh classes by how rare they are.")]
Out = Annotated[
    str | None, typer.Option("--out", "-o", help="The folder to write; under runs/ when not given.")
]


def columns(pairs: list[str] | None) -> dict[str, str] | None:
    """`["label=topic"]` as `{"label": "topic"}`; raises BadValue for a pair that is none, or a
    role that is given twice."""
    if not pairs:
        return None
    names: dict[str, str] = {}
    for role, equals, name in (pair.partition("=") for pair in pairs):
        if not (role and equals and name):
            raise BadValue(
                f"--columns {role}{equals}{name} is not ROLE=NAME. Write it so: --columns "
                "label=topic --columns text=question."
            )
        if role in names:
            raise BadValue(
                f"--columns gives {role} twice, as {names[role]!r} and {name!r}. Give it once; "
                f"several columns of texts or labels are joined so: --columns {role}="
                f"{names[role]}+{name}."
            )
        names[role] = name
    return names


def fractions(words: str) -> tuple[float, ...]:
    """`"0.1,1"` as `(0.1, 1.0)`; raises BadValue for what is no number."""
    try:
        return tuple(float(word) for word in words.split(","))
    except ValueError as error:
        raise BadValue(
            f"--fractions {words} is not a list of numbers. Write it so: --fractions 0.1,0.3,1."
        ) from error


MAY_BE_EMPTY = ("inputs", "prompts", "label_separator")
"""Texts to predict from, and a separator that says that every cell is one label."""


def refuse_empty(shown: str, name: str, value: object) -> None:
    """Raise BadValue if the value of an option or argument is an empty text."""
    values = value if isinstance(value, list | tuple) else [value]
    is_empty = any(isinstance(word, str) and not word.strip() for word in values)
    if is_empty and name not in MAY_BE_EMPTY:
        shown = shown if shown.startswith("-") else name.upper()
        raise BadValue(f"{shown} is empty. Give a value, or leave it out if it is optional.")


def check_output(out: str, inputs: Iterable[str]) -> None:
    """Raise BadValue if the file to write is one of those that are read."""
    place = Path(out).absolute().resolve()
    for name in inputs:
        if len(name) < 4096 and "\0" not in name and Path(name).absolute().resolve() == place:
            raise BadValue(
                f"--out {out} is the input {name}, which would be lost. Name another file."
            )


def given(**values: object) -> dict[str, object]:
    """Only the options that the user gave."""
    return {name: value for name, value in values.items() if value is not None}


def reading(
    format: str | None,
    names: list[str] | None,
    header: bool | None,
    delimiter: str | None,
    label_separator: str | None = None,
) -> dict[str, object]:
    """How the data are to be read, as far as the user said so."""
    return given(
        format=format,
        columns=columns(names),
        header=header,
        delimiter=delimiter,
        label_separator=label_separator,
    )
