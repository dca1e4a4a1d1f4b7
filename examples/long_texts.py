"""Texts longer than the network reads: their head, their head and tail, or all of them in windows?

    python examples/long_texts.py REVIEWS

REVIEWS is a table of long texts with labels, such as product reviews. Of those with more than 1,000 characters at most 300 are
learnt from, by a linear head on the frozen network, and those of the test split tell how well; two minutes on one core. So few
texts give wide intervals.
"""

from __future__ import annotations

import sys

import graft

LONG, TEXTS = 1000, 300
READ = ("head", "head+tail", "windows")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    found = graft.load_data(sys.argv[1])
    splits = {
        split: [s for s in samples if len(s.roles["text"]) > LONG][:TEXTS]
        for split, samples in found.splits.items()
    }
    for read in READ:
        task = f"text-classification:long={read}"
        run = graft.fit(found.with_splits(splits), technique="feature-extraction", task=task)
        accuracy, data = run.result["metrics"]["test"]["accuracy"], run.result["data"]
        print(
            f"{read}: accuracy {accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f}),",
            end=" ",
        )
        print(
            f"{data['cut']['test']} of {data['counts']['test']} test texts cut, {run.result['cost']['train_seconds']:.0f} s"
        )


if __name__ == "__main__":
    main()
