"""Classify questions by topic from twelve labeled examples, with scikit-learn's interface.

python examples/text_classification.py
"""

from __future__ import annotations

import graft
from graft.sklearn import TransferClassifier

QUESTIONS = {
    "sport": [
        "Who won the match last night?",
        "How many players are in a team?",
        "When does the season begin?",
        "Who scored the goal?",
    ],
    "food": [
        "How long do I boil an egg?",
        "Which cheese melts best?",
        "Can I freeze bread?",
        "What goes well with rice?",
    ],
    "weather": [
        "Will it rain tomorrow?",
        "How cold does it get in winter?",
        "Is a storm coming?",
        "How warm is it outside?",
    ],
}


def main() -> None:
    texts = [text for group in QUESTIONS.values() for text in group]
    labels = [topic for topic, group in QUESTIONS.items() for _ in group]
    classifier = TransferClassifier(technique="feature-extraction").fit(texts, labels)
    for text in (
        "Do I need an umbrella?",
        "What can I cook with tomatoes?",
        "Did they lose the final?",
    ):
        print(f"{text:40}{classifier.predict([text])[0]}")
    print(f"Graft {graft.__version__}: twelve labels, one linear layer on a frozen network.")


if __name__ == "__main__":
    main()
