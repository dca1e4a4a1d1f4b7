"""Golden runs: five short trainings in fp32 on one thread, their weights and metrics as hashes.

    python benchmarks/golden.py                             # the table of this checkout
    python benchmarks/golden.py --before CHECKOUT           # another checkout against this one
    python benchmarks/golden.py --before ONE --after OTHER

Equal hashes before and after prove that a change changes no number. The data are generated here,
always the same, and written to files, so that the readers are part of each run. The networks are
tiny and random. Weights depend on the processor and on the version of torch: compare checkouts on
one machine. Exits with 1 if a run differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve()
TOPICS = {
    "food": "bread cheese soup apple butter onion",
    "sport": "ball goal team run match win",
    "sky": "sun cloud star moon rain wind",
}
COMMON = ["the", "a", "one", "is", "it", "and", "so", "my", "this"]
NAMES = {
    "PER": ("Ada", "Bob", "Zoe Miller"),
    "LOC": ("York", "Rome", "New Town"),
    "ORG": ("Acme", "Best Bank"),
}


def write_pictures(folder: Path, rng: random.Random) -> None:
    """Three folders of noisy pictures, one a color."""
    from PIL import Image

    for name, color in {
        "red": (200, 40, 40),
        "green": (40, 200, 40),
        "blue": (40, 40, 200),
    }.items():
        (folder / name).mkdir(parents=True)
        for number in range(24):
            pixels = [
                tuple(channel + rng.randrange(-40, 40) for channel in color) for _ in range(32 * 32)
            ]
            image = Image.new("RGB", (32, 32))
            image.putdata(pixels)
            image.save(folder / name / f"{number}.png")


def write_texts(folder: Path, rng: random.Random) -> None:
    """A table of texts and their topics."""
    rows = [f"{sentence(topic, rng)},{topic}" for _ in range(30) for topic in TOPICS]
    write(folder / "texts.csv", ["text,label", *rows])


def write_tags(folder: Path, rng: random.Random) -> None:
    """Sentences with names of people, places and firms, in columns, by split."""
    for split, count in {"train": 60, "dev": 20, "test": 20}.items():
        lines = []
        for _ in range(count):
            for _ in range(rng.randint(1, 3)):
                lines += [f"{word}\tO" for word in rng.sample(COMMON, 2)]
                kind = rng.choice(sorted(NAMES))
                first, *rest = rng.choice(NAMES[kind]).split()
                lines += [f"{first}\tB-{kind}", *(f"{word}\tI-{kind}" for word in rest)]
            lines.append("")
        write(folder / f"{split}.conll", lines)


def write_questions(folder: Path, rng: random.Random) -> None:
    """Questions on made contexts, some without an answer."""
    rows = []
    for number in range(80):
        who, where = rng.choice(NAMES["PER"]), rng.choice(NAMES["LOC"])
        context = f"{sentence('sky', rng)} {who} lives in {where} {number} {sentence('food', rng)}"
        asked = {
            "question": "Where is it?",
            "context": context,
            "answers": [where] if number % 5 else [],
        }
        rows.append(json.dumps(asked))
    write(folder / "questions.jsonl", rows)


def write_translations(folder: Path, rng: random.Random) -> None:
    """Sentences and the same in capitals, as parallel files."""
    for split, count in {"train": 60, "val": 16, "test": 16}.items():
        lines = [sentence(rng.choice(sorted(TOPICS)), rng) for _ in range(count)]
        write(folder / f"{split}.en", lines)
        write(folder / f"{split}.xx", [line.upper() for line in lines])


def sentence(topic: str, rng: random.Random) -> str:
    """Some words of the topic among common ones."""
    words = [
        word
        for _ in range(rng.randint(2, 5))
        for word in (rng.choice(COMMON), rng.choice(TOPICS[topic].split()))
    ]
    return " ".join(words)


def write(file: Path, lines: list[str]) -> None:
    """A text file of these lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


