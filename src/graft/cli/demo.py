"""`graft demo`: two short comparisons of real data, one that transfer wins, one that it loses."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from graft.base import files, wheels
from graft.base.wheels import Pin
from graft.cli import options as o

CORPUS = Pin(
    "chatterbot-corpus",
    "1.3.3",
    "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
    0.1,
)
TOPICS = ("ai", "coding", "emotion", "psychology", "trivia")
"""The topics of the corpus with at least 40 different questions."""

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
    from graft.cli import show

    show.leaderboard(study.folder)
    show.verdict(study.verdict)
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


def write_questions(out: Path) -> Path:
    """questions/train.csv and test.csv: every second question of each topic is held out."""
    folder = out / "questions"
    if folder.is_dir():
        return folder
    wheel = wheels.fetch(CORPUS, lambda text: typer.echo(text, err=True))
    splits: dict[str, list[str]] = {"train": ["text,topic\n"], "test": ["text,topic\n"]}
    seen: set[str] = set()
    for topic in TOPICS:
        fresh = {
            _words(text): text
            for text in reversed(_first_lines(wheel, topic))
            if _words(text) not in seen
        }
        seen.update(fresh)
        for number, text in enumerate(reversed(fresh.values())):
            quoted = text.replace('"', '""')
            splits["train" if number % 2 == 0 else "test"].append(f'"{quoted}",{topic}\n')

    def fill(part: Path) -> None:
        for name, rows in splits.items():
            (part / f"{name}.csv").write_text("".join(rows), encoding="utf-8")

    files.write_folder(folder, fill)
    return folder


def _first_lines(wheel: Path, topic: str) -> list[str]:
    """What the conversations of a topic begin with."""
    import yaml

    read = yaml.safe_load(wheels.read_member(wheel, f"chatterbot_corpus/data/english/{topic}.yml"))
    return [" ".join(conversation[0].split()) for conversation in read["conversations"]]


def _words(text: str) -> str:
    """The text without case and punctuation: two questions with the same words are one."""
    return re.sub(r"\W+", " ", text).strip().casefold()


def write_digits(out: Path) -> Path:
    """digits.npz: 1,797 handwritten digits of 8 x 8 pixels, 300 of them held out."""
    import numpy as np
    from sklearn.datasets import load_digits

    path = out / "digits.npz"
    if path.exists():
        return path
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:300], order[300:]
    arrays = {
        "x_train": images[train],
        "y_train": labels[train],
        "x_test": images[test],
        "y_test": labels[test],
    }

    def fill(part: Path) -> None:
        with open(part, "wb") as file:
            np.savez_compressed(file, **arrays)

    files.write(path, fill)
    return path


QUESTIONS = (
    Question(
        "questions",
        "Which topic does a question belong to? Eight labeled examples a topic, and a network "
        "that has read a lot of English.",
        write_questions,
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
