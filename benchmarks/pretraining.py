"""Does pretraining on the texts without labels help where labels are few? ag_news, 8 and 64 labels a class, MiniLM.

    python benchmarks/pretraining.py [--data FOLDER] [--out FOLDER]

Runs (or goes on with) one study a number of labels, and prints both verdicts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import graft

HERE = Path(__file__).parent
TECHNIQUES = ("full-fine-tuning", "masked-language-modeling then full-fine-tuning")
SHOTS = (8, 64)
SEEDS = 3


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data", help="the folder of the data sets")
    words.add_argument("--out", type=Path, default=Path("runs") / "pretraining", help="where the studies are kept")
    given = words.parse_args()
    data = graft.load_data(given.data / "ag_news")
    for shots in SHOTS:
        out = given.out / f"{shots}-labels"
        study = graft.compare(data, TECHNIQUES, ["minilm-l6"], seeds=SEEDS, shots=shots, out=out)
        print(f"## {shots} labels a class\n", *study.verdict.sentences, f"{study.report}\n", sep="\n")


if __name__ == "__main__":
    main()
