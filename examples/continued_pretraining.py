"""Few labels and many texts without: an encoder first goes on with its pretraining on the texts, then learns from the labels.

    python examples/continued_pretraining.py TEXTS

TEXTS is a folder or table of texts with labels, as AG News: eight labels a class are used, the other texts without theirs. At
most 400 of these are read, once; in earnest take thousands, and more epochs: `load_data(..., unlabeled=PATH)` adds further texts.
Fine-tuning alone stands beside it, two seeds each, some minutes on one core.
"""

from __future__ import annotations

import sys

import graft

SHOTS = 8
SIZES = {"unlabeled": 400, "test": 200}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    found = graft.load_data(sys.argv[1], shots=SHOTS)
    data = found.with_splits(
        {**found.splits, **{split: found.splits[split][:size] for split, size in SIZES.items()}}
    )
    techniques = ["full-fine-tuning", "masked-language-modeling:epochs=1 then full-fine-tuning"]
    study = graft.compare(data, techniques, seeds=2, epochs=3, out="runs/continued-pretraining")
    for row in study.rows:
        print(row["technique"], "seed", row["seed"], row["test_accuracy"])
    print("\n".join(study.verdict.sentences))
    print(study.report)


if __name__ == "__main__":
    main()
