"""Summarize texts with a small language model: summaries, headlines or subjects of mails.

    python examples/summarization.py TEXTS

TEXTS is a table or a folder of tables with columns such as document and summary, dialogue and
summary, or email and subject; columns of further references are used too. The example adapts
SmolLM2-135M by LoRA in one epoch of up to 300 texts and generates up to 100 summaries. It prints
ROUGE, and that of a baseline that copies the first sentences.
"""

from __future__ import annotations

import sys

import graft

TEXTS, HELD_OUT = 300, 100


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = graft.load_data(sys.argv[1], task="summarization")
    sizes = {"train": TEXTS, "val": HELD_OUT, "test": HELD_OUT}
    data = data.with_splits({split: data.splits[split][:size] for split, size in sizes.items()})
    run = graft.fit(data, task="summarization", technique="lora", out="runs/summarization")
    for name in ("rouge1", "rouge2", "rougeL"):
        print(name, run.result["metrics"]["test"][name])
        print(name, "of the first sentences", run.result["baseline"]["lead-sentences"][name])
    for sample in run.result["samples"]:
        print(f"{sample['prompt'][:200]}\n  {sample['output']}\n  ({sample['reference']})")


if __name__ == "__main__":
    main()