@dataclass(frozen=True)
class Golden:
    """One run: who writes its data, and what is trained on them."""

    make: Callable[[Path, random.Random], None]
    task: str
    backbone: str
    technique: str
    epochs: float


RUNS = {
    "pictures": Golden(write_pictures, "image-classification", "tiny:efficientnet", "lp-ft", 3),
    "texts": Golden(
        write_texts,
        "text-classification",
        "tiny:bert",
        "masked-language-modeling then full-fine-tuning",
        3,
    ),
    "tags": Golden(write_tags, "token-classification", "tiny:bert", "gradual-unfreezing", 3),
    "questions": Golden(write_questions, "question-answering", "tiny:bert", "l2-sp", 3),
    "translations": Golden(write_translations, "translation", "tiny:bart", "lora", 3),
}


def measure(name: str) -> dict[str, str]:
    """Train one golden run; return the hashes of its data, weights and metrics.

    The first metric is returned as a number too.
    """
    import torch

    import graft

    torch.set_num_threads(1)
    run = RUNS[name]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        run.make(data, random.Random(0))
        os.chdir(folder)
        found = graft.fit(
            "data",
            run.backbone,
            run.technique,
            task=run.task,
            epochs=run.epochs,
            batch_size=8,
            precision="fp32",
            out="run",
        )
        model = Path("run", "model")
        weights = {file.name: file.read_bytes() for file in sorted(model.glob("*.safetensors"))}
    metrics = json.dumps(found.result["metrics"], sort_keys=True)
    first = found.result["primary_metric"]
    return {
        "data": short_hash(found.result["data"]["hash"].encode()),
        "weights": short_hash(b"".join(name.encode() + raw for name, raw in weights.items())),
        "metrics": short_hash(metrics.encode()),
        first: f"{found.result['metrics']['test'][first]['value']:.4f}",
    }


def short_hash(raw: bytes) -> str:
    """Enough of a hash to see whether two are equal."""
    return hashlib.sha256(raw).hexdigest()[:12]


def measured(checkout: Path, names: list[str]) -> dict[str, dict[str, str]]:
    """The golden runs by the code of a checkout, each in a process of its own on one thread."""
    rows = {}
    for name in names:
        with tempfile.TemporaryDirectory() as cache:
            threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "GRAFT_CACHE": cache}
            environment = {**os.environ, **threads, "PYTHONPATH": str(checkout / "src")}
            command = [sys.executable, str(HERE), "--only", name]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{name} failed with the code of {checkout}:\n{done.stderr[-3000:]}")
        rows[name] = json.loads(done.stdout.splitlines()[-1])
    return rows


def show(title: str, rows: dict[str, dict[str, str]]) -> None:
    """The table of one checkout."""
    print(f"{title}\n{'run':<14}{'data':<14}{'weights':<14}{'metrics':<14}")
    for name, row in rows.items():
        *hashes, value = row.values()
        print(
            f"{name:<14}" + "".join(f"{cell:<14}" for cell in hashes) + f"{list(row)[-1]} {value}"
        )


def main() -> None:
    """Measure what is asked for, print it, and exit with 1 where two checkouts differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="The folder of the checkout to compare with.")
    parser.add_argument(
        "--after",
        type=Path,
        default=HERE.parents[1],
        help="The folder of the checkout that changed; else this one.",
    )
    parser.add_argument(
        "--runs", nargs="+", choices=RUNS, default=list(RUNS), help="Which of the runs; else all."
    )
    parser.add_argument("--only", choices=RUNS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(measure(asked.only)))
        return
    before = measured(asked.before.resolve(), asked.runs) if asked.before else None
    if before is not None:
        show(f"before: {asked.before}", before)
    after = measured(asked.after.resolve(), asked.runs)
    show(f"after: {asked.after}" if before is not None else str(asked.after), after)
    if before is not None:
        unlike = [name for name in asked.runs if before[name] != after[name]]
        print(f"Different: {', '.join(unlike)}." if unlike else "Equal: all hashes are the same.")
        sys.exit(bool(unlike))


if __name__ == "__main__":
    main()
