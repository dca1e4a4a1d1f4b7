"""Numbers and names as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from graft.base.durations import duration
from graft.metrics.find import known as known_metrics

METRIC_NAMES = {
    "macro_f1": "macro F1",
    "f1": "F1",
    "auroc": "AUROC",
    "ece": "calibration error (ECE)",
    "brier": "Brier score",
    "entity_f1": "entity F1",
    "answer_f1": "answer F1",
    "bleu": "BLEU",
    "chrf": "chrF",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
}
"""Where the public name is not what a person would write."""

BASELINES = {
    "majority": "always naming the most frequent class",
    "pixels-logistic": "logistic regression on pixels",
    "tfidf-logistic": "TF-IDF with logistic regression",
    "most-frequent-tag": "the most frequent tag of each word",
    "best-overlap-sentence": "the sentence that shares most words with the question",
    "byte-n-grams": "the bytes before it (n-grams, Kneser-Ney)",
    "copy-source": "copying the source",
    "lead-sentences": "the first sentences",
    "no-answer": "always saying that there is no answer",
}
"""What the baselines are; one that is not here is called by its name."""

UNKNOWN = "–"
MOST_DECIMALS = 4
MANY_UNKNOWN = 0.01
"""The share of tokens that a network does not know above which a person should choose another one."""


def known(value: float | None) -> bool:
    """Whether there is a number."""
    return value is not None and not math.isnan(value)


def metric_name(name: str) -> str:
    """The metric as people say it."""
    return METRIC_NAMES.get(name, name.replace("_", " "))


def baseline_name(name: str) -> str:
    """The baseline as people say it."""
    return BASELINES.get(name, name)


def short(backbone: str) -> str:
    """The backbone without its source."""
    return backbone.rpartition(":")[2] or backbone


def is_fraction(metric: str) -> bool:
    """Whether it is written in per cent; one that is not known here is."""
    return metric not in known_metrics() or known_metrics()[metric].is_fraction


def scaled(metric: str, number: float) -> float:
    """A value or a difference in the unit in which it is written and drawn."""
    return 100 * number if is_fraction(metric) else number


def axis(metric: str) -> str:
    """The metric with its unit, for an axis or the head of a column: `accuracy (%)`, `bits per byte`."""
    return metric_name(metric) + (" (%)" if is_fraction(metric) else "")


def value(metric: str, number: float | None) -> str:
    """A value of the metric, without its unit: `94.1` of a fraction; `0.987`, `1.23`, `18.3`, `1,524` of any other."""
    return percent(number) if is_fraction(metric) else _plain([number])[0]


def measured(metric: str, number: float | None) -> str:
    """A value with its unit: `94.1 %`, `1.23`."""
    return value(metric, number) + (" %" if is_fraction(metric) else "")


def values(metric: str, low: float | None, high: float | None) -> str:
    """The bounds of an interval: `90.9 to 97.3`, `1.19 to 1.27`; a dash if there is none."""
    if not known(low) or not known(high):
        return UNKNOWN
    return " to ".join(
        [percent(low), percent(high)] if is_fraction(metric) else _plain([low, high])
    )


def difference(metric: str, number: float | None, plus: bool = True) -> str:
    """A difference of two values: `+38.2` percentage points of a fraction; `−0.31`, `+0.034`, `+12.1` of any other."""
    return (
        points(number, plus) if is_fraction(metric) else _plain([number], apart=True, plus=plus)[0]
    )


def differences(metric: str, low: float | None, high: float | None, plus: bool = True) -> str:
    """The interval of a difference: `+33.0 to +44.0`, `−0.33 to −0.29`; a dash if there is none."""
    if not known(low) or not known(high):
        return UNKNOWN
    both = (
        [points(low, plus), points(high, plus)]
        if is_fraction(metric)
        else _plain([low, high], apart=True, plus=plus)
    )
    return " to ".join(both)


def amount(metric: str, number: float) -> str:
    """A difference in a sentence: `38.2 points`, `0.31`."""
    return difference(metric, number, plus=False) + (" points" if is_fraction(metric) else "")


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in per cent, without the sign: `94.1`."""
    return signed(100 * value, digits, plus=False) if known(value) else UNKNOWN


