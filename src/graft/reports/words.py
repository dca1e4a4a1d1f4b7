"""Numbers and names as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graft.base.durations import duration
from graft.metrics.metric import Metric

UNKNOWN = "–"
UNDEFINED = "undefined"
"""The value of a metric that is NaN; `Metric.why_undefined` says why."""
MOST_DECIMALS = 4
"""Numbers that differ in one of these decimals are written so that they read differently."""
SMALLEST_DECIMALS = 12
"""Decimals of the smallest numbers: what is less reads as 0."""
MANY_UNKNOWN = 0.01
"""The share of tokens unknown to a network above which a person should choose another one."""


def is_known(value: float | None) -> bool:
    """Whether there is a number."""
    return value is not None and not math.isnan(value)


def short(backbone: str) -> str:
    """The backbone without its source, of a path the last name."""
    name = backbone.rpartition(":")[2] or backbone
    return name.rstrip("/").rpartition("/")[2] if name.startswith(("/", ".", "~")) else name


def scale(metric: Metric, number: float) -> float:
    """A value or a difference in the unit in which it is written and drawn."""
    return 100 * number if metric.is_fraction else number


def unit(metric: Metric) -> str:
    """Return the unit after a value: ` %`, ` g`, or nothing."""
    shown = "%" if metric.is_fraction else metric.unit
    return f" {shown}" if shown else ""


def axis(metric: Metric) -> str:
    """The metric with its unit, for an axis or a column: `accuracy (%)`, `RMSE (g)`, `R²`."""
    shown = unit(metric).strip()
    return f"{metric.words} ({shown})" if shown else metric.words


def value(metric: Metric, number: float | None, decimals: int | None = None) -> str:
    """A value without its unit: `94.1` of a fraction; `0.987`, `18.3`, `1,524` of any other.

    `decimals` are those of the column it stands in, see `column_decimals`.
    """
    if not is_known(number):
        return UNDEFINED
    return percent(number) if metric.is_fraction else _plain([number], decimals=decimals)[0]


def format_value(metric: Metric, number: float | None) -> str:
    """A value with its unit: `94.1 %`, `23.4 g`, `1.23`."""
    return value(metric, number) + (unit(metric) if is_known(number) else "")


def why_undefined(metrics: Iterable[Metric]) -> list[str]:
    """Sentences that say why these metrics have no value, one for those of equal reason."""
    by_reason: dict[str, list[str]] = {}
    for metric in metrics:
        by_reason.setdefault(metric.undefined, []).append(metric.words)
    return [
        f"{join_words(names)} {'is' if len(names) == 1 else 'are'} undefined where {reason}."
        for reason, names in by_reason.items()
    ]


def values(
    metric: Metric, low: float | None, high: float | None, decimals: int | None = None
) -> str:
    """The bounds of an interval: `90.9 to 97.3`, `1.19 to 1.27`; a dash if there is none."""
    if not is_known(low) or not is_known(high):
        return UNKNOWN
    if metric.is_fraction:
        return " to ".join([percent(low), percent(high)])
    return " to ".join(_plain([low, high], decimals=decimals))


def difference(
    metric: Metric, number: float | None, plus: bool = True, decimals: int | None = None
) -> str:
    """A difference of two values: `+38.2` points of a fraction; else `−0.31`, `+12.1`."""
    if metric.is_fraction:
        return points(number, plus)
    return _plain([number], apart=True, plus=plus, decimals=decimals)[0]


def differences(
    metric: Metric,
    low: float | None,
    high: float | None,
    plus: bool = True,
    decimals: int | None = None,
) -> str:
    """The interval of a difference: `+33.0 to +44.0`, `−0.33 to −0.29`; a dash if there is none."""
    if not is_known(low) or not is_known(high):
        return UNKNOWN
    if metric.is_fraction:
        return " to ".join([points(low, plus), points(high, plus)])
    return " to ".join(_plain([low, high], apart=True, plus=plus, decimals=decimals))


def column_decimals(rows: Iterable[Sequence[float | None]], apart: bool = False) -> int:
    """The decimals of all numbers in a column of a table.

    A row is a value, with the bounds of its interval if there are any. The decimals are those that
    suit the middle one of the rows by size, more if numbers of one row would read the same.
    """
    rows = [[number for number in row if is_known(number)] for row in rows]
    suiting = sorted(_decimals(abs(row[0]), apart) for row in rows if row and row[0])
    decimals = suiting[(len(suiting) - 1) // 2] if suiting else 0
    while decimals < MOST_DECIMALS and any(_read_alike(row, decimals) for row in rows):
        decimals += 1
    return decimals


def _read_alike(numbers: Sequence[float], decimals: int) -> bool:
    """Whether two of the numbers differ, and not in so many decimals."""
    different = {round(number, MOST_DECIMALS) for number in numbers}
    return len({round(number, decimals) for number in numbers}) < len(different)


def amount(metric: Metric, number: float) -> str:
    """A difference in a sentence: `38.2 points`, `12 g`, `0.31`."""
    shown = " points" if metric.is_fraction else unit(metric)
    return difference(metric, number, plus=False) + shown


def gap(metric: Metric, number: float) -> str:
    """A difference with its metric: `38.2 points of accuracy`, `0.31 in bits per byte`."""
    return f"{amount(metric, number)} {'of' if metric.is_fraction else 'in'} {metric.words}"


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in per cent, without the sign: `94.1`."""
    return format_signed(100 * value, digits, plus=False) if is_known(value) else UNKNOWN


