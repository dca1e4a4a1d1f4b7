"""A small language model learns to say in few words what a text says: summaries, headlines, subjects of mails.

    python examples/summarization.py TEXTS

TEXTS is a table or a folder of tables: document and summary, dialogue and summary, email and subject; further references count
too. SmolLM2-135M is adapted by LoRA in one pass over at most 300 texts, and writes a hundred; ROUGE beside the first sentences.
"""

from __future__ import annotations

import sys

import graft

TEXTS, HELD_OUT = 300, 100


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    found = graft.load_data(sys.argv[1], task="summarization")
    sizes = {"train": TEXTS, "val": HELD_OUT, "test": HELD_OUT}
    data = found.with_splits({split: found.splits[split][:size] for split, size in sizes.items()})
    run = graft.fit(data, task="summarization", technique="lora", out="runs/summarization")
    for name in ("rouge1", "rouge2", "rougeL"):
        print(name, run.result["metrics"]["test"][name])
        print(name, "of the first sentences", run.result["baseline"]["lead-sentences"][name])
    for sample in run.result["samples"]:
        print(f"{sample['prompt'][:200]}\n  {sample['output']}\n  ({sample['reference']})")


if __name__ == "__main__":
    main()
