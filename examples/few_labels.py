"""Eight labels a class: no training at all, the nearest class mean, and an encoder that learns which texts belong together.

    python examples/few_labels.py TEXTS [ZERO_SHOT]

TEXTS is a folder or table of texts with labels, as AG News. ZERO_SHOT says what the classes mean where their names do not, as
"zero-shot:descriptions=0=a bad film;1=a good film" of SST-2. Two seeds, 200 test texts and few epochs, some minutes on one core.
"""

from __future__ import annotations

import sys

import graft

SHOTS, TEST = 8, 200


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    zero_shot = sys.argv[2] if len(sys.argv) > 2 else "zero-shot:template=This text is about {}."
    found = graft.load_data(sys.argv[1], shots=SHOTS)
    data = found.with_splits({**found.splits, "test": found.splits["test"][:TEST]})
    techniques = [zero_shot, "nearest-prototypes", "contrastive-few-shot:epochs=8"]
    study = graft.compare(data, techniques, seeds=2, epochs=3, out="runs/few-labels")
    for row in study.rows:
        print(row["technique"], "seed", row["seed"], row["test_accuracy"])
    print("\n".join(study.verdict.sentences))
    print(study.report)


if __name__ == "__main__":
    main()
