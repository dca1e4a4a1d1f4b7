"""Measure how many pictures a second the loader reads, decodes and resizes with 1, 2 and 4 threads.

    python benchmarks/loading.py [--pictures 384] [--repeats 3]

The script generates the JPEGs. Each number of threads is measured twice: with nothing but loading,
as for a fast graphics card, and while EfficientNet-Lite0 trains on the processor with the same
pictures. The numbers of threads take turns. The table has the median, the lowest and the highest
value; it is printed and written to benchmarks/loading.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from graft.backbones.load import load_backbone
from graft.base import env
from graft.base.job import Job
from graft.base.records import Sample
from graft.data import loaders
from graft.data.images.open import open_image
from graft.training.engine import Engine

THREADS = (1, 2, 4)
SIZE = (640, 480)
BATCH = 16
TRAINED = 3
"""How many batches are measured while a network trains; a training step takes long."""
PAGE = Path(__file__).with_suffix(".md")
PROSE = """# How fast pictures are loaded

Printed by `python benchmarks/loading.py`: {pictures} JPEGs of {width} x {height} pixels, read,
decoded, cropped at random and resized to 224 px in batches of {batch}. Each value is the median of
{repeats} repeats, with the lowest and the highest. On a graphics card the loader has as many
threads as there are cores; on a processor it has as many as the network computes with.

Machine: {processor}, {cores} cores.

"""


def main() -> None:
    """Measure, print the table and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    network = load_backbone("efficientnet-lite0", Job("features", "image", "vector", 2))
    with tempfile.TemporaryDirectory() as folder:
        samples = _make_pictures(Path(folder), asked.pictures)
        alone = {threads: [] for threads in THREADS}
        training = {threads: [] for threads in THREADS}
        step = _training_step(network.network, Engine())
        for _ in range(asked.repeats):
            for threads in THREADS:
                stream = _stream(samples, network.preprocess, threads)
                alone[threads].append(_pictures_a_second(stream, len(samples), lambda batch: None))
                few = samples[: TRAINED * BATCH]
                stream = _stream(few, network.preprocess, threads)
                training[threads].append(_pictures_a_second(stream, len(few), step))
    _write(asked, alone, training)


def _make_pictures(folder: Path, count: int) -> list[Sample]:
    """Write smooth pictures with some noise, which are about as large as photographs."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        pixels = np.array(small.resize(SIZE, Image.Resampling.BICUBIC)).astype(np.int16)
        pixels += rng.integers(-12, 12, pixels.shape, dtype=np.int16)
        path = folder / f"{number}.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        samples.append(Sample(path.name, {"image": path}))
    return samples


def _stream(samples: list[Sample], preprocess, threads: int) -> Iterator[dict[str, torch.Tensor]]:
    """Yield batches as training reads them, each picture with a random crop of its own."""

    def make(rows: list[int]) -> dict[str, torch.Tensor]:
        images = [open_image(samples[row].roles["image"], samples[row].id) for row in rows]
        return preprocess.collate(
            [
                preprocess(image, np.random.default_rng((0, row)))
                for image, row in zip(images, rows, strict=True)
            ]
        )

    return loaders.stream(loaders.plan([1] * len(samples), BATCH, (0, 0)), make, threads)


def _pictures_a_second(stream: Iterator, count: int, use: Callable) -> float:
    started = time.perf_counter()
    for batch in stream:
        use(batch)
    return count / (time.perf_counter() - started)


def _training_step(network: torch.nn.Module, engine: Engine) -> Callable[[dict], None]:
    """A forward and a backward pass through the network in the precision of this processor."""
    network = engine.place(network.train())

    def step(batch: dict[str, torch.Tensor]) -> None:
        network.zero_grad()
        with engine.autocast():
            loss = network(**batch).float().square().mean()
        loss.backward()

    return step


def _write(
    asked: argparse.Namespace, alone: dict[int, list[float]], training: dict[int, list[float]]
) -> None:
    rows = [
        "| threads | pictures a second | while a network trains on the processor |",
        "| ---: | ---: | ---: |",
    ]
    rows += [
        f"| {threads} | {_format(alone[threads])} | {_format(training[threads])} |"
        for threads in THREADS
    ]
    table = "\n".join(rows) + "\n"
    hardware = env.hardware()
    prose = PROSE.format(
        pictures=asked.pictures,
        width=SIZE[0],
        height=SIZE[1],
        batch=BATCH,
        repeats=asked.repeats,
        processor=hardware["processor"],
        cores=hardware["cores"],
    )
    PAGE.write_text(prose + table, encoding="utf-8")
    print(table)


def _format(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
