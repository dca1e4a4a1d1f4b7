"""Five labels a class, and 500 digits without: does learning from these help?

    python examples/self_supervision.py

The digits are scikit-learn's. All but the last layers of EfficientNet-lite0 stay frozen and are
computed once for each picture, so that it takes a few minutes on one core.
"""

from __future__ import annotations

import tempfile

import graft

SHOTS, UNLABELED, TEST = 5, 500, 150
LAST = "from_group=-1,views=2,epochs=5"
TECHNIQUES = [
    "feature-extraction",
    f"diet:{LAST} then feature-extraction",
    f"deep-clustering:{LAST},clusters=20 then feature-extraction",
]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        digits = graft.datasets.write_digits(folder)
        data = graft.load_data(digits, shots=SHOTS)
        fewer = {"unlabeled": UNLABELED, "test": TEST}
        cut = {split: data.splits[split][:count] for split, count in fewer.items()}
        data = data.with_splits({**data.splits, **cut})
        print({split: len(samples) for split, samples in data.splits.items()})
        for technique in TECHNIQUES:
            run = graft.fit(
                data, technique=technique, out=f"{folder}/{technique.partition(':')[0]}"
            )
            accuracy = run.result["metrics"]["test"]["accuracy"]
            print(f"{technique}: {accuracy['value']:.3f}, ", end="")
            print(f"95 % interval {accuracy['low']:.3f} to {accuracy['high']:.3f}")


if __name__ == "__main__":
    main()
