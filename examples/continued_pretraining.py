"""Few labels and many unlabeled texts: continue pretraining on the texts, then fine-tune.

    python examples/continued_pretraining.py TEXTS

TEXTS is a folder or table of texts with labels, such as AG News. The example uses eight labels a
class and up to 400 other texts without their labels, in one epoch. For a real task use thousands of
texts and more epochs; `load_data(..., unlabeled=PATH)` adds texts. The example compares this with
fine-tuning alone, with two seeds each, in a few minutes on one core.
"""

from __future__ import annotations

import sys

import graft

SHOTS = 8
SIZES = {"unlabeled": 400, "test": 200}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = graft.load_data(sys.argv[1], shots=SHOTS)
    smaller = {split: data.splits[split][:size] for split, size in SIZES.items()}
    data = data.with_splits({**data.splits, **smaller})
    techniques = ["full-fine-tuning", "masked-language-modeling:epochs=1 then full-fine-tuning"]
    study = graft.compare(data, techniques, seeds=2, epochs=3, out="runs/continued-pretraining")
    for row in study.rows:
        print(row["technique"], "seed", row["seed"], row["test_accuracy"])
    print("\n".join(study.verdict.sentences))
    print(study.report)


if __name__ == "__main__":
    main()
