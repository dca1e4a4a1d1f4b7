"""Labels of one domain, samples of another: does adaptation help?

    python examples/adaptation.py SOURCE TARGET

Both are folders of pictures in class folders, or tables of texts with labels, of the same classes.
The labels of TARGET are used for the figures on its held-out part alone. The network stays frozen,
so that it takes about a minute for a thousand pictures on one core.
"""

from __future__ import annotations

import sys

import graft

TECHNIQUES = ["feature-extraction + mcc", "feature-extraction + deep-coral"]


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    study = graft.adapt(sys.argv[1], sys.argv[2], TECHNIQUES, out="runs/adapted")
    for row in study.rows:
        print(row["technique"], "seed", row["seed"], row["test_accuracy"])
    print("\n".join([*study.verdict.sentences, *study.verdict.cautions]))
    print(study.report)


if __name__ == "__main__":
    main()
