"""Texts longer than the network reads: use the head, head and tail, or windows over all of it?

    python examples/long_texts.py REVIEWS

REVIEWS is a table of long texts with labels, such as product reviews. The example keeps up to 300
texts of each split that have more than 1,000 characters, and trains a linear head on the frozen
network, in about two minutes on one core. So few texts give wide intervals.
"""

from __future__ import annotations

import sys

import graft

LONG, TEXTS = 1000, 300
READ = ("head", "head+tail", "windows")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = graft.load_data(sys.argv[1])
    splits = {
        split: [s for s in samples if len(s.roles["text"]) > LONG][:TEXTS]
        for split, samples in data.splits.items()
    }
    for read in READ:
        task = f"text-classification:long={read}"
        run = graft.fit(data.with_splits(splits), technique="feature-extraction", task=task)
        accuracy, about = run.result["metrics"]["test"]["accuracy"], run.result["data"]
        print(
            f"{read}: accuracy {accuracy['value']:.3f} "
            f"({accuracy['low']:.3f} to {accuracy['high']:.3f}), "
            f"{about['cut']['test']} of {about['counts']['test']} test texts cut, "
            f"{run.result['cost']['train_seconds']:.0f} s"
        )


if __name__ == "__main__":
    main()
