"""Adapt a small language model to your text, and generate more text in its style.

    python examples/text_generation.py TEXT

TEXT is a .txt file of running text, or a folder with train.txt, val.txt and test.txt. The example
adapts SmolLM2-135M by LoRA in one epoch of up to 100 passages, in a few minutes on two cores. It
prints the bits per byte, and those of n-grams.
"""

from __future__ import annotations

import sys

import graft

PASSAGES = 100


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = graft.load_data(sys.argv[1])
    share = min(1.0, PASSAGES / len(data.splits["train"]))
    run = graft.fit(data, technique="lora", fraction=share, out="runs/text-generation")
    print("bits per byte", run.result["metrics"]["test"]["bits_per_byte"])
    print("n-grams of bytes", run.result["baseline"]["byte-n-grams"]["bits_per_byte"])
    opening = data.splits["test"][0].roles["passage"][:120]
    (written,) = run.model.generate([opening], max_new_tokens=80, temperature=0.8, top_p=0.95)
    print(opening + "|" + written)


if __name__ == "__main__":
    main()
