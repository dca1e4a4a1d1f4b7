"""Measure the adapters beside fine-tuning everything or the head alone, and write adapters.md.

    python benchmarks/adapters.py [--data FOLDER] [--out FOLDER] [--only NAME ...] [--print]

Each cell is one run in a process of its own, so that its memory is its own; finished runs are not
run again. Needs the sets sst2 and hymenoptera. All together take about 20 minutes of one core. A
cell is named by its data and its technique: `--only sst2` runs those of sst2, `--only "sst2 lora"`
one of them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from choose import choose, make_parser
from quality import machine

from graft.base import files
from graft.reports.words import percent

HERE = Path(__file__).parent
BESIDE = ("feature-extraction", "bitfit", "full-fine-tuning")
MERGED = ("lora", "rslora", "dora", "pissa", "ia3")


@dataclass(frozen=True)
class Data:
    """A data set, the network that learns it, and the techniques."""

    name: str
    words: str
    backbone: str
    options: tuple[str, ...]
    techniques: tuple[str, ...]


DATA = [
    Data(
        "sst2",
        "sentences of film reviews, 200 of each of two classes; MiniLM of six layers",
        "minilm-l6",
        ("--shots", "200"),
        (*BESIDE, *MERGED, "bottleneck-adapters", "prefix-tuning", "prompt-tuning"),
    ),
    Data(
        "hymenoptera",
        "photographs, 40 of ants and 40 of bees; EfficientNet-Lite0, which has no block of a "
        "transformer",
        "efficientnet-lite0",
        ("--shots", "40"),
        (*BESIDE, *MERGED),
    ),
]


@dataclass(frozen=True)
class Cell:
    """One technique on one data set."""

    data: Data
    technique: str

    @property
    def name(self) -> str:
        return f"{self.data.name} {self.technique}"


CELLS = [Cell(data, technique) for data in DATA for technique in data.techniques]


def main() -> None:
    arguments = make_parser(__doc__, "adapters").parse_args()
    cells = choose(CELLS, "cell", arguments.only)
    if not arguments.print:
        for cell in cells:
            run(cell, arguments.data, arguments.out)
    text = page(arguments.out)
    files.write_text(HERE / "adapters.md", text)
    print(text)


def folder_of(cell: Cell, out: Path) -> Path:
    """The folder of the run of a cell."""
    return out / cell.data.name / re.sub(r"\W+", "-", cell.technique)


def run(cell: Cell, data: Path, out: Path) -> None:
    """Train the cell, or go on, unless it has finished."""
    folder = folder_of(cell, out)
    if (folder / "result.json").exists():
        return
    print(cell.name, flush=True)
    files.make_folder(folder.parent)
    command = [sys.executable, "-m", "graft.cli", "fit", str(data / cell.data.name), "--quiet"]
    command += ["-b", cell.data.backbone, "-t", cell.technique, "-o", str(folder)]
    subprocess.run([*command, *cell.data.options], check=True)


def page(out: Path) -> str:
    """The page: how it was made, and a section a data set."""
    head = [
        "# Adapters",
        "",
        "Printed by `python benchmarks/adapters.py`. Every technique has its default settings and "
        "one seed; all take the same passes over the training split, but for feature-extraction, "
        "whose head is solved for. The interval is that of the test examples alone. Trained "
        "parameters include the head; seconds are those of the training; memory is that of its "
        "process, data and libraries included.",
        "",
        machine(),
    ]
    tables = [table(data, out) for data in DATA]
    return "\n\n".join(["\n".join(head), *filter(None, tables)]) + "\n"


def table(data: Data, out: Path) -> str:
    """The section of a data set, empty if nothing was run."""
    cells = [Cell(data, technique) for technique in data.techniques]
    paths = {cell: folder_of(cell, out) / "result.json" for cell in cells}
    results = {
        cell: files.read_json(path, "a run") for cell, path in paths.items() if path.exists()
    }
    if not results:
        return ""
    counts = next(iter(results.values()))["data"]["counts"]
    sizes = " / ".join(f"{counts[split]:,}" for split in ("train", "val", "test"))
    lines = [
        f"## {data.name}",
        "",
        f"{data.words[0].upper()}{data.words[1:]}. {sizes} examples of training, validation, test.",
        "",
        "| technique | test accuracy, % | 95 % interval | trained parameters | peak memory, MB | "
        "training, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(row(cell.technique, result) for cell, result in results.items()),
    ]
    return "\n".join(lines)


def row(technique: str, result: dict[str, Any]) -> str:
    """The row of a run."""
    score, cost = result["metrics"]["test"]["accuracy"], result["cost"]
    cells = [
        f"`{technique}`",
        percent(score["value"]),
        f"{percent(score['low'])} to {percent(score['high'])}",
        f"{cost['trainable_parameters']:,}",
        f"{cost['peak_memory_mb']:,}",
        f"{cost['train_seconds']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
