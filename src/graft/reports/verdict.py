"""The verdict in words: did the transfer help, against training from scratch and against the best trivial baseline?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graft.base.counts import plural
from graft.metrics.intervals import FEWEST_GROUPS
from graft.reports.board import Beside, Board, Choice, Row
from graft.reports.cautions import cautions, has_two_seeds
from graft.reports.statistics import LEVEL, Difference, Interval
from graft.reports.words import (
    amount,
    baseline_name,
    differences,
    is_fraction,
    known,
    listed,
    measured,
    metric_name,
    p,
    seconds,
    short,
    training_size,
    values,
)

AS_WELL = 0.02
"""A difference that surely is smaller than this, in favour of the transfer, is called "as well": in a fraction so much,
in a metric of any other scale this share of the other value."""
NAMED = 3
"""Techniques that a sentence names of those that stand alike beside the selected one."""

Outcome = Literal["positive transfer", "no evidence", "negative transfer", "no verdict"]
Against = Literal["better", "as well", "unclear", "worse"]


@dataclass(frozen=True)
class Comparison:
    """The selected technique minus `other`, in the unit of the metric; `p` is corrected for several comparisons (Holm)."""

    other: str
    other_score: Interval
    difference: float
    low: float
    high: float
    p: float | None

    @classmethod
    def of(cls, other: Row, apart: Difference, p_corrected: float | None) -> Comparison:
        return cls(other.cell.name, other.score, apart.value, apart.low, apart.high, p_corrected)


@dataclass(frozen=True)
class Verdict:
    """What the study says at one training size. `sentences` say it to a person; `cautions` what to mind."""

    outcome: Outcome
    sentences: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    training_size: str = ""
    metric: str = ""
    technique: str | None = None
    backbone: str | None = None
    selected_by: str | None = None
    seeds: int = 0
    score: Interval | None = None
    scratch: Comparison | None = None
    baseline: Comparison | None = None
    against_baseline: Against | None = None
    others: tuple[Comparison, ...] = ()
    """The other techniques, corrected among themselves."""
    smaller: tuple[Verdict, ...] = ()
    """The verdicts at smaller training sizes, where the study has several."""


def judge(board: Board) -> Verdict:
    """The verdict at the largest training size, with those at the smaller ones in it."""
    if not board.study.compares:
        return _of_a_single_run(board)
    if not board.choices or not any(choice.best for choice in board.choices):
        return Verdict("no verdict", (_why_nothing(board),), cautions(board), metric=board.metric)
    first, *rest = [_judge(board, choice) for choice in board.choices]
    return Verdict(**{**vars(first), "cautions": cautions(board), "smaller": tuple(rest)})


def _judge(board: Board, choice: Choice) -> Verdict:
    size = training_size(choice.size.fraction, choice.size.shots)
    best = choice.best
    if best is None:
        return Verdict(
            "no verdict",
            ("No verdict: no run of a transfer technique has finished.",),
            training_size=size,
            metric=board.metric,
        )
    outcome = _outcome(board, choice)
    against = _against(board, choice)
    sentences = [
        _against_scratch(board, choice, outcome),
        *_against_baseline(board, choice, outcome, against),
        *_among_techniques(board, choice),
    ]
    return Verdict(
        outcome,
        tuple(sentences),
        training_size=size,
        metric=board.metric,
        technique=best.cell.name,
        backbone=best.cell.backbone,
        selected_by=best.runs[0].result["selected_by"] if best.runs[0].result else "val",
        seeds=len(best.seeds),
        score=best.score,
        scratch=_comparison(choice.control, choice.to_control, choice.p_control),
        baseline=_comparison(choice.baseline, choice.to_baseline, choice.p_baseline),
        against_baseline=against,
        others=tuple(
            Comparison.of(other.row, other.difference, other.p) for other in choice.others
        ),
    )


def _enough_seeds(*rows: Row) -> bool:
    return all(len(row.seeds) >= 2 for row in rows)


def _gain(board: Board, found: Difference) -> Difference:
    """The difference turned so that more is better."""
    if board.sign > 0:
        return found
    return Difference(-found.value, -found.high, -found.low, found.p)


def _outcome(board: Board, choice: Choice) -> Outcome:
    if (
        choice.to_control is None
        or not known(choice.p_control)
        or not _enough_seeds(choice.best, choice.control)
    ):
        return "no verdict"
    if choice.p_control >= LEVEL:
        return "no evidence"
    return "positive transfer" if _gain(board, choice.to_control).value > 0 else "negative transfer"


def _against(board: Board, choice: Choice) -> Against | None:
    """How the technique does against the baseline; a baseline is deterministic, so its seeds do not count."""
    if choice.to_baseline is None or not known(choice.p_baseline) or not _enough_seeds(choice.best):
        return None
    return _stands(board, choice.to_baseline, choice.p_baseline, choice.baseline)


def _stands(board: Board, apart: Difference, p_corrected: float, other: Row) -> Against:
    """How what is `apart` from the other row stands beside it."""
    gain = _gain(board, apart)
    if p_corrected < LEVEL:
        return "better" if gain.value > 0 else "worse"
    small = AS_WELL if is_fraction(board.metric) else AS_WELL * abs(other.score.value)
    return "as well" if gain.high <= small else "unclear"


_AGAINST_SCRATCH: dict[Outcome, str] = {
    "positive transfer": "Positive transfer{caution}: {name} {beats} {evidence}.",
    "negative transfer": "Negative transfer{caution}: {name} does worse than training from scratch by {amount} {evidence}.",
    "no evidence": "No evidence of transfer{caution}: {name} and training from scratch differ by {amount} {evidence}.",
}
_NO_CONTROL = (
    "No verdict: the from-scratch control has not finished, so there is nothing to compare with."
)
_ONE_SEED = (
    "No verdict from one seed: {name} scored {size} {beside}, "
    "but one seed cannot say whether that would happen again. Compare with --seeds 3."
)
_FEW_GROUPS = (
    "No verdict from {units}: {name} scored {size} {beside}, "
    "but fewer than {fewest} cannot say how much others would differ. Test on more of them."
)


def _against_scratch(board: Board, choice: Choice, outcome: Outcome) -> str:
    best, control, metric = choice.best, choice.control, board.metric
    if choice.to_control is None or control is None:
        return _NO_CONTROL
    gain = _gain(board, choice.to_control)
    size = amount(metric, abs(gain.value))
    low, high = (gain.low, gain.high) if gain.value >= 0 else (-gain.high, -gain.low)
    holes = {
        "name": _name(board, best),
        "size": size,
        "beside": _beside(board, gain.value),
        "beats": _beats(board, size),
        "amount": f"{size}{' of' if is_fraction(metric) else ' in'} {metric_name(metric)}",
        "caution": ", from two seeds only" if has_two_seeds(choice) else "",
        "evidence": f"({_interval(metric, low, high, choice.p_control)}, {_seeds(best, control)})",
        "units": _units(board),
        "fewest": FEWEST_GROUPS,
    }
    if outcome != "no verdict":
        return _AGAINST_SCRATCH[outcome].format(**holes)
    return (_ONE_SEED if not _enough_seeds(best, control) else _FEW_GROUPS).format(**holes)


def _units(board: Board) -> str:
    """What each count as one: `4 groups of test examples`, `4 test examples`."""
    if board.test_groups == board.test_examples:
        return plural(board.test_examples, "test example")
    return f"{plural(board.test_groups, 'group')} of test examples"


def _beats(board: Board, size: str) -> str:
    metric = metric_name(board.metric)
    if board.sign < 0:
        return f"lowers {metric} by {size} against training from scratch"
    if is_fraction(board.metric):
        return f"beats training from scratch by {size} of {metric}"
    return f"raises {metric} by {size} against training from scratch"


def _beside(board: Board, gain: float) -> str:
    if board.sign > 0:
        return f"{'above' if gain >= 0 else 'below'} training from scratch"
    metric = metric_name(board.metric)
    return f"{'below' if gain >= 0 else 'above'} training from scratch in {metric}, where lower is better"


_AGAINST_BASELINE: dict[Against, str] = {
    "better": "it {also}beats the best trivial baseline, {name}, by {size} ({evidence}): {advice}.",
    "worse": "{but}{name} does better by {size} ({evidence}){cheaper}: for these data, transfer is the wrong choice.",
    "as well": "{but}{name} does as well ({between}): the simpler model is enough.",
    "unclear": (
        "{but}the data cannot separate it from {name} ({between}): the simpler model is the safer choice, "
        "unless more test examples or seeds show a difference."
    ),
}


def _against_baseline(
    board: Board, choice: Choice, outcome: Outcome, against: Against | None
) -> list[str]:
    if against is None:
        return []
    metric, gain = board.metric, _gain(board, choice.to_baseline)
    low, high = (gain.low, gain.high) if gain.value >= 0 else (-gain.high, -gain.low)
    sentence = _AGAINST_BASELINE[against].format(
        name=baseline_name(choice.baseline.cell.name),
        size=amount(metric, abs(gain.value)),
        evidence=_interval(metric, low, high, choice.p_baseline),
        between=_apart(metric, choice.to_baseline, choice.p_baseline),
        cheaper=_cheaper(choice.best, choice.baseline),
        advice=_ADVICE[outcome],
        also="also " if outcome == "positive transfer" else "",
        but="but " if outcome == "positive transfer" else "",
    )
    return [_capital(sentence)]


_AMONG: dict[Against, str] = {
    "better": "{it} beats {others}",
    "unclear": "the data cannot separate {it} from {others}",
    "as well": "{it} is hardly better, if at all, than {others}",
    "worse": "{it} does worse on the test split than {others}",
}


def _among_techniques(board: Board, choice: Choice) -> list[str]:
    """How the selected technique stands beside the others, and which of those that are no worse is quicker."""
    beside = [other for other in choice.others if _enough_seeds(choice.best, other.row)]
    found: list[str] = []
    for against, words in _AMONG.items():
        alike = [o for o in beside if _stands(board, o.difference, o.p, o.row) == against]
        if alike:
            told = [_beside_it(board, choice.best, other, against) for other in alike[:NAMED]]
            more = [f"{len(alike) - NAMED} more"] if len(alike) > NAMED else []
            found.append(
                words.format(
                    it="it" if found else _name(board, choice.best), others=listed([*told, *more])
                )
            )
    return [f"Of the techniques, {'; '.join(found)}."] if found else []


def _beside_it(board: Board, best: Row, other: Beside, against: Against) -> str:
    quicker = "" if against == "better" else _quicker(best, other.row)
    evidence = _apart(board.metric, other.difference, other.p) + (f"; {quicker}" if quicker else "")
    return f"{_name(board, other.row)} ({evidence})"


def _apart(metric: str, apart: Difference, p_corrected: float | None) -> str:
    return f"difference {amount(metric, apart.value)}, {_interval(metric, apart.low, apart.high, p_corrected)}"


def _interval(metric: str, low: float, high: float, p_corrected: float | None) -> str:
    """The interval is of one comparison, the p-value is corrected for all: that is said where the two seem to disagree."""
    bounds = f"95 % interval {differences(metric, low, high, plus=False)}"
    if low <= 0 <= high or p_corrected is None or p_corrected < LEVEL:
        return f"{bounds}, {p(p_corrected)}"
    return f"{bounds} for this comparison alone, {p(p_corrected)} corrected for all"


_ADVICE = {
    "positive transfer": "for these data, transfer is the right choice",
    "no evidence": "the data cannot show whether what the network learned elsewhere helped",
    "negative transfer": "for these data, train from scratch",
    "no verdict": "whether that is due to the transfer is not known",
}


def _cheaper(best: Row, baseline: Row) -> str:
    quicker = _quicker(best, baseline)
    return f" at a fraction of the cost ({quicker})" if quicker else ""


def _quicker(best: Row, other: Row) -> str:
    """Both times, where the other takes half the time or less."""
    slow, quick = best.cost["train_seconds"], other.cost["train_seconds"]
    if not known(quick) or not known(slow) or quick > slow / 2:
        return ""
    return f"{seconds(quick)} of training instead of {seconds(slow)}"


def _comparison(
    other: Row | None, difference: Difference | None, p_corrected: float | None
) -> Comparison | None:
    if other is None or difference is None:
        return None
    return Comparison.of(other, difference, p_corrected)


def _of_a_single_run(board: Board) -> Verdict:
    row = board.rows[0] if board.rows else None
    if row is None or row.cell.is_baseline or row.score is None:
        return Verdict("no verdict", (_why_nothing(board),), metric=board.metric)
    score, metric = row.score, board.metric
    examples = f" on {plural(board.test_examples, 'test example')}" if board.test_examples else ""
    reached = (
        f"{_name(board, row)} reaches {measured(metric, score.value)} {metric_name(metric)}{examples} "
        f"(95 % interval {values(metric, score.low, score.high)})."
    )
    baselines = [r for r in board.rows if r.cell.is_baseline]
    best = max(baselines, key=lambda r: r.quality, default=None)
    beside = (
        [
            f"The best trivial baseline, {baseline_name(best.cell.name)}, reaches {measured(metric, best.score.value)}."
        ]
        if best
        else []
    )
    advice = "No verdict from a single run: graft compare sets it beside training from scratch, over several seeds."
    result = row.runs[0].result
    return Verdict(
        "no verdict",
        (reached, *beside, advice),
        cautions(board),
        training_size(row.cell.size.fraction, row.cell.size.shots),
        board.metric,
        row.cell.name,
        row.cell.backbone,
        result["selected_by"],
        1,
        score,
    )


def _why_nothing(board: Board) -> str:
    if not board.study.finished:
        return "No verdict: no run has finished."
    return "No verdict: no run of a transfer technique has finished."


def _name(board: Board, row: Row) -> str:
    """The technique, with its backbone where the study has several."""
    backbones = {r.cell.backbone for r in board.rows if not r.cell.is_baseline}
    return f"{row.cell.name} of {short(row.cell.backbone)}" if len(backbones) > 1 else row.cell.name


def _seeds(best: Row, control: Row) -> str:
    if len(best.seeds) == len(control.seeds):
        return plural(len(best.seeds), "seed")
    return f"{len(best.seeds)} and {plural(len(control.seeds), 'seed')}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
