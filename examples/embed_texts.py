"""Search texts by meaning, with the embeddings of a pretrained sentence encoder.

    python examples/embed_texts.py TEXTS ["a query" ...]

TEXTS is a folder or table of texts, such as AG News. The example reads up to 500 texts of the test
split and prints the texts nearest to each query. Nothing is trained.
"""

from __future__ import annotations

import sys

import numpy as np

import graft

TEXTS, NEAREST = 500, 3
QUERIES = ["a company that buys another one", "the weather is dangerous", "who won the race?"]


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    queries = sys.argv[2:] or QUERIES
    texts = [sample.roles["text"] for sample in graft.load_data(sys.argv[1]).splits["test"][:TEXTS]]
    vectors = graft.embed("minilm-l6", texts, normalize=True).vectors
    asked = graft.embed("minilm-l6", queries, normalize=True).vectors
    for query, cosines in zip(queries, asked @ vectors.T, strict=True):
        print(query)
        for i in np.argsort(-cosines)[:NEAREST]:
            print(f"  {cosines[i]:.2f}  {texts[i][:100]}")


if __name__ == "__main__":
    main()
