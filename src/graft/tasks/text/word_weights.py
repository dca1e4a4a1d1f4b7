"""How often a text has each word, as numbers that a trivial predictor reads."""

from __future__ import annotations

from sklearn.feature_extraction.text import TfidfVectorizer


def word_weights() -> TfidfVectorizer:
    """TF-IDF of the words and pairs of words of a text, signs of punctuation among them."""
    return TfidfVectorizer(
        ngram_range=(1, 2),
        sublinear_tf=True,
        strip_accents="unicode",
        token_pattern=r"(?u)\b\w+\b|[^\w\s]",
    )
