"""The verdict in words: did the transfer help, against training from scratch and against the best trivial baseline?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graft.reports.leaderboard import Board, Choice, Row
from graft.reports.statistics import Difference, Interval
from graft.reports.words import (
    baseline_name,
    known,
    listed,
    metric_name,
    p,
    percent,
    plural,
    points,
    seconds,
    short,
    signed,
    training_size,
)

LEVEL = 0.05
AS_WELL = 0.02
"""A difference that surely is smaller than this, in favour of the transfer, is called "as well"."""

Outcome = Literal["positive transfer", "no evidence", "negative transfer", "no verdict"]
Against = Literal["better", "as well", "unclear", "worse"]


@dataclass(frozen=True)
class Comparison:
    """The selected technique minus `other`, as fractions of the metric; `p` is corrected for several comparisons (Holm)."""

    other: str
    other_score: Interval
    difference: float
    low: float
    high: float
    p: float | None


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
    smaller: tuple[Verdict, ...] = ()
    """The verdicts at smaller training sizes, where the study has several."""


def judge(board: Board) -> Verdict:
    """The verdict at the largest training size, with those at the smaller ones in it."""
    if not board.study.compares:
        return _of_a_single_run(board)
    if not board.choices or not any(choice.best for choice in board.choices):
        return Verdict("no verdict", (_why_nothing(board),), _cautions(board), metric=board.metric)
    first, *rest = [_judge(board, choice) for choice in board.choices]
    return Verdict(**{**vars(first), "cautions": _cautions(board), "smaller": tuple(rest)})


def _judge(board: Board, choice: Choice) -> Verdict:
    size = training_size(choice.size.fraction, choice.size.shots)
    best = choice.best
    if best is None:
        return Verdict(
            "no verdict", ("No verdict: no run of a transfer technique has finished.",), training_size=size, metric=board.metric
        )
    outcome = _outcome(choice)
    against = _against(choice.to_baseline, choice.p_baseline, _enough_seeds(best))
    sentences = [_against_scratch(board, choice, outcome), *_against_baseline(board, choice, outcome, against)]
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
    )


def _enough_seeds(*rows: Row) -> bool:
    return all(len(row.seeds) >= 2 for row in rows)


def _outcome(choice: Choice) -> Outcome:
    if choice.to_control is None or not known(choice.p_control) or not _enough_seeds(choice.best, choice.control):
        return "no verdict"
    if choice.p_control >= LEVEL:
        return "no evidence"
    return "positive transfer" if choice.to_control.value > 0 else "negative transfer"


def _against(difference: Difference | None, p_corrected: float | None, enough_seeds: bool) -> Against | None:
    """How the technique does against the baseline; a baseline is deterministic, so its seeds do not count."""
    if difference is None or not known(p_corrected) or not enough_seeds:
        return None
    if p_corrected < LEVEL:
        return "better" if difference.value > 0 else "worse"
    return "as well" if difference.high <= AS_WELL else "unclear"


def _against_scratch(board: Board, choice: Choice, outcome: Outcome) -> str:
    best, control, difference = choice.best, choice.control, choice.to_control
    name = _name(board, best)
    if difference is None or control is None:
        return "No verdict: the from-scratch control has not finished, so there is nothing to compare with."
    if outcome == "no verdict":
        relation = f"{points(abs(difference.value)).lstrip('+')} points {'above' if difference.value >= 0 else 'below'}"
        return (
            f"No verdict from one seed: {name} scored {relation} training from scratch, "
            "but one seed cannot say whether that would happen again. Compare with --seeds 3."
        )
    size = _points(abs(difference.value))
    low, high = (difference.low, difference.high) if difference.value >= 0 else (-difference.high, -difference.low)
    metric = metric_name(board.metric)
    evidence = f"(95 % interval {_points(low)} to {_points(high)}, {p(choice.p_control)}, {_seeds(best, control)})"
    if outcome == "positive transfer":
        return f"Positive transfer: {name} beats training from scratch by {size} points of {metric} {evidence}."
    if outcome == "negative transfer":
        return f"Negative transfer: {name} does worse than training from scratch by {size} points of {metric} {evidence}."
    return f"No evidence of transfer: {name} and training from scratch differ by {size} points of {metric} {evidence}."


def _against_baseline(board: Board, choice: Choice, outcome: Outcome, against: Against | None) -> list[str]:
    if against is None:
        return []
    difference, baseline = choice.to_baseline, choice.baseline
    name = baseline_name(baseline.cell.name)
    interval = f"{_points(difference.low)} to {_points(difference.high)}"
    if against == "better":
        also = "also " if outcome == "positive transfer" else ""
        evidence = f"(95 % interval {interval}, {p(choice.p_baseline)})"
        beats = f"It {also}beats the best trivial baseline, {name}, by {_points(difference.value)} points {evidence}"
        return [f"{beats}: {_ADVICE[outcome]}."]
    if against == "worse":
        cheaper = _cheaper(choice.best, baseline)
        evidence = f"(95 % interval {_points(-difference.high)} to {_points(-difference.low)}, {p(choice.p_baseline)})"
        better = f"{_but(outcome)}{name} does better by {_points(-difference.value)} points {evidence}{cheaper}"
        return [f"{_capital(better)}: for these data, transfer is the wrong choice."]
    between = f"(difference {_points(difference.value)} points, 95 % interval {interval}, {p(choice.p_baseline)})"
    if against == "as well":
        return [f"{_capital(_but(outcome) + name)} does as well {between}: the simpler model is enough."]
    return [
        f"{_capital(_but(outcome))}{'w' if _but(outcome) else 'W'}hether it beats {name} these data do not tell {between}: "
        "the simpler model is the safer choice, unless more test examples or seeds show a difference."
    ]


_ADVICE = {
    "positive transfer": "for these data, transfer is the right choice",
    "no evidence": "what the network learnt elsewhere made no difference that could be seen here",
    "negative transfer": "for these data, train from scratch",
    "no verdict": "whether that is due to the transfer is not known",
}


def _but(outcome: Outcome) -> str:
    return "but " if outcome == "positive transfer" else ""


def _cheaper(best: Row, baseline: Row) -> str:
    slow, quick = best.cost["train_seconds"], baseline.cost["train_seconds"]
    if not known(quick) or not known(slow) or quick > slow / 2:
        return ""
    return f" at a fraction of the cost ({seconds(quick)} of training instead of {seconds(slow)})"


def _comparison(other: Row | None, difference: Difference | None, p_corrected: float | None) -> Comparison | None:
    if other is None or difference is None:
        return None
    return Comparison(other.cell.name, other.score, difference.value, difference.low, difference.high, p_corrected)


def _of_a_single_run(board: Board) -> Verdict:
    row = board.rows[0] if board.rows else None
    if row is None or row.cell.is_baseline or row.score is None:
        return Verdict("no verdict", (_why_nothing(board),), metric=board.metric)
    score = row.score
    examples = f" on {plural(board.test_examples, 'test example')}" if board.test_examples else ""
    reached = (
        f"{_name(board, row)} reaches {percent(score.value)} % {metric_name(board.metric)}{examples} "
        f"(95 % interval {percent(score.low)} to {percent(score.high)})."
    )
    baselines = [r for r in board.rows if r.cell.is_baseline]
    best = max(baselines, key=lambda r: r.score.value, default=None)
    beside = (
        [f"The best trivial baseline, {baseline_name(best.cell.name)}, reaches {percent(best.score.value)} %."] if best else []
    )
    advice = "No verdict from a single run: graft compare sets it beside training from scratch, over several seeds."
    result = row.runs[0].result
    return Verdict(
        "no verdict",
        (reached, *beside, advice),
        _cautions(board),
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


def _cautions(board: Board) -> tuple[str, ...]:
    study, found = board.study, []
    failed = [run for run in study.runs if run.state == "failed"]
    open_ends = [run for run in study.runs if not run.result and run.state != "failed"]
    if failed:
        found.append(f"{plural(len(failed), 'run')} of {len(study.runs)} failed; the leaderboard says why.")
    if open_ends:
        found.append(f"{plural(len(open_ends), 'run')} of {len(study.runs)} did not finish; the same command goes on with them.")
    changed = [row.cell.name for row in board.rows if row.frozen is False]
    if changed:
        found.append(f"Frozen weights changed during training with {listed(changed)}: do not trust these rows.")
    oracle = sorted({run.result["selected_by"] for run in study.finished} - {"val"})
    if oracle:
        found.append(f"Some models were selected by {listed(oracle)}, not by the validation split.")
    problems = [finding for finding in study.findings if finding["severity"] in ("error", "warning")]
    if problems:
        found.append(f"The check of the data found {plural(len(problems), 'problem')}, listed under Data.")
    return tuple(found)


def _name(board: Board, row: Row) -> str:
    """The technique, with its backbone where the study has several."""
    backbones = {r.cell.backbone for r in board.rows if not r.cell.is_baseline}
    return f"{row.cell.name} of {short(row.cell.backbone)}" if len(backbones) > 1 else row.cell.name


def _seeds(best: Row, control: Row) -> str:
    if len(best.seeds) == len(control.seeds):
        return plural(len(best.seeds), "seed")
    return f"{len(best.seeds)} and {len(control.seeds)} seeds"


def _points(value: float) -> str:
    return signed(100 * value, 1, plus=False)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
