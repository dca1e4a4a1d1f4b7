"""The verdict in words: did the transfer help, against the control and the best trivial baseline?

This file decides what to say and fills the holes; `sentences.py` has the sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from graft.base.counts import plural
from graft.base.evidence import FEWEST_GROUPS
from graft.metrics.metric import Metric
from graft.reports import sentences
from graft.reports.board import Beside, Board, Choice, Row
from graft.reports.cautions import cautions, has_two_seeds
from graft.reports.statistics import LEVEL, Difference, Interval
from graft.reports.teachers import Taught, compare_teachers, lost_teachers
from graft.reports.together import TaskVerdict, compare_tasks
from graft.reports.words import (
    amount,
    differences,
    format_value,
    gap,
    is_known,
    join_words,
    p,
    seconds,
    short,
    training_size,
    values,
)
from graft.techniques.specs.combine import Control, control_named, controls_of
from graft.training.validators.validator import VAL

AS_WELL = 0.02
"""A difference that surely is smaller than this, in favor of the transfer, is called "as well".

In a fraction it is so much, in a metric of any other scale this share of the other value."""
NAMED = 3
"""The maximum of techniques with the same result that a sentence names."""

Outcome = Literal["positive transfer", "no evidence", "negative transfer", "no verdict"]
Against = Literal["better", "as well", "unclear", "worse"]


@dataclass(frozen=True)
class Comparison:
    """The selected technique minus `other`, in the unit of the metric.

    `p` is corrected for several comparisons (Holm).
    """

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
    """The verdict of a study at one training size; `cautions` say what to keep in mind."""

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
    control: Comparison | None = None
    baseline: Comparison | None = None
    against_baseline: Against | None = None
    others: tuple[Comparison, ...] = ()
    """The other techniques, corrected among themselves."""
    tasks: tuple[TaskVerdict, ...] = ()
    """Of several tasks each beside itself alone."""
    teachers: tuple[Taught, ...] = ()
    """Each technique that learned from a run beside that run."""
    smaller: tuple[Verdict, ...] = ()
    """The verdicts at smaller training sizes, where the study has several."""


def judge(board: Board) -> Verdict:
    """The verdict at the largest training size, with those at the smaller ones in it."""
    if not board.study.compares:
        return _judge_single_run(board)
    if not board.choices or not any(choice.best for choice in board.choices):
        return Verdict(
            "no verdict",
            (_why_nothing(board, board.rows),),
            cautions(board),
            metric=board.metric.name,
            tasks=compare_tasks(board),
        )
    first, *rest = [_judge(board, choice) for choice in board.choices]
    more = {"cautions": (*cautions(board), *lost_teachers(board)), "tasks": compare_tasks(board)}
    more["teachers"] = compare_teachers(board)
    return replace(first, **more, smaller=tuple(rest))


def _judge(board: Board, choice: Choice) -> Verdict:
    size = training_size(choice.size.fraction, choice.size.shots)
    best = choice.best
    if best is None:
        return Verdict(
            "no verdict",
            (_why_nothing(board, board.at(choice.size)),),
            training_size=size,
            metric=board.metric.name,
        )
    outcome = _outcome(board, choice)
    against = _compare_baseline(board, choice)
    spoken = [
        _describe_control(board, choice, outcome),
        *_describe_baseline(board, choice, outcome, against),
        *_describe_techniques(board, choice),
    ]
    return Verdict(
        outcome,
        tuple(spoken),
        training_size=size,
        metric=board.metric.name,
        technique=best.cell.name,
        backbone=best.cell.backbone,
        selected_by=board.study.selected_by,
        seeds=len(best.seeds),
        score=best.score,
        control=_comparison(choice.control, choice.to_control, choice.p_control),
        baseline=_comparison(choice.baseline, choice.to_baseline, choice.p_baseline),
        against_baseline=against,
        others=tuple(
            Comparison.of(other.row, other.difference, other.p) for other in choice.others
        ),
    )


def _enough_seeds(*rows: Row) -> bool:
    return all(len(row.seeds) >= 2 for row in rows)


def _gain(board: Board, apart: Difference) -> Difference:
    """The difference turned so that more is better."""
    if board.metric.higher_is_better:
        return apart
    return Difference(-apart.value, -apart.high, -apart.low, apart.p)


def _upright(gain: Difference) -> tuple[float, float]:
    """The bounds of the size of a gain or loss."""
    return (gain.low, gain.high) if gain.value >= 0 else (-gain.high, -gain.low)


def _outcome(board: Board, choice: Choice) -> Outcome:
    if (
        choice.to_control is None
        or not is_known(choice.p_control)
        or not _enough_seeds(choice.best, choice.control)
    ):
        return "no verdict"
    if choice.p_control >= LEVEL:
        return "no evidence"
    return "positive transfer" if _gain(board, choice.to_control).value > 0 else "negative transfer"


def _compare_baseline(board: Board, choice: Choice) -> Against | None:
    """Compare the technique with the baseline, whose seeds do not matter: it is not random."""
    if (
        choice.to_baseline is None
        or not is_known(choice.p_baseline)
        or not _enough_seeds(choice.best)
    ):
        return None
    return _stands(board, choice.to_baseline, choice.p_baseline, choice.baseline)


def _stands(board: Board, apart: Difference, p_corrected: float, other: Row) -> Against:
    """Rate a difference to another row."""
    gain = _gain(board, apart)
    if p_corrected < LEVEL:
        return "better" if gain.value > 0 else "worse"
    small = AS_WELL if board.metric.is_fraction else AS_WELL * abs(other.score.value)
    return "as well" if gain.high <= small else "unclear"


def _describe_control(board: Board, choice: Choice, outcome: Outcome) -> str:
    best, control, metric = choice.best, choice.control, board.metric
    if choice.to_control is None or control is None:
        missing = " or ".join(each.technique for each in controls_of(best.cell.name))
        return sentences.AGAINST_CONTROL["no control"].format(control_technique=missing)
    gain = _gain(board, choice.to_control)
    interval = _interval(metric, *_upright(gain), choice.p_control)
    return sentences.AGAINST_CONTROL[_situation(board, choice, outcome)].format(
        name=_name(board, best),
        control=control_words(choice),
        metric=metric.words,
        amount=amount(metric, abs(gain.value)),
        gap=gap(metric, abs(gain.value)),
        caution=", from two seeds only" if has_two_seeds(choice) else "",
        evidence=f"({interval}, {_seeds(best, control)})",
        units=_units(board),
        fewest=FEWEST_GROUPS,
        wider_split=_wider_split(board),
    )


def _situation(board: Board, choice: Choice, outcome: Outcome) -> str:
    """The key of the sentence about the control."""
    if outcome == "positive transfer":
        if not board.metric.higher_is_better:
            return "lowers"
        return "beats" if board.metric.is_fraction else "raises"
    if outcome != "no verdict":
        return outcome
    why = "few groups" if _enough_seeds(choice.best, choice.control) else "one seed"
    return f"{why}, {'better' if _gain(board, choice.to_control).value >= 0 else 'worse'}"


def control_words(choice: Choice | None) -> str:
    """What the control of a choice is called; without one, the usual control."""
    return _control(choice).words


def _control(choice: Choice | None) -> Control:
    """The control of a choice; before it has finished, the first that is needed."""
    row = choice and choice.control
    best = choice and choice.best
    return (row and control_named(row.cell.name)) or controls_of(best.cell.name if best else "")[0]


def _in_groups(board: Board) -> bool:
    """Whether some of the test examples are of one group, so that fewer units are independent."""
    return board.test_groups != board.test_examples


def _units(board: Board) -> str:
    """Name the independent units: `4 groups of test examples`, `4 test examples`."""
    if _in_groups(board):
        return f"{plural(board.test_groups, 'group')} of test examples"
    return plural(board.test_examples, "test example")


def _wider_split(board: Board) -> str:
    """Name a test split with more independent units: more examples of few groups are no help."""
    return "a test split with more groups" if _in_groups(board) else "a larger test split"


def _describe_baseline(
    board: Board, choice: Choice, outcome: Outcome, against: Against | None
) -> list[str]:
    if against is None:
        return []
    metric, gain = board.metric, _gain(board, choice.to_baseline)
    if against == "better":
        sentence = sentences.BETTER_THAN_BASELINE[outcome]
    elif outcome == "positive transfer":
        sentence = sentences.AFTER_POSITIVE_TRANSFER[against]
    else:
        sentence = sentences.AFTER_ANOTHER_OUTCOME[against]
    filled = sentence.format(
        baseline=choice.baseline.words,
        control=control_words(choice),
        lacks=_control(choice).lacks,
        amount=amount(metric, abs(gain.value)),
        evidence=_interval(metric, *_upright(gain), choice.p_baseline),
        between=_describe_difference(metric, choice.to_baseline, choice.p_baseline),
        cheaper=_cheaper(choice.best, choice.baseline),
    )
    return [filled]


def _describe_techniques(board: Board, choice: Choice) -> list[str]:
    """Compare the selected technique with the others, and name faster ones with the same result."""
    comparable = [other for other in choice.others if _enough_seeds(choice.best, other.row)]
    spoken = []
    for against, sentence in sentences.AMONG_TECHNIQUES.items():
        alike = [o for o in comparable if _stands(board, o.difference, o.p, o.row) == against]
        if alike:
            named = [_describe_other(board, choice.best, other, against) for other in alike[:NAMED]]
            more = [f"{len(alike) - NAMED} more"] if len(alike) > NAMED else []
            others = join_words([*named, *more])
            spoken.append(sentence.format(name=_name(board, choice.best), others=others))
    return [" ".join(spoken)] if spoken else []


def _describe_other(board: Board, best: Row, other: Beside, against: Against) -> str:
    quicker = "" if against == "better" else _quicker(best, other.row)
    evidence = _describe_difference(board.metric, other.difference, other.p) + (
        f"; {quicker}" if quicker else ""
    )
    return f"{_name(board, other.row)} ({evidence})"


def _describe_difference(metric: Metric, apart: Difference, p_corrected: float | None) -> str:
    interval = _interval(metric, apart.low, apart.high, p_corrected)
    return f"difference {amount(metric, apart.value)}, {interval}"


def _interval(metric: Metric, low: float, high: float, p_corrected: float | None) -> str:
    """The interval of one comparison and the p-value, which is corrected for all of them.

    Where the two seem to disagree, this is said.
    """
    bounds = f"95 % interval {differences(metric, low, high, plus=False)}"
    if low <= 0 <= high or p_corrected is None or p_corrected < LEVEL:
        return f"{bounds}, {p(p_corrected)}"
    return f"{bounds} for this comparison alone, {p(p_corrected)} corrected for all"


def _cheaper(best: Row, baseline: Row) -> str:
    quicker = _quicker(best, baseline)
    return f" at a fraction of the cost ({quicker})" if quicker else ""


def _quicker(best: Row, other: Row) -> str:
    """Name both times if the other takes at most half the time."""
    slow, quick = best.cost["train_seconds"], other.cost["train_seconds"]
    if not is_known(quick) or not is_known(slow) or quick > slow / 2:
        return ""
    return f"{seconds(quick)} of training instead of {seconds(slow)}"


def _comparison(
    other: Row | None, difference: Difference | None, p_corrected: float | None
) -> Comparison | None:
    if other is None or difference is None:
        return None
    return Comparison.of(other, difference, p_corrected)


def _judge_single_run(board: Board) -> Verdict:
    row = board.rows[0] if board.rows else None
    if row is None or row.cell.is_baseline or not row.is_measured:
        return Verdict("no verdict", (_why_nothing(board, board.rows),), metric=board.metric.name)
    table, score, metric = sentences.SINGLE_RUN, row.score, board.metric
    reached = table["reached" if board.test_examples else "reached, examples not known"].format(
        name=_name(board, row),
        score=format_value(metric, score.value),
        metric=metric.words,
        examples=plural(board.test_examples, "test example"),
        interval=values(metric, score.low, score.high),
    )
    baselines = [r for r in board.rows if r.cell.is_baseline and r.is_measured]
    beside = [
        table["baseline"].format(baseline=best.words, score=format_value(metric, best.score.value))
        for best in sorted(baselines, key=lambda r: -r.quality)[:1]
    ]
    result = row.runs[0].result
    return Verdict(
        "no verdict",
        (reached, *beside, table["advice"].format(control=controls_of(row.cell.name)[0].words)),
        cautions(board),
        training_size(row.cell.size.fraction, row.cell.size.shots),
        metric.name,
        row.cell.name,
        row.cell.backbone,
        result["selected_by"],
        1,
        score,
        teachers=compare_teachers(board),
    )


def _why_nothing(board: Board, rows: Sequence[Row]) -> str:
    if not board.study.finished:
        return sentences.NOTHING_FINISHED
    chosen_by = board.study.selected_by
    if chosen_by != VAL and any(row.is_measured for row in rows if not row.cell.is_baseline):
        return sentences.NOT_VALIDATED.format(validator=chosen_by)
    techniques = [row for row in rows if not row.cell.is_baseline and not row.cell.is_control]
    if not techniques and any(run.result for run in board.study.alone):
        return sentences.SOME_TASKS_ALONE
    if not any(row.score for row in techniques):
        return sentences.NO_TECHNIQUE_FINISHED
    is_measured, metric = any(row.is_measured for row in techniques), board.metric
    split = "validation" if is_measured else "test"
    return sentences.NOT_MEASURED.format(metric=metric.words, split=split, why=metric.undefined)


def _name(board: Board, row: Row) -> str:
    """The technique, with its backbone where the study has several."""
    backbones = {r.cell.backbone for r in board.rows if not r.cell.is_baseline}
    return f"{row.cell.name} of {short(row.cell.backbone)}" if len(backbones) > 1 else row.cell.name


def _seeds(best: Row, control: Row) -> str:
    if len(best.seeds) == len(control.seeds):
        return plural(len(best.seeds), "seed")
    return f"{len(best.seeds)} and {plural(len(control.seeds), 'seed')}"
