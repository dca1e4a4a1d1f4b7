"""Eight labels a class: compare zero-shot, nearest prototypes and contrastive few-shot learning.

    python examples/few_labels.py TEXTS [ZERO_SHOT]

TEXTS is a folder or table of texts with labels, such as AG News. ZERO_SHOT describes the classes if
their names do not, for example "zero-shot:descriptions=0=a bad film;1=a good film" for SST-2. With
two seeds, 200 test texts and few epochs it takes a few minutes on one core.
"""

from __future__ import annotations

import sys

import graft

SHOTS, TEST = 8, 200


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    zero_shot = sys.argv[2] if len(sys.argv) > 2 else "zero-shot:template=This text is about {}."
    data = graft.load_data(sys.argv[1], shots=SHOTS)
    data = data.with_splits({**data.splits, "test": data.splits["test"][:TEST]})
    techniques = [zero_shot, "nearest-prototypes", "contrastive-few-shot:epochs=8"]
    study = graft.compare(data, techniques, seeds=2, epochs=3, out="runs/few-labels")
    for row in study.rows:
        print(row["technique"], "seed", row["seed"], row["test_accuracy"])
    print("\n".join(study.verdict.sentences))
    print(study.report)


if __name__ == "__main__":
    main()
