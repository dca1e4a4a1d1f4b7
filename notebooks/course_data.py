"""The data of the course: real data where they can be had, and small ones that always can.

Each function looks into the folder that `GRAFT_DATA` names, then for what packages carry, and says
in a sentence what it returns. Nothing is downloaded but the packages that Graft fetches itself,
and, where there is a network, what torchvision fetches.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pandas as pd
from PIL import Image

import graft

# transformers asks for widgets, which no chapter shows.
warnings.filterwarnings("ignore", message="IProgress not found")

HOME = Path("runs").resolve() / "course"
"""Where the data that packages carry are written, beside the runs."""
TUTORIAL = "https://download.pytorch.org/tutorial/hymenoptera_data.zip"


def questions(**sizes: int) -> graft.Data:
    """Short questions with one of five topics, out of a package: 86 kB, the same everywhere."""
    data = graft.load_data(graft.datasets.write_questions(HOME))
    return _describe(data, "questions with one of five topics, out of a package", sizes)


def digits(**sizes: int) -> graft.Data:
    """Handwritten digits of 8 x 8 pixels, which scikit-learn carries."""
    data = graft.load_data(graft.datasets.write_digits(HOME))
    return _describe(data, "handwritten digits of 8 x 8 pixels, which scikit-learn carries", sizes)


def photographs(**sizes: int) -> graft.Data:
    """Photographs of ants and bees, as in PyTorch's tutorial; else handwritten digits."""
    path = folder("hymenoptera") or _fetch_photographs()
    if path is None:
        print(f"No photographs: {_why_not('hymenoptera')}, and the download failed.")
        return digits(**sizes)
    return _describe(graft.load_data(path), "photographs of ants and bees", sizes)


def small_images(**sizes: int) -> graft.Data:
    """Small color images of objects: CIFAR-10; else handwritten digits."""
    path = folder("cifar10")
    if path is None:
        print(f"No small color images: {_why_not('cifar10')}.")
        return digits(**sizes)
    return _describe(graft.load_data(path), "color images of 32 x 32 pixels", sizes)


def reviews(**sizes: int) -> graft.Data:
    """Sentences about films, bad or good: SST-2; else the questions with topics."""
    path = folder("sst2")
    if path is None:
        print(f"No film reviews: {_why_not('sst2')}.")
        return questions(**sizes)
    words = {"0": "bad", "1": "good"}
    frames = {
        split: pd.read_csv(path / name, sep="\t", names=["text", "label"], dtype=str, quoting=3)
        for split, name in (("train", "train.tsv"), ("val", "dev.tsv"), ("test", "test.tsv"))
    }
    for frame in frames.values():
        frame["label"] = frame["label"].map(words)
    return _describe(graft.load_data(frames), "sentences of film reviews, bad or good", sizes)


def passages(characters: int = 1500, **sizes: int) -> graft.Data:
    """Running text in passages: Shakespeare's plays; else the documentation that Python carries.

    Of each passage `characters` are kept: short ones take less time.
    """
    path = folder("tinyshakespeare")
    if path is None:
        print(f"No plays: {_why_not('tinyshakespeare')}.")
        rows = [{"passage": text[:1500]} for text in topics.values() if len(text) >= 1500]
        words = "passages of Python's own documentation"
        data = graft.load_data(rows, val=0.2, test=0.3)
    else:
        words = "passages of Shakespeare's plays"
        data = graft.load_data(path)
    cut = {
        split: [
            replace(sample, roles={"passage": sample.roles["passage"][:characters]})
            for sample in samples
        ]
        for split, samples in data.splits.items()
    }
    return _describe(data.with_splits(cut), words, sizes)


def two_domains(**sizes: int) -> graft.Data:
    """Photographs with labels, cartoons without: PACS; else digits, and their negatives."""
    path = folder("pacs")
    if path is None:
        print(f"No photographs and cartoons: {_why_not('pacs')}.")
        source, target = _digits_and_negatives()
        words = "handwritten digits, and their negatives without labels"
    else:
        source, target = path / "photo", path / "cartoon"
        words = "photographs, and cartoons without labels"
    return _describe(graft.load_data(source, target=str(target)), words, sizes)


def few_labels(shots: int, **sizes: int) -> graft.Data:
    """Handwritten digits, of which `shots` of each class keep their label."""
    data = graft.load_data(graft.datasets.write_digits(HOME), shots=shots)
    return _describe(data, f"handwritten digits with {shots} labels a class", sizes)


def spoken_digits(by_speaker: bool = True, **sizes: int) -> graft.Data:
    """Recordings of the words zero to nine; else tones of three pitches, in noise.

    `by_speaker` keeps each speaker in one split; without, the recordings are mixed.
    """
    path = folder("fsdd")
    if path is None:
        return of_task("audio-classification", "fsdd", "", **sizes)
    rows = pd.read_csv(path / "labels.csv", dtype=str).drop(columns="split")
    rows["file"] = [str(path / "audio" / name) for name in rows["file"]]
    if not by_speaker:
        rows = rows.drop(columns="speaker")
    words = "spoken digits, each speaker in one split" if by_speaker else "spoken digits, mixed"
    return _describe(graft.load_data(rows, val=0.2, test=0.3), words, sizes)


def of_task(task: str, name: str, words: str, **sizes: int) -> graft.Data:
    """Data of GRAFT_DATA for a task; else the few dozen samples that Graft tests the task with."""
    path = folder(name)
    if path is not None:
        return _describe(graft.load_data(path, task=task), words, sizes)
    print(f"What follows runs on a few made-up samples: {_why_not(name)}.")
    return _describe(graft.datasets.make_samples(task), "made-up samples", {})