def points(value: float | None, plus: bool = True) -> str:
    """A difference of fractions in percentage points, with its sign: `+38.2`."""
    return signed(100 * value, 1, plus) if known(value) else UNKNOWN


def signed(value: float, digits: int, plus: bool) -> str:
    """A number with a true minus sign, commas between thousands, and never a minus zero."""
    text = f"{value:{'+' if plus else ''},.{digits}f}"
    return (
        f"{0:.{digits}f}"
        if float(text.replace(",", "")) == 0
        else text.replace("-", "−").replace("inf", "∞")
    )


def _plain(numbers: Sequence[float | None], apart: bool = False, plus: bool = False) -> list[str]:
    """Numbers with the decimals that suit the largest, more where two would read the same; `apart` are differences.

    Of those below 1 two digits are told, of values three decimals.
    """
    size = max((abs(number) for number in numbers if known(number)), default=0.0)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    if apart and size < 1:
        decimals = 2 if size >= 0.1 else 3 if size >= 0.01 else 4
    different = len({round(number, MOST_DECIMALS) for number in numbers if known(number)})
    written: list[str] = []
    while len(set(written)) < different or not written:
        written = [
            signed(number, decimals, plus) if known(number) else UNKNOWN for number in numbers
        ]
        decimals += 1
    return written


def p(value: float | None) -> str:
    """`p < 0.001`, `p = 0.012`, `p = 0.34`."""
    if not known(value):
        return "p unknown"
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def seconds(value: float | None) -> str:
    """`0.4 s`, `61 s`, `8 min 20 s`, `2 h 5 min`."""
    if not known(value):
        return UNKNOWN
    if value < 9.95:
        return f"{value:.1f} s" if value >= 0.05 else "< 0.1 s"
    return f"{round(value)} s" if round(value) < 120 else duration(value)


def count(value: float | None) -> str:
    """`812`, `5.1 k`, `3.4 M`, `1.2 G`."""
    if not known(value):
        return UNKNOWN
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return f"{value:.0f}"


def megabytes(value: float | None) -> str:
    """A size as people say it: `13 MB`, `1.2 GB`."""
    if not known(value):
        return UNKNOWN
    if value >= 1024:
        return f"{value / 1024:.1f} GB"
    if value < 0.05:
        return "< 0.1 MB"
    return f"{value:.0f} MB" if value >= 10 else f"{value:.1f} MB"


def training_size(fraction: float, shots: int | None) -> str:
    """How much of the training split was used."""
    if shots is not None:
        return f"{shots} example{'s' if shots != 1 else ''} a class"
    return "all training data" if fraction >= 1 else f"{100 * fraction:g} % of the training data"


def cut_texts(data: Mapping[str, Any]) -> str:
    """`12 of 300 train and 3 of 40 test texts are longer than the network reads, and are cut.`; nothing where none is."""
    found = [
        f"{n:,} of {data['counts'][split]:,} {split}"
        for split, n in (data.get("cut") or {}).items()
        if n
    ]
    return f"{listed(found)} texts are longer than the network reads, and are cut." if found else ""


def unknown_tokens(data: Mapping[str, Any]) -> str:
    """`12 % of the tokens of the train texts are unknown to the network, ...`; nothing where they are fewer than one in 100."""
    many = {
        split: found
        for split, found in (data.get("unknown") or {}).items()
        if found["share"] > MANY_UNKNOWN
    }
    if not many:
        return ""
    shares = listed(
        [
            f"{100 * found['share']:.0f} % of the tokens of the {split} texts"
            for split, found in many.items()
        ]
    )
    written = list(dict.fromkeys(text for found in many.values() for text in found["examples"]))[:3]
    examples = f", for example {listed([repr(text) for text in written])}" if written else ""
    advice = "Choose a backbone that knows them: a multilingual one, or one that reads bytes."
    return f"{shares} are unknown to the network{examples}. {advice}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
