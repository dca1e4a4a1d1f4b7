"""Which class does a text belong to, before there is a single label? Two pretrained networks as they are.

    python examples/zero_shot.py NEWS

NEWS is a folder or table of texts with labels that say what they mean, as AG News; the labels only serve to measure. A
sentence encoder takes the class whose description is most like the text, a decoder the one whose words it is likeliest to
write after it. About four texts a second on one core for the decoder.
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
        found, majority = (
            run.result["metrics"]["test"]["accuracy"],
            run.result["baseline"]["majority"]["accuracy"],
        )
        print(
            f"{technique} of {backbone}: accuracy {found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
        )
        print(f"  the most frequent class: {majority['value']:.3f}")


if __name__ == "__main__":
    main()