def points(value: float | None, plus: bool = True) -> str:
    """A difference of fractions in percentage points, with its sign: `+38.2`."""
    return format_signed(100 * value, 1, plus) if is_known(value) else UNKNOWN


def format_signed(value: float, digits: int, plus: bool) -> str:
    """A number with a true minus sign, commas between thousands, and never a minus zero."""
    text = f"{value:{'+' if plus else ''},.{digits}f}"
    return (
        f"{0:.{digits}f}"
        if float(text.replace(",", "")) == 0
        else text.replace("-", "−").replace("inf", "∞")
    )


def _plain(
    numbers: Sequence[float | None],
    apart: bool = False,
    plus: bool = False,
    decimals: int | None = None,
) -> list[str]:
    """Numbers with these decimals.

    By default those that suit the largest, more if two would read the same.
    """
    if decimals is not None:
        return [
            format_signed(number, decimals, plus) if is_known(number) else UNKNOWN
            for number in numbers
        ]
    size = max((abs(number) for number in numbers if is_known(number)), default=0.0)
    decimals = _decimals(size, apart)
    different = len({round(number, MOST_DECIMALS) for number in numbers if is_known(number)})
    written: list[str] = []
    while len(set(written)) < different or not written:
        written = [
            format_signed(number, decimals, plus) if is_known(number) else UNKNOWN
            for number in numbers
        ]
        decimals += 1
    return written


def _decimals(size: float, apart: bool) -> int:
    """Decimals for a number of this size.

    Of differences (`apart`) below 1 two digits are written; of values three decimals, and two
    digits where three decimals do not reach them.
    """
    if size >= 1:
        return 0 if size >= 100 else 1 if size >= 10 else 2
    if size == 0:
        return MOST_DECIMALS if apart else 3
    digits = min(1 - math.floor(math.log10(size)), SMALLEST_DECIMALS)
    return digits if apart else max(3, digits)


def plain_column(numbers: Sequence[float | None]) -> list[str]:
    """A column of numbers of no known unit: `0.987`, `0.012`; a dash where there is none."""
    return _plain(numbers, decimals=column_decimals([number] for number in numbers))


def p_value(value: float | None) -> str:
    """A p-value in a column: `< 0.001`, `0.012`, `0.340`."""
    if not is_known(value):
        return "unknown"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def p(value: float | None) -> str:
    """A p-value in a sentence: `p < 0.001`, `p = 0.012`, `p = 0.34`."""
    if not is_known(value):
        return "p unknown"
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def seconds(value: float | None) -> str:
    """`0.4 s`, `61 s`, `8 min 20 s`, `2 h 5 min`."""
    if not is_known(value):
        return UNKNOWN
    if value < 9.95:
        return f"{value:.1f} s" if value >= 0.05 else "< 0.1 s"
    return f"{round(value)} s" if round(value) < 120 else duration(value)


def count(value: float | None) -> str:
    """`812`, `5.1 k`, `3.4 M`, `1.2 G`."""
    if not is_known(value):
        return UNKNOWN
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return f"{value:.0f}"


def megabytes(value: float | None) -> str:
    """A size as people say it: `13 MB`, `1.2 GB`."""
    if not is_known(value):
        return UNKNOWN
    if value >= 1024:
        return f"{value / 1024:.1f} GB"
    if value < 0.05:
        return "< 0.1 MB"
    return f"{value:.0f} MB" if value >= 10 else f"{value:.1f} MB"


def training_size(fraction: float, shots: int | None) -> str:
    """Say how much of the training split was used."""
    if shots is not None:
        return f"{shots} example{'s' if shots != 1 else ''} a class"
    return "all training data" if fraction >= 1 else f"{100 * fraction:.3g} % of the training data"


def cut_samples(data: Mapping[str, Any]) -> str:
    """Say how many samples of each split the network reads in part; empty if it reads all."""
    counts = [
        f"{n:,} of {data['counts'][split]:,} {split}"
        for split, n in (data.get("cut") or {}).items()
        if n
    ]
    if not counts:
        return ""
    return f"{join_words(counts)} {data.get('cut_words', 'samples are not read completely')}."


def unknown_tokens(data: Mapping[str, Any]) -> str:
    """Say what share of the texts the tokenizer does not know; empty if it is small."""
    many = {
        split: unknown
        for split, unknown in (data.get("unknown") or {}).items()
        if unknown["share"] > MANY_UNKNOWN
    }
    if not many:
        return ""
    shares = join_words(
        [
            f"{100 * unknown['share']:.0f} % of the tokens of the {split} texts"
            for split, unknown in many.items()
        ]
    )
    each = dict.fromkeys(text for unknown in many.values() for text in unknown["examples"])
    written = list(each)[:3]
    examples = f", for example {join_words([repr(text) for text in written])}" if written else ""
    advice = "Choose a backbone that knows them: a multilingual one, or one that reads bytes."
    return f"{shares} are unknown to the network{examples}. {advice}"


def join_words(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
