"""A network that knows 0 to 4 learns 5 to 9: what does it still know, by technique?

    python examples/forgetting.py

The digits are scikit-learn's, the network is a small one that learns all it knows here. It takes
about a minute on one core.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import graft

RATE = "lr=0.01"
"""So high that plain fine-tuning forgets."""
TECHNIQUES = ["feature-extraction", *(f"{n}:{RATE}" for n in ("full-fine-tuning", "ewc", "replay"))]
EPOCHS, TEST = 4, 0.3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        old, new = write_halves(Path(folder))
        first = graft.fit(old, "tiny:cnn", "from-scratch:epochs=15", out=f"{folder}/first")
        for technique in TECHNIQUES:
            run = graft.fit(
                new,
                str(first.folder / "model"),
                technique,
                epochs=EPOCHS,
                forgetting=old,
                out=f"{folder}/{technique.partition(':')[0]}",
            )
            accuracy = run.result["metrics"]["test"]["accuracy"]["value"]
            record = run.result["forgetting"]
            change = record["difference"]
            print(f"{technique}: 5 to 9 {accuracy:.3f}, 0 to 4 {record['before']:.3f} before and ")
            print(f"    {record['after']:.3f} after, {change['low']:+.3f} to {change['high']:+.3f}")


def write_halves(folder: Path) -> tuple[Path, Path]:
    """Two files of digits, those up to 4 and those from 5 on, each with a test split."""
    digits = load_digits()
    images = (digits.images * 15).astype(np.uint8)
    files = []
    for name, chosen in (("old", digits.target < 5), ("new", digits.target >= 5)):
        x, y = images[chosen], digits.target[chosen]
        count = round((1 - TEST) * len(x))
        splits = {"x_train": x[:count], "y_train": y[:count]}
        splits |= {"x_test": x[count:], "y_test": y[count:]}
        np.savez(folder / f"{name}.npz", **splits)
        files.append(folder / f"{name}.npz")
    return files[0], files[1]


if __name__ == "__main__":
    main()
