"""Handwritten digits and a network pretrained on photographs: does transfer help?

    python examples/image_classification.py

A small comparison with the from-scratch control and simple baselines. It prints the verdict and
writes report.html.
"""

from __future__ import annotations

from sklearn.datasets import load_digits

import graft


def main() -> None:
    digits = load_digits()
    images = (digits.images / 16 * 255).astype("uint8")
    data = graft.load_data((images, digits.target.astype(str)), shots=10)
    data = data.with_splits({**data.splits, "test": data.splits["test"][:150]})
    study = graft.compare(
        data, ["from-scratch", "feature-extraction"], seeds=2, epochs=3, out="runs/digits-example"
    )
    print("\n".join(study.verdict.sentences))
    print(study.report)


if __name__ == "__main__":
    main()
