"""A small language model learns to translate: from lines of one language to lines of another.

    python examples/translation.py PARALLEL

PARALLEL is a folder with train.en and train.de and their like for val and test, or a table with source and target.
SmolLM2-135M, which has read little but English, is adapted by LoRA in one pass over at most 300 pairs, and writes a hundred
lines; BLEU and chrF beside those of the source as it is.
"""

from __future__ import annotations

import sys

import graft

PAIRS, HELD_OUT = 300, 100


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    found = graft.load_data(sys.argv[1], task="translation")
    sizes = {"train": PAIRS, "val": HELD_OUT, "test": HELD_OUT}
    data = found.with_splits({split: found.splits[split][:size] for split, size in sizes.items()})
    run = graft.fit(data, task="translation", technique="lora", out="runs/translation")
    for name in ("bleu", "chrf"):
        print(name, run.result["metrics"]["test"][name])
        print(name, "of the source as it is", run.result["baseline"]["copy-source"][name])
    for sample in run.result["samples"]:
        print(f"{sample['prompt']}\n  {sample['output']}\n  ({sample['reference']})")


if __name__ == "__main__":
    main()
