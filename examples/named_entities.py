"""Find names of people, places and organizations, with an encoder fine-tuned on tagged sentences.

    python examples/named_entities.py CONLL_FOLDER ["a sentence" ...]

CONLL_FOLDER has train.txt, valid.txt and test.txt with one word and its tags a line, as in
CoNLL-2003. The example trains on a tenth of the sentences, in a few minutes on two cores. It prints
the entity F1, and that of a baseline that gives each word its most frequent tag.
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
    for kind, scores in run.result["per_class"].items():
        print(f"{kind:6} F1 {scores['f1']:.3f}, {scores['support']} of them")
    sentences = sys.argv[2:] or SENTENCES
    for sentence, row in zip(sentences, run.model.predict(sentences), strict=True):
        print(sentence)
        for entity in row["prediction"]:
            print(f"  {entity['type']:6}{entity['text']}  ({entity['start']} to {entity['end']})")


if __name__ == "__main__":
    main()
