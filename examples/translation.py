"""Translate lines with a small language model.

    python examples/translation.py PARALLEL

PARALLEL is a folder with files such as train.en, train.de, val.en, val.de, test.en and test.de, or
a table with the columns source and target. The example adapts SmolLM2-135M, which was pretrained
mostly on English, by LoRA in one epoch of up to 300 pairs, and generates up to 100 lines. It prints
BLEU and chrF, and those of the unchanged source.
"""

from __future__ import annotations

import sys

import graft

PAIRS, HELD_OUT = 300, 100


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = graft.load_data(sys.argv[1], task="translation")
    sizes = {"train": PAIRS, "val": HELD_OUT, "test": HELD_OUT}
    data = data.with_splits({split: data.splits[split][:size] for split, size in sizes.items()})
    run = graft.fit(data, task="translation", technique="lora", out="runs/translation")
    for name in ("bleu", "chrf"):
        print(name, run.result["metrics"]["test"][name])
        print(name, "of the unchanged source", run.result["baseline"]["copy-source"][name])
    for sample in run.result["samples"]:
        print(f"{sample['prompt']}\n  {sample['output']}\n  ({sample['reference']})")


if __name__ == "__main__":
    main()
