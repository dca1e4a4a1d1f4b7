"""The words of the verdict, from differences as they can come out."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from graft.cli import board
from graft.metrics.classification import accuracy
from graft.metrics.language import bits_per_byte
from graft.metrics.metric import Metric
from graft.metrics.regression import pearson
from graft.reports.board import Beside, Board, Cell, Choice, Row, Size
from graft.reports.read import Run, Study
from graft.reports.statistics import Difference, Interval
from graft.reports.verdict import Verdict, judge

ALL = Size(1.0, None)
SCRATCH_AHEAD = Difference(-0.05, -0.08, -0.02, 0.001)
CLEAR = Difference(0.382, 0.33, 0.44, 0.0002)
NOTHING = Difference(0.004, -0.012, 0.02, 0.6)


def run(technique: str, seed: int, state: str = "finished") -> Run:
    result = {
        "seed": seed,
        "selected_by": "val",
        "primary_metric": "accuracy",
        "data": {"classes": ["a", "b"]},
    }
    spec = {"technique": technique, "seed": seed}
    return Run(Path(technique), state, "", spec, result if state == "finished" else None, [])


def row(
    name: str,
    backbone: str | None = "wheel:net",
    seeds: int = 3,
    seconds: float = 60,
    size: Size = ALL,
    words: str = "",
) -> Row:
    runs = [run(name, seed) for seed in range(seeds)] if backbone else []
    score = Interval(0.9, 0.88, 0.92)
    return Row(
        Cell(name, backbone, size),
        words or name,
        accuracy,
        runs,
        list(range(seeds)),
        score,
        {},
        0.9,
        cost={"train_seconds": seconds},
    )


def verdict(
    to_control: Difference | None,
    to_baseline: Difference | None = None,
    seeds: int = 3,
    baseline="TF-IDF with logistic regression",
    metric: Metric = accuracy,
    others: tuple[Beside, ...] = (),
    examples: int = 300,
    groups: int = 300,
    **study,
) -> Verdict:
    best, control = row("lp-ft", seeds=seeds), row("from-scratch", seeds=seeds)
    trivial = row("trivial", None, 1, seconds=2, words=baseline) if to_baseline else None
    p = [d.p if d and not math.isnan(d.p) else None for d in (to_control, to_baseline)]
    choice = Choice(
        ALL, best, control if to_control else None, trivial, to_control, to_baseline, *p, others
    )
    rows = [r for r in (best, control, trivial) if r]
    runs = [each for r in rows for each in r.runs]
    about = Study(Path("study"), {}, runs, [], **{"findings": [], "compares": True, **study})
    return judge(Board(about, metric, rows, [choice], examples, groups))


def test_positive_transfer_in_words():
    found = verdict(CLEAR)
    assert found.outcome == "positive transfer"
    assert found.sentences == (
        "Positive transfer: lp-ft beats training from scratch by 38.2 points of accuracy "
        "(95 % interval 33.0 to 44.0, p < 0.001, 3 seeds).",
    )


def test_negative_transfer_gives_the_loss_as_a_positive_number():
    found = verdict(SCRATCH_AHEAD)
    assert found.outcome == "negative transfer"
    assert (
        "does worse than training from scratch by 5.0 points of accuracy "
        "(95 % interval 2.0 to 8.0, p = 0.001, 3 seeds)" in found.sentences[0]
    )


def test_a_gap_inside_the_interval_is_no_evidence():
    found = verdict(NOTHING)
    assert found.outcome == "no evidence"
    assert found.sentences[0].startswith(
        "No evidence of transfer: lp-ft and training from scratch differ by 0.4 points"
    )
    assert "−1.2 to 2.0" in found.sentences[0]


def test_an_interval_without_0_and_a_corrected_p_value_above_the_level_are_both_explained():
    apart = Difference(0.018, 0.001, 0.043, 0.069)
    found = verdict(apart, apart, baseline="no-answer")
    assert (found.outcome, found.against_baseline) == ("no evidence", "unclear")
    for sentence in found.sentences:
        assert (
            "95 % interval 0.1 to 4.3 for this comparison alone, p = 0.069 corrected for all"
            in sentence
        )


def test_one_seed_never_yields_a_verdict():
    found = verdict(CLEAR, Difference(0.1, 0.08, 0.12, 0.0002), seeds=1)
    assert found.outcome == "no verdict"
    assert found.against_baseline is None
    assert found.sentences == (
        "No verdict from one seed: lp-ft is better than training from scratch by 38.2 points of "
        "accuracy, but one seed cannot say whether that would happen again. "
        "Compare with --seeds 3.",
    )


@pytest.mark.parametrize(
    ("to_control", "start"),
    [
        (CLEAR, "Positive transfer, from two seeds only: lp-ft beats"),
        (SCRATCH_AHEAD, "Negative transfer, from two seeds only: lp-ft does worse"),
        (NOTHING, "No evidence of transfer, from two seeds only: lp-ft and"),
    ],
)
def test_two_seeds_are_said_in_the_verdict_itself_and_in_a_caution(to_control, start):
    found = verdict(to_control, seeds=2)
    assert found.sentences[0].startswith(start)
    assert "Two seeds show little of how much runs differ" in found.cautions[0]
    assert (
        "two seeds"
        not in " ".join([*verdict(to_control).sentences, *verdict(to_control).cautions]).lower()
    )


def test_an_interval_that_disagrees_with_its_p_value_is_explained_with_two_seeds():
    apart = Difference(0.018, 0.001, 0.043, 0.069)
    words = "go by the p-value: with two seeds"
    assert any(words in caution for caution in verdict(apart, seeds=2).cautions)
    assert any(words in caution for caution in verdict(CLEAR, apart, seeds=2).cautions)
    for agreed in (CLEAR, NOTHING, SCRATCH_AHEAD):
        assert words not in " ".join(verdict(agreed, seeds=2).cautions)
    assert words not in " ".join(verdict(apart, seeds=3).cautions)  # the correction explains it


def test_the_terminal_and_json_have_the_caution_of_two_seeds(capsys):
    found = verdict(CLEAR, seeds=2)
    board.verdict(found)
    printed = capsys.readouterr().out
    assert "Positive transfer, from two seeds only:" in printed
    assert "note: Two seeds show little" in printed
    written = json.loads(json.dumps(asdict(found), allow_nan=False))
    assert "from two seeds only" in written["sentences"][0]
    assert written["cautions"][0].startswith("Two seeds show little")


@pytest.mark.parametrize(
    ("examples", "groups", "units", "wider_split"),
    [
        (300, 4, "4 groups of test examples", "a test split with more groups"),
        (4, 4, "4 test examples", "a larger test split"),
    ],
)
def test_too_few_groups_never_yield_a_verdict(examples, groups, units, wider_split):
    unknown = Difference(0.382, -0.1, 0.9, math.nan)
    found = verdict(unknown, unknown, examples=examples, groups=groups)
    assert (found.outcome, found.against_baseline) == ("no verdict", None)
    assert found.sentences == (
        f"No verdict from {units}: lp-ft is better than training from scratch by 38.2 points of "
        "accuracy, but with fewer than 5 it cannot be estimated how much the result would vary on "
        f"others. Use {wider_split}.",
    )


def test_runs_of_different_versions_are_a_caution():
    versions = [{"graft": "0.1.0", "torch": "2.6.0"}, {"graft": "0.2.0", "torch": "2.6.0"}]
    runs = [
        replace(run("lp-ft", seed), spec={"versions": each}) for seed, each in enumerate(versions)
    ]
    (caution,) = judge(
        Board(Study(Path("study"), {}, runs, [], [], True), accuracy, [], [], 0, 0)
    ).cautions
    assert caution.startswith("The runs were made with different versions of graft (0.1.0, 0.2.0)")
    same = Study(Path("study"), {}, runs[:1] * 2, [], [], True)
    assert judge(Board(same, accuracy, [], [], 0, 0)).cautions == ()


def test_a_better_baseline_makes_transfer_the_wrong_choice():
    found = verdict(
        CLEAR, Difference(-0.021, -0.03, -0.012, 0.0004), baseline="logistic regression on pixels"
    )
    assert found.against_baseline == "worse"
    assert found.sentences[1] == (
        "But logistic regression on pixels does better by 2.1 points "
        "(95 % interval 1.2 to 3.0, p < 0.001) at a fraction of the cost (2.0 s of training "
        "instead of 60 s): for these data, transfer is the wrong choice."
    )


def test_an_equal_baseline_is_enough():
    found = verdict(CLEAR, Difference(0.002, -0.006, 0.01, 0.7))
    assert found.against_baseline == "as well"
    assert found.sentences[1] == (
        "But TF-IDF with logistic regression does as well (difference 0.2 points, "
        "95 % interval −0.6 to 1.0, p = 0.70): the simpler model is enough."
    )


def test_a_wide_interval_is_not_called_as_well():
    found = verdict(CLEAR, Difference(0.05, -0.03, 0.13, 0.2))
    assert found.against_baseline == "unclear"
    assert "the data cannot separate" in found.sentences[1]


@pytest.mark.parametrize(
    ("to_control", "words"),
    [
        (CLEAR, "transfer is the right choice"),
        (NOTHING, "cannot show whether"),
        (SCRATCH_AHEAD, "prefer training from scratch"),
    ],
)
def test_beating_the_baseline_is_advice_only_with_the_control(to_control, words):
    found = verdict(to_control, Difference(0.05, 0.03, 0.07, 0.0002))
    assert found.against_baseline == "better"
    assert words in found.sentences[1]


def beside(name: str, *apart: float, **options) -> Beside:
    return Beside(row(name, **options), Difference(*apart), apart[-1])


def test_the_other_techniques_stand_beside_the_chosen_one():
    others = (
        beside("full-fine-tuning", 0.007, -0.015, 0.03, 0.5, seconds=40),
        beside("feature-extraction", 0.002, -0.006, 0.01, 0.7, seconds=3),
        beside("bitfit", 0.05, 0.03, 0.07, 0.0002, seconds=3),
        beside("lora", -0.03, -0.05, -0.01, 0.004),
    )
    found = verdict(CLEAR, others=others)
    assert found.sentences[-1] == (
        "Of the techniques, lp-ft beats bitfit (difference 5.0 points, 95 % interval 3.0 to 7.0, "
        "p < 0.001). "
        "The data cannot separate lp-ft from full-fine-tuning (difference 0.7 points, "
        "95 % interval −1.5 to 3.0, p = 0.50). "
        "lp-ft is hardly better, if at all, than feature-extraction (difference 0.2 points, "
        "95 % interval −0.6 to 1.0, p = 0.70; 3.0 s of training instead of 60 s). "
        "lp-ft does worse on the test split than lora (difference −3.0 points, "
        "95 % interval −5.0 to −1.0, p = 0.004)."
    )
    assert [other.other for other in found.others] == [other.row.cell.name for other in others]


def test_of_many_that_stand_alike_three_are_named():
    others = tuple(
        beside(f"lora:r={rank}", -0.05, -0.07, -0.03, 0.001) for rank in (1, 2, 4, 8, 16)
    )
    found = verdict(LOWER, others=others, metric=bits_per_byte).sentences[-1]
    assert found.startswith(
        "Of the techniques, lp-ft beats lora:r=1 "
        "(difference −0.050, 95 % interval −0.070 to −0.030, p = 0.001), "
    )
    assert "lora:r=4 (" in found and "lora:r=8" not in found
    assert found.endswith(" and 2 more.")


def test_a_technique_of_one_seed_is_not_compared():
    assert "lora" not in " ".join(
        verdict(CLEAR, others=(beside("lora", 0.1, 0.08, 0.12, 0.0002, seeds=1),)).sentences
    )


def test_techniques_whose_metric_is_undefined_have_no_verdict():
    nothing = Interval(math.nan, math.nan, math.nan)
    rows = [replace(row("lp-ft"), score=nothing)]
    choice = Choice(ALL, None, None, None, None, None, None, None)
    about = Study(Path("study"), {}, rows[0].runs, [], [], compares=True)
    said = judge(Board(about, pearson, rows, [choice], 30, 30))
    assert said.outcome == "no verdict"
    assert said.sentences == (
        "No verdict: the Pearson correlation of the techniques is undefined on the test split, as "
        "it is where all predictions, or all true values, are equal.",
    )
    rows = [replace(row("lp-ft"), val=None)]
    unwatched = judge(Board(about, pearson, rows, [choice], 30, 30))
    assert "is undefined on the validation split" in unwatched.sentences[0]


def test_runs_that_learn_some_tasks_alone_have_no_verdict():
    choice = Choice(ALL, None, None, None, None, None, None, None)
    some, control = tuple(row("lp-ft + some-tasks").runs), row("from-scratch")
    about = Study(Path("study"), {}, list(control.runs), [], [], compares=True, alone=some)
    (sentence,) = judge(Board(about, pearson, [control], [choice], 30, 30)).sentences
    assert sentence.startswith("No verdict: every technique learns only some of the tasks")
    failed = replace(row("lp-ft"), score=None)
    (sentence,) = judge(Board(about, pearson, [control, failed], [choice], 30, 30)).sentences
    assert sentence == "No verdict: no run of a transfer technique has finished."


def test_without_a_control_there_is_no_verdict():
    found = verdict(None)
    assert found.outcome == "no verdict"
    assert "from-scratch control has not finished" in found.sentences[0]


def test_cautions_name_failures_findings_and_oracles():
    findings = [{"kind": "leak", "severity": "warning", "message": "", "samples": []}]
    runs = [run("lp-ft", 0), run("lora", 0, "failed"), run("lora", 1, "interrupted")]
    study = Study(Path("study"), {}, runs, [], findings, True)
    found = judge(Board(study, accuracy, [], [], 0, 0))
    assert found.outcome == "no verdict"
    assert [caution.split(";")[0] for caution in found.cautions] == [
        "1 run of 3 failed",
        "1 run of 3 did not finish",
        "The check of the data found 1 problem, listed under Data.",
    ]


def test_a_verdict_is_json():
    found = json.loads(json.dumps(asdict(verdict(CLEAR, NOTHING)), allow_nan=False))
    assert found["control"] == {
        "other": "from-scratch",
        "other_score": {"value": 0.9, "low": 0.88, "high": 0.92},
        "difference": 0.382,
        "low": 0.33,
        "high": 0.44,
        "p": 0.0002,
    }
    assert found["technique"] == "lp-ft"


LOWER = Difference(-0.312, -0.334, -0.287, 0.0002)
HIGHER = Difference(0.25, 0.19, 0.31, 0.0002)


def test_a_lower_value_is_positive_transfer_where_lower_is_better():
    found = verdict(LOWER, LOWER, metric=bits_per_byte)
    assert (found.outcome, found.against_baseline) == ("positive transfer", "better")
    assert found.sentences == (
        "Positive transfer: lp-ft lowers bits per byte by 0.31 against training from scratch "
        "(95 % interval 0.29 to 0.33, p < 0.001, 3 seeds).",
        "It also beats the best trivial baseline, TF-IDF with logistic regression, by 0.31 "
        "(95 % interval 0.29 to 0.33, p < 0.001): for these data, transfer is the right choice.",
    )
    assert found.control.difference == -0.312


def test_a_higher_value_is_negative_transfer_where_lower_is_better():
    found = verdict(HIGHER, HIGHER, metric=bits_per_byte)
    assert (found.outcome, found.against_baseline) == ("negative transfer", "worse")
    assert found.sentences[0] == (
        "Negative transfer: lp-ft does worse than training from scratch by 0.25 in bits per byte "
        "(95 % interval 0.19 to 0.31, p < 0.001, 3 seeds)."
    )
    assert "does better by 0.25 (95 % interval 0.19 to 0.31, p < 0.001)" in found.sentences[1]


def test_no_evidence_and_one_seed_where_lower_is_better():
    found = verdict(Difference(0.004, -0.012, 0.02, 0.6), metric=bits_per_byte)
    assert found.outcome == "no evidence"
    assert (
        "differ by 0.0040 in bits per byte (95 % interval −0.012 to 0.020, p = 0.60"
        in found.sentences[0]
    )
    assert (
        "lp-ft is better than training from scratch by 0.31 in bits per byte, but one seed"
        in (verdict(LOWER, seeds=1, metric=bits_per_byte).sentences[0])
    )


@pytest.mark.parametrize(
    ("gain", "against"),
    [(0.017, "as well"), (0.019, "unclear")],
    ids=["less than 2 % of the baseline", "more than that"],
)
def test_as_well_is_relative_for_what_is_no_fraction(gain, against):
    """The baseline's value is 0.9, of which 2 % are 0.018; the gain is at most what is given."""
    found = verdict(LOWER, Difference(-0.001, -gain, 0.01, 0.7), metric=bits_per_byte)
    assert found.against_baseline == against
    assert "(difference −0.0010, 95 % interval −0.0" in found.sentences[1]