def shorter(data: graft.Data, characters: int, **sizes: int) -> graft.Data:
    """Only the samples whose source has at most so many characters."""
    splits = {
        split: [sample for sample in samples if len(sample.roles["source"]) <= characters]
        for split, samples in data.splits.items()
    }
    words = f"those with a source of up to {characters} characters"
    return _describe(data.with_splits(splits), words, sizes)


def commands(**sizes: int) -> graft.Data:
    """Spoken commands with their intent and a tag for each word: SNIPS; else made-up samples."""
    path = folder("snips_slu")
    if path is None:
        data = of_task("multi-task", "snips_slu", "", **sizes)
        return replace(data, columns={"parts": list(data.splits["train"][0].roles["parts"])})
    data = graft.load_data(path, task=["intent", "slots"])
    return _describe(data, "spoken commands, each with an intent and a tag for each word", sizes)


def questions_on_sentences(**sizes: int) -> graft.Data:
    """Questions, each with the sentence that holds its answer; else a few made-up samples."""
    if (path := folder("xquad_en")) is None:
        return of_task("question-answering", "xquad_en", "", **sizes)
    data = graft.load_data(path, task="question-answering")
    cut = {split: [_sentence_of(sample) for sample in data.splits[split]] for split in data.splits}
    words = "questions, each with the sentence of the text that answers it"
    return _describe(data.with_splits(cut), words, sizes)


def first_layers(model: str, layers: int, out: str) -> str:
    """Write the first layers of a saved sentence encoder as a network of its own; return its spec.

    The last layer of such an encoder takes the mean over the words, and stays.
    """
    from transformers import AutoModel, AutoTokenizer, logging

    logging.set_verbosity_error()  # it would report the head, which is left out
    logging.disable_progress_bar()
    trunk = AutoModel.from_pretrained(model)
    *kept, mean = trunk.encoder.layer
    trunk.encoder.layer = type(trunk.encoder.layer)([*kept[:layers], mean])
    trunk.config.num_hidden_layers = layers + 1
    trunk.save_pretrained(out)
    AutoTokenizer.from_pretrained(model).save_pretrained(out)
    return f"local:{out}"


def picture(sample: graft.Sample) -> Image.Image:
    """The picture of a sample, which is a file, the bytes of one, or an array of pixels."""
    image = sample.roles["image"]
    if isinstance(image, np.ndarray):
        return Image.fromarray(image).convert("RGB")
    return Image.open(io.BytesIO(image) if isinstance(image, bytes) else image).convert("RGB")


def wave(sample: graft.Sample) -> tuple[np.ndarray, int]:
    """The sound of a sample and its rate; the sound is a file or the bytes of one."""
    import soundfile  # of the extra `audio`, which other chapters do without

    sound = sample.roles["audio"]
    return soundfile.read(io.BytesIO(sound) if isinstance(sound, bytes) else sound)


def folder(name: str) -> Path | None:
    """Return this folder of the one that GRAFT_DATA names, or None if it is not there."""
    path = Path(os.environ.get("GRAFT_DATA", "")) / name
    return path if "GRAFT_DATA" in os.environ and path.exists() else None


def _why_not(name: str) -> str:
    """Why this folder is not there."""
    home = os.environ.get("GRAFT_DATA")
    if home is None:
        return "GRAFT_DATA is not set"
    if not Path(home).is_dir():
        return f"GRAFT_DATA is {home!r}, which is no folder"
    return f"the folder of GRAFT_DATA has no folder {name}"


def _digits_and_negatives() -> tuple[Path, Path]:
    """The files of scikit-learn's digits, and of the negatives of every second one."""
    path = graft.datasets.write_digits(HOME)
    negatives, part = HOME / "negatives.npz", HOME / "part.npz"
    if not negatives.exists():
        with np.load(path) as arrays:
            half = {name: arrays[name][::2] for name in arrays}
        turned = {name: 255 - half[name] for name in ("x_train", "x_test")}
        np.savez_compressed(part, **{**half, **turned})
        part.rename(negatives)  # now that it is whole
    return path, negatives


def _sentence_of(sample: graft.Sample) -> graft.Sample:
    """The sample with the sentences of its context in which its first answer stands."""
    context, ((answer, start), *_) = sample.roles["context"], sample.roles["answers"]
    ends = [match.end() for match in re.finditer(r"[.!?] +(?=[A-Z])", context)]
    first = max((end for end in ends if end <= start), default=0)
    last = min((end for end in ends if end >= start + len(answer)), default=len(context))
    roles = {"context": context[first:last], "answers": ((answer, start - first),)}
    return replace(sample, roles={**sample.roles, **roles})


def _fetch_photographs() -> Path | None:
    """Return the folder of the tutorial's photographs, fetched once; None without a network."""
    from torchvision.datasets.utils import download_and_extract_archive

    path = HOME / "hymenoptera_data"
    if path.exists():
        return path
    HOME.mkdir(parents=True, exist_ok=True)
    # Renamed when it is whole: half a download is not taken for the data at the next start.
    with tempfile.TemporaryDirectory(dir=HOME) as part:
        try:
            download_and_extract_archive(TUTORIAL, part)
        except (OSError, RuntimeError, zipfile.BadZipFile):  # no network, or a damaged archive
            return None
        return (Path(part) / path.name).rename(path)


def _describe(data: graft.Data, words: str, sizes: dict[str, int]) -> graft.Data:
    """Return the data, reduced to `sizes`, and say what they are."""
    data = data.sample(**{name: size for name, size in sizes.items() if name in data.splits})
    counts = ", ".join(f"{len(samples):,} {name}" for name, samples in data.splits.items())
    print(f"Data: {words} ({counts}).")
    return data
