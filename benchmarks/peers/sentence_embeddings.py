"""sentence-transformers for the features and scikit-learn for the classifier."""

from __future__ import annotations

from measure import Clock, given, report
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression


def main() -> None:
    task, clock = given(), Clock()
    with clock.running("load"):
        encoder = SentenceTransformer(task.weights)
    with clock.running("all"):
        features, labels = {}, {}
        for name in ("train", "test"):
            texts, numbers = zip(*getattr(task, name), strict=True)
            features[name], labels[name] = (
                encoder.encode(list(texts), normalize_embeddings=True),
                list(numbers),
            )
        classifier = LogisticRegression(max_iter=1000).fit(features["train"], labels["train"])
        found = classifier.score(features["test"], labels["test"])
    report(
        clock.seconds["all"],
        float(found),
        ("sentence-transformers", "scikit-learn", "transformers", "torch"),
        load_seconds=clock.seconds["load"],
        notes="encode, then LogisticRegression; fp32, no validation split",
    )


if __name__ == "__main__":
    main()
