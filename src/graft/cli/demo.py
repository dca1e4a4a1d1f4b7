"""`graft demo`: two short comparisons of real data, one that transfer wins, one that it loses."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from graft.cli import options as o
from graft.datasets import write_digits, write_questions

FRESH = (
    "Can a machine fall in love?",
    "How do I reverse a list?",
    "You seem sad today.",
    "Which river flows through Paris?",
)
"""Questions that are not in the corpus, to try the trained model on."""


@dataclass(frozen=True)
class Question:
    """One comparison of the demo: what is asked, the data it writes, and how they are compared."""

    name: str
    words: str
    write: Callable[[Path], Path]
    techniques: tuple[str, ...]
    shots: int


def demo(
    out: Annotated[
        str, typer.Option("--out", "-o", help="The folder to write.", rich_help_panel=o.OUTPUT)
    ] = "runs/demo",
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Run two real comparisons in a few minutes: in one transfer wins, in the other it loses."""
    studies = {}
    for number, question in enumerate(QUESTIONS, 1):
        typer.echo(f"\n{number} of {len(QUESTIONS)}. {question.words}\n", err=True)
        studies[question.name] = _answer(question, Path(out), quiet)
        if not as_json:
            _show(question, studies[question.name])
    _end(studies, as_json)


def _answer(question: Question, out: Path, quiet: bool) -> Any:
    """Write the data and compare on them; what is finished already is not done again."""
    from graft import api
    from graft.base import env
    from graft.cli.train import watch

    data = question.write(out)
    folder = out / f"{question.name}-study"
    options = [f"-t {t}" for t in question.techniques] + [f"--shots {question.shots}"]
    command = " ".join(
        ["graft compare", shlex.quote(str(data)), *options, "--out", shlex.quote(str(folder))]
    )
    with watch(quiet, "Run graft demo again to go on: finished runs are kept.") as observer:
        observer.note(f"The same by hand: {command}")
        return api.compare(
            str(data),
            question.techniques,
            seeds=3,
            shots=question.shots,
            jobs=env.accelerators() or env.cores(),
            out=folder,
            command=command,
            observer=observer,
        )


def _show(question: Question, study: Any) -> None:
    from graft import api
    from graft.cli import board, show

    board.leaderboard(study.folder)
    board.verdict(study.verdict)
    if question.name != "questions":
        return
    best = next((f for f in _list_finished(study.folder) if f[0] == study.verdict.technique), None)
    if best:
        typer.echo("\nQuestions that it has never seen:")
        rows = api.load(best[1]).predict(list(FRESH))
        show.names(
            [
                (text, f"{row['prediction']} ({row['confidence']:.0%})")
                for text, row in zip(FRESH, rows, strict=True)
            ],
            "  ",
        )


def _list_finished(study: Path) -> list[tuple[str, Path]]:
    """List (technique, folder) of every finished run."""
    from graft.studies.records import read_result

    folders = [file.parent for file in sorted((study / "runs").glob("*/result.json"))]
    return [(read_result(folder)["technique"], folder) for folder in folders]


def _end(studies: dict[str, Any], as_json: bool) -> None:
    from dataclasses import asdict

    from graft.cli import show

    if as_json:
        show.answer_json(
            {
                name: {"report": s.report, "verdict": asdict(s.verdict)}
                for name, s in studies.items()
            }
        )
        return
    typer.echo("\nIn short")
    for name, study in studies.items():
        typer.echo(f"\n  {name}: {' '.join(study.verdict.sentences)}")
        typer.echo(f"  report: {study.report}")
    typer.echo("\nNow with your own data: graft check DATA, then graft compare DATA")


def _write_questions(out: Path) -> Path:
    return write_questions(out, lambda text: typer.echo(text, err=True))


QUESTIONS = (
    Question(
        "questions",
        "Which topic does a question belong to? Eight labeled examples a topic, and a network "
        "that has read a lot of English.",
        _write_questions,
        ("from-scratch", "feature-extraction", "full-fine-tuning"),
        shots=8,
    ),
    Question(
        "digits",
        "Which digit is it? Images of 8 x 8 pixels, and a network "
        "that knows photographs. Does it help here as well?",
        write_digits,
        ("from-scratch", "feature-extraction"),
        shots=10,
    ),
)
