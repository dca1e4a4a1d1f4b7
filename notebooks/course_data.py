"""The data of the course: real data where they can be had, and small ones that always can.

Each function looks into the folder that `GRAFT_DATA` names, then for what packages carry, and says
in a sentence what it returns. Nothing is downloaded but the packages that Graft fetches itself,
and, where there is a network, what torchvision fetches.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from pydoc_data.topics import topics

import pandas as pd

import graft
from graft.base import plugins
from graft.cli.demo import write_digits, write_questions

# transformers asks for widgets, which no chapter shows.
warnings.filterwarnings("ignore", message="IProgress not found")

HOME = Path("runs") / "course"
"""Where the data that packages carry are written, beside the runs."""
TUTORIAL = "https://download.pytorch.org/tutorial/hymenoptera_data.zip"


def questions(**sizes: int) -> graft.Data:
    """Short questions with one of five topics, out of a package: 86 kB, the same everywhere."""
    HOME.mkdir(parents=True, exist_ok=True)
    data = graft.load_data(write_questions(HOME))
    return _describe(data, "questions with one of five topics, out of a package", sizes)


def digits(**sizes: int) -> graft.Data:
    """Handwritten digits of 8 x 8 pixels, which scikit-learn carries."""
    HOME.mkdir(parents=True, exist_ok=True)
    data = graft.load_data(write_digits(HOME))
    return _describe(data, "handwritten digits of 8 x 8 pixels, which scikit-learn carries", sizes)


def photographs(**sizes: int) -> graft.Data:
    """Photographs of ants and bees, as in PyTorch's tutorial; else handwritten digits."""
    path = folder("hymenoptera") or _fetch_photographs()
    if path is None:
        print("No photographs: GRAFT_DATA has no folder hymenoptera, and the download failed.")
        return digits(**sizes)
    return _describe(graft.load_data(path), "photographs of ants and bees", sizes)


def small_images(**sizes: int) -> graft.Data:
    """Small color images of objects: CIFAR-10; else handwritten digits."""
    path = folder("cifar10")
    if path is None:
        print("No small color images: GRAFT_DATA has no folder cifar10.")
        return digits(**sizes)
    return _describe(graft.load_data(path), "color images of 32 x 32 pixels", sizes)


def reviews(**sizes: int) -> graft.Data:
    """Sentences about films, bad or good: SST-2; else the questions with topics."""
    path = folder("sst2")
    if path is None:
        print("No film reviews: GRAFT_DATA has no folder sst2.")
        return questions(**sizes)
    words = {"0": "bad", "1": "good"}
    frames = {
        split: pd.read_csv(path / name, sep="\t", names=["text", "label"], dtype=str, quoting=3)
        for split, name in (("train", "train.tsv"), ("val", "dev.tsv"), ("test", "test.tsv"))
    }
    for frame in frames.values():
        frame["label"] = frame["label"].map(words)
    return _describe(graft.load_data(frames), "sentences of film reviews, bad or good", sizes)


def passages(**sizes: int) -> graft.Data:
    """Running text in passages: Shakespeare's plays; else the documentation that Python carries."""
    path = folder("tinyshakespeare")
    if path is not None:
        return _describe(graft.load_data(path), "passages of Shakespeare's plays", sizes)
    print("No plays: GRAFT_DATA has no folder tinyshakespeare.")
    rows = [{"passage": text[:1500]} for text in topics.values() if len(text) >= 1500]
    return _describe(
        graft.load_data(rows, val=0.2, test=0.3), "passages of Python's own documentation", sizes
    )


def of_task(task: str, name: str, words: str, **sizes: int) -> graft.Data:
    """Data of GRAFT_DATA for a task; else the few dozen samples that Graft tests the task with."""
    path = folder(name)
    if path is not None:
        return _describe(graft.load_data(path, task=task), words, sizes)
    print(f"GRAFT_DATA has no folder {name}: what follows runs on a few made-up samples.")
    return _describe(plugins.load("task", task).tiny_data(), "made-up samples", {})


def folder(name: str) -> Path | None:
    """Return this folder of the one that GRAFT_DATA names, or None if it is not there."""
    path = Path(os.environ.get("GRAFT_DATA", "")) / name
    return path if "GRAFT_DATA" in os.environ and path.exists() else None


def _fetch_photographs() -> Path | None:
    """Return the folder of the tutorial's photographs, fetched once; None without a network."""
    from torchvision.datasets.utils import download_and_extract_archive

    path = HOME / "hymenoptera_data"
    if not path.exists():
        try:
            download_and_extract_archive(TUTORIAL, str(HOME))
        except (OSError, RuntimeError):  # no network, or a damaged archive
            return None
    return path


def _describe(data: graft.Data, words: str, sizes: dict[str, int]) -> graft.Data:
    """Return the data, reduced to `sizes`, and say what they are."""
    data = data.sample(**{name: size for name, size in sizes.items() if name in data.splits})
    counts = ", ".join(f"{len(samples):,} {name}" for name, samples in data.splits.items())
    print(f"Data: {words} ({counts}).")
    return data
