"""Cautions about a study: few seeds, failed runs, changed frozen weights, different versions."""

from __future__ import annotations

import math

from graft.base.counts import plural
from graft.reports.board import Board, Choice, best_row
from graft.reports.statistics import LEVEL
from graft.reports.words import is_known, join_words, percent
from graft.training.validators.validator import GUARD, VAL

_TWO_SEEDS = (
    "Two seeds show little of how much runs differ: where they differ much, up to 9 % of studies "
    "falsely claim a difference to the control or the baseline; with three seeds or more, at most "
    "6 %. Compare with --seeds 3."
)
_DISAGREE = (
    "Where an interval leaves out 0 beside a p-value of 0.05 or more, go by the p-value: with two "
    "seeds it allows for more luck than the interval."
)
_BY_SOURCE = (
    "The technique was chosen by the validation split of the source, which does not show what is "
    "best on the target. Name a validator: --selected-by mixval."
)
_NO_LABELS = "The technique was chosen by {validator}, which looks at no label of the target."
_SHIFT = (
    "The classes seem to be differently frequent in the target ({shares}), by an estimate without "
    "its labels that takes each class to look alike in both domains. If that is so, techniques and "
    "validators that expect equal shares may be misled; if not, the network takes some classes for "
    "others."
)
SHIFT, FEWEST = 0.2, 3
"""The share of the target that would have to change its class for the shares of the source, from
which a caution says so; and the classes that it names."""
_GUARD = (
    "{validator} chooses {chosen}, and {guard} would choose {other}: without labels of the target "
    "neither is sure. Look at the figures of both."
)
_VERSIONS = (
    "The runs were made with different versions of {packages}, which may be the reason why they "
    "differ. Compare again with another --out."
)


def cautions(board: Board) -> tuple[str, ...]:
    """Return the sentences below the verdict."""
    study, notes = board.study, []
    if any(has_two_seeds(choice) and is_known(choice.p_control) for choice in board.choices):
        notes.append(_TWO_SEEDS)
    if any(has_two_seeds(choice) and _disagrees(choice) for choice in board.choices):
        notes.append(_DISAGREE)
    if mixed := _mixed_versions(board):
        notes.append(_VERSIONS.format(packages=join_words(mixed)))
    notes += study.losses
    failed = [run for run in study.runs if run.state == "failed"]
    open_ends = [run for run in study.runs if not run.result and run.state != "failed"]
    if failed:
        notes.append(
            f"{plural(len(failed), 'run')} of {len(study.runs)} failed; the leaderboard says why."
        )
    if open_ends:
        notes.append(
            f"{plural(len(open_ends), 'run')} of {len(study.runs)} did not finish; the same "
            "command goes on with them."
        )
    changed = [row.cell.name for row in board.rows if row.frozen is False]
    if changed:
        notes.append(
            f"Frozen weights changed during training with {join_words(changed)}: "
            "do not trust these rows."
        )
    oracle = sorted({run.result["selected_by"] for run in study.finished} - {"val"})
    if oracle:
        notes.append(
            f"Some models were selected by {join_words(oracle)}, not by the validation split."
        )
    notes += _say_validators(board)
    problems = [
        finding for finding in study.findings if finding["severity"] in ("error", "warning")
    ]
    if problems:
        notes.append(
            f"The check of the data found {plural(len(problems), 'problem')}, listed under Data."
        )
    return tuple(notes)


def _say_validators(board: Board) -> list[str]:
    """Say that a validator chose without labels of the target, and where the guard disagrees."""
    chosen_by = board.study.selected_by
    if chosen_by == VAL:
        return [_BY_SOURCE] if any(row.validators for row in board.rows) else []
    if not any(choice.best for choice in board.choices):
        return []
    notes = [_NO_LABELS.format(validator=chosen_by)]
    for choice in board.choices[:1]:
        notes += _say_label_shift(choice)
        rows = [r for r in board.at(choice.size) if not (r.cell.is_baseline or r.cell.is_control)]
        best = best_row(rows, GUARD)
        if best is None or choice.best is None:
            continue
        if -math.inf < choice.best.rating(GUARD) < best.rating(GUARD):
            names = {"chosen": choice.best.cell.name, "other": best.cell.name}
            notes.append(_GUARD.format(validator=chosen_by, guard=GUARD, **names))
    return notes


def _say_label_shift(choice: Choice) -> list[str]:
    """Name the classes whose estimated share of the target differs most from that of the source."""
    run = choice.best and choice.best.runs[0]
    shares = (((run and run.result) or {}).get("domains") or {}).get("class_shares") or {}
    moved = {name: each["target"] - each["source"] for name, each in shares.items()}
    if sum(map(abs, moved.values())) / 2 < SHIFT:
        return []
    largest = sorted(moved, key=lambda name: -abs(moved[name]))[:FEWEST]
    words = [
        f"{name} {percent(shares[name]['target'], 0)} % instead of "
        f"{percent(shares[name]['source'], 0)} %"
        for name in largest
    ]
    return [_SHIFT.format(shares=join_words(words))]


def has_two_seeds(choice: Choice) -> bool:
    """Whether the selected technique and its control have two seeds or more, one of them two."""
    rows = [row for row in (choice.best, choice.control) if row is not None]
    return min((len(row.seeds) for row in rows), default=0) == 2


def _disagrees(choice: Choice) -> bool:
    """Whether an interval of the choice excludes 0 although its p-value is not significant."""
    differences = [
        choice.to_control,
        choice.to_baseline,
        *(beside.difference for beside in choice.others),
    ]
    return any(one and one.low * one.high > 0 and one.p >= LEVEL for one in differences)


def _mixed_versions(board: Board) -> list[str]:
    """List packages with different versions among the finished runs, as `torch (2.6.0, 2.7.1)`."""
    specs = [run.spec.get("versions") or {} for run in board.study.finished]
    packages = dict.fromkeys(name for versions in specs for name in versions)
    seen = {
        name: sorted({str(versions[name]) for versions in specs if name in versions})
        for name in packages
    }
    return [
        f"{name} ({', '.join(versions)})" for name, versions in seen.items() if len(versions) > 1
    ]
