"""Measure how long `graft --help` and `graft list` take, beside Python and imports of libraries.

    python benchmarks/start.py [--repeats 9]

Prints a table of processor seconds. Each command runs in a process of its own; the table has the
lowest of the repeats, so that other work on the machine matters little. `graft --help` and
`graft list` should take at most 0.3 s.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

BAR = 0.3
OURS = {
    "graft --help": ["-m", "graft.cli", "--help"],
    "graft list techniques": ["-m", "graft.cli", "list", "techniques"],
}
OTHERS = {
    "python": ["-c", "pass"],
    "import of typer": ["-c", "import typer"],
    "import of typer and pydantic, which it reads options with": [
        "-c",
        "import typer, pydantic.main",
    ],
    "import of torch": ["-c", "import torch"],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    seconds = {
        name: min(_seconds(words) for _ in range(repeats))
        for name, words in (OURS | OTHERS).items()
    }
    least = seconds["python"]
    print("| | processor seconds | times Python alone | bar |\n|---|---:|---:|---|")
    for name, found in seconds.items():
        bar = ("met" if found < BAR else "missed") + f" ({BAR} s)" if name in OURS else ""
        print(f"| {name} | {found:.3f} | {found / least:.1f} | {bar} |")


def _seconds(words: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
