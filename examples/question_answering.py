"""Find the answers to questions in a text, with a fine-tuned encoder.

    python examples/question_answering.py SQUAD

SQUAD is a file or folder of questions in SQuAD's JSON, or in JSON lines with question, context,
answers and answer_start. Training takes about ten minutes on two cores for a thousand questions.
The example prints F1, and that of a baseline that answers with the best sentence.
"""

from __future__ import annotations

import sys

import graft

CONTEXT = (
    "The lighthouse was built in 1887 by two brothers from Bergen. It stands 34 meters above the "
    "sea and was lit with paraffin until electricity reached the island in 1951."
)
QUESTIONS = [
    "When was the lighthouse built?",
    "Where did the brothers come from?",
    "What was it lit with before 1951?",
]


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    run = graft.fit(sys.argv[1], technique="full-fine-tuning", out="runs/question-answering")
    print("F1", run.result["metrics"]["test"]["answer_f1"])
    print("best sentence", run.result["baseline"]["best-overlap-sentence"]["answer_f1"])
    asked = [{"question": question, "context": CONTEXT} for question in QUESTIONS]
    for question, row in zip(QUESTIONS, run.model.predict(asked), strict=True):
        print(f"{question}  {row['prediction'] or 'no answer'}  ({row['confidence']:.2f})")


if __name__ == "__main__":
    main()
