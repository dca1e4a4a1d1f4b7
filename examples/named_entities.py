"""Names of people, places and organisations in a text: a network that has read English learns them from tagged sentences.

    python examples/named_entities.py CONLL_FOLDER ["a sentence" ...]

CONLL_FOLDER holds train.txt, valid.txt and test.txt with a word and its tags a line, as CoNLL-2003 has them. Trains on a
tenth of the sentences, in some minutes on two cores; measures entity F1 beside the most frequent tag of each word.
"""

from __future__ import annotations

import sys

import graft

SENTENCES = [
    "Angela Merkel met the head of Volkswagen in Paris on Monday.",
    "The Red Cross sent help to Haiti.",
]


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    run = graft.fit(
        sys.argv[1], technique="full-fine-tuning", fraction=0.1, epochs=3, out="runs/named-entities"
    )
    print("entity F1", run.result["metrics"]["test"]["entity_f1"])
    print(
        "most frequent tag of each word", run.result["baseline"]["most-frequent-tag"]["entity_f1"]
    )
    for kind, found in run.result["per_class"].items():
        print(f"{kind:6} F1 {found['f1']:.3f}, {found['support']} of them")
    for sentence, row in zip(
        sys.argv[2:] or SENTENCES, run.model.predict(sys.argv[2:] or SENTENCES), strict=True
    ):
        print(sentence)
        for entity in row["prediction"]:
            print(f"  {entity['type']:6}{entity['text']}  ({entity['start']} to {entity['end']})")


if __name__ == "__main__":
    main()
