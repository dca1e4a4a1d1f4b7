"""Classify texts without any training label, with two pretrained networks.

    python examples/zero_shot.py NEWS

NEWS is a folder or table of texts whose labels are meaningful words, such as AG News; the labels of
the test split are used only to measure the accuracy. The sentence encoder chooses the class whose
description is most similar to the text. The decoder chooses the class whose name it is most likely
to generate after the text; it reads about four texts a second on one core.
"""

from __future__ import annotations

import sys

import graft

ASKED = {
    "minilm-l6": "zero-shot:template=This text is about {}.",
    "smollm2-135m": r"label-words:template={}\nTopic:",
}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for backbone, technique in ASKED.items():
        run = graft.fit(sys.argv[1], backbone, technique)
        accuracy = run.result["metrics"]["test"]["accuracy"]
        majority = run.result["baseline"]["majority"]["accuracy"]
        print(
            f"{technique} of {backbone}: accuracy {accuracy['value']:.3f} "
            f"({accuracy['low']:.3f} to {accuracy['high']:.3f})"
        )
        print(f"  the most frequent class: {majority['value']:.3f}")


if __name__ == "__main__":
    main()
