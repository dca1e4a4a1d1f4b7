"""Numbers and names as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence

METRIC_NAMES = {"macro_f1": "macro F1", "f1": "F1", "auroc": "AUROC", "ece": "calibration error (ECE)", "brier": "Brier score"}
"""Where the public name is not what a person would write."""

BASELINES = {
    "majority": "always naming the most frequent class",
    "pixels-logistic": "logistic regression on pixels",
    "tfidf-logistic": "TF-IDF with logistic regression",
}
"""What the baselines are; one that is not here is called by its name."""

UNKNOWN = "–"


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


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in per cent, without the sign: `94.1`."""
    return signed(100 * value, digits, plus=False) if known(value) else UNKNOWN


def points(value: float | None) -> str:
    """A difference of fractions in percentage points, with its sign: `+38.2`."""
    return signed(100 * value, 1, plus=True) if known(value) else UNKNOWN


def signed(value: float, digits: int, plus: bool) -> str:
    """A number with a true minus sign, and never a minus zero."""
    text = f"{value:+.{digits}f}" if plus else f"{value:.{digits}f}"
    return "0." + "0" * digits if float(text) == 0 else text.replace("-", "−")


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
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


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


def plural(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
