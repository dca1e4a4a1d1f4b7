"""BLEU of a corpus (Papineni et al., ACL 2002) as sacreBLEU has it (Post, arXiv:1804.08771).

Its signature there is `case:mixed|eff:no|tok:13a|smooth:exp`. Scores are an object array (N,) of
generated texts, targets one of tuples of references (one or more); fractions between 0 and 1.

Example: graft evaluate runs/translation multi30k
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import metric_of_sums

ORDER = 4
"""The longest n-grams that are counted, in words."""
_ENTITIES = {
    "<skipped>": "",
    "-\n": "",
    "\n": " ",
    "&quot;": '"',
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
}
_SIGNS = re.compile(
    f"([{re.escape(''.join(sorted(set(string.punctuation) - set(chr(39) + ',-.'))))}])"
)
_SPACED = (
    (_SIGNS, r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
"""Signs become words, except points and commas in numbers, apostrophes, and other hyphens."""


def words(text: str) -> list[str]:
    """Split a text into words and signs as NIST's mteval-v13a does, for Western languages."""
    text = text.rstrip()
    for given, meant in _ENTITIES.items():
        text = text.replace(given, meant)
    text = f" {text} "
    for sign, spaced in _SPACED:
        text = sign.sub(spaced, text)
    return text.split()


def _ngrams(sequence: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(
        tuple(sequence[i : i + n])
        for n in range(1, ORDER + 1)
        for i in range(len(sequence) - n + 1)
    )


def _counts(written: str, references: Sequence[str]) -> list[int]:
    """Count the words of the text and of the reference nearest in length, then the n-grams.

    These are, for each order, the generated n-grams that a reference has, then all generated ones.
    """
    generated, others = words(written), [words(reference) for reference in references]
    near = min(map(len, others), key=lambda length: (abs(length - len(generated)), length))
    allowed = Counter()
    for other in others:
        allowed |= _ngrams(other)
    shared, made = [0] * ORDER, [0] * ORDER
    for ngram, count in _ngrams(generated).items():
        shared[len(ngram) - 1] += min(count, allowed[ngram])
        made[len(ngram) - 1] += count
    return [len(generated), near, *shared, *made]


def _parts(scores: NDArray, targets: NDArray) -> NDArray:
    rows = [
        _counts(written, references) for written, references in zip(scores, targets, strict=True)
    ]
    return np.array(rows, float).reshape(-1, 2 + 2 * ORDER)


def _value(sums: NDArray) -> NDArray:
    """The brevity penalty times the geometric mean of the precisions.

    The k-th precision of 0 is taken for 1 / (2^k n-grams).
    """
    length, wanted, shared, made = (
        sums[..., 0],
        sums[..., 1],
        sums[..., 2 : 2 + ORDER],
        sums[..., 2 + ORDER :],
    )
    none = shared == 0
    smoothed = np.where(none, 0.5 ** np.cumsum(none, axis=-1), shared)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.exp(np.log(smoothed / made).mean(axis=-1))
        whole = np.exp(np.minimum(0.0, 1 - wanted / length)) * mean
    return np.where((made > 0).all(axis=-1) & ~none.all(axis=-1), whole, 0.0)


bleu = metric_of_sums("bleu", _parts, _value, words="BLEU")
"""The precision of n-grams of up to four words, with a penalty for texts that are too short."""

METRICS = {bleu.name: bleu}
