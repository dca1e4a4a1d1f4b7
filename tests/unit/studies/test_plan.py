"""How long a study takes is said before it starts and while it runs, for what is not finished."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graft import api
from graft.studies import plan as plans
from graft.studies.plan import CellPlan, Remaining, StudyPlan, plan_study
from graft.studies.question import Question
from graft.studies.study import run_study
from graft.training.loop.estimate import PhaseEstimate, RunEstimate
from graft.training.observers import Observer, StudyEvent, event_line, plan_lines
from tests.unit.studies.tiny_runs import DATA, SPEC

PHASE = PhaseEstimate("fine-tuning", 8.0, 16, 1000, None, "", 1.0, 0, 80.0, 0.0, 5.0)
TRAINED = RunEstimate((PHASE,), {}, 1.0, 4.0)  # 90 s
PROBED = RunEstimate(
    (replace(PHASE, epochs=None, seconds=20.0, recording_seconds=18.0),),
    {"head, 1": 18.0},
    1.0,
    4.0,
)  # 30 s


class Heard(Observer):
    def __init__(self):
        self.seen = []

    def study_plan(self, plan):
        self.seen.append(plan)

    def study_event(self, event):
        self.seen.append(event)


def question(techniques=("feature-extraction",), seeds=(0,), fractions=(1.0,), **settings):
    return Question(
        replace(SPEC, **settings), techniques, ("tiny:cnn",), seeds, fractions, "graft compare tiny"
    )


def test_a_dry_comparison_tells_its_plan_and_writes_nothing(tmp_path):
    plan = api.compare(
        DATA,
        ["lora"],
        ["tiny:cnn"],
        seeds=2,
        epochs=1,
        dry_run=True,
        jobs=2,
        out=tmp_path / "study",
    )
    assert not list(tmp_path.iterdir())
    assert (plan.runs, plan.finished, plan.jobs) == (4, 0, 2)
    assert [(cell.technique, cell.runs) for cell in plan.cells] == [
        ("from-scratch", 2),
        ("lora", 2),
    ]
    assert plan.baselines_seconds > 0
    assert plan.seconds == pytest.approx(
        plan.baselines_seconds + sum(plan.run_seconds.values()) / 2
    )


def test_the_plan_comes_first_and_the_time_left_with_each_run(tmp_path):
    first, second = Heard(), Heard()
    run_study(question(), DATA, tmp_path, 1, first)
    run_study(question(), DATA, tmp_path, 1, second)
    plan, *events = first.seen
    assert plan["runs"] == 2
    assert [event.state for event in events] == ["finished", "finished"]
    assert events[0].seconds_left > 0
    assert events[1].seconds_left is None
    assert second.seen[0]["runs"] == 0
    assert second.seen[0]["seconds"] == 0
    log = (tmp_path / "log.txt").read_text()
    assert log.count("2 runs, one at a time: about") == 1
    assert "All runs are finished." in log
    assert " left\n" in log


def test_a_technique_that_cannot_be_tried_costs_no_plan(tmp_path):
    broken = "partial-fine-tuning:from_group=99"
    cells = plan_study(question(techniques=(broken,)), DATA, tmp_path, 1, Observer()).cells
    assert [(cell.technique, cell.seconds is None) for cell in cells] == [
        ("from-scratch", False),
        (broken, True),
    ]


def test_a_recording_that_seeds_share_is_counted_once():
    left = question(techniques=("from-scratch", "feature-extraction"), seeds=(0, 1, 2)).runs()
    tried = {("from-scratch", "tiny:cnn"): TRAINED, ("feature-extraction", "tiny:cnn"): PROBED}
    assert list(plans._run_seconds(left, tried, DATA).values()) == [90, 30, 90, 12, 90, 12]
    few = question(
        techniques=("from-scratch", "feature-extraction"), seeds=(0, 1, 2), shots=2
    ).runs()
    assert list(plans._run_seconds(few, tried, DATA).values()) == [
        90,
        30,
        90,
        30,
        90,
        30,
    ]  # other examples each


def test_a_fraction_of_the_examples_takes_that_share_of_the_training():
    left = question(techniques=("from-scratch",), fractions=(1.0, 0.5)).runs()
    tried = {("from-scratch", "tiny:cnn"): TRAINED}
    assert list(plans._run_seconds(left, tried, DATA).values()) == [90, 50]


def planned(asked, tried, jobs=1):
    left = asked.runs()
    seconds = plans._run_seconds(left, tried, DATA)
    cells = tuple(
        CellPlan(
            technique,
            "tiny:cnn",
            len(asked.seeds),
            sum(seconds[r.hash] for r in left if r.technique == technique),
        )
        for technique, _ in tried
    )
    return StudyPlan(len(left), 0, jobs, sum(seconds.values()) / jobs, 0.0, cells, (), seconds)


def test_what_saves_most_comes_first():
    asked = question(
        techniques=("from-scratch", "lora", "feature-extraction"), seeds=(0, 1, 2), epochs=None
    )
    names = ("from-scratch", "lora", "feature-extraction")
    tried = dict(
        zip(((name, "tiny:cnn") for name in names), (TRAINED, TRAINED, PROBED), strict=True)
    )
    savings = plans._savings(asked, planned(asked, tried, jobs=2), tried)
    assert [(saving.what, saving.seconds) for saving in savings] == [
        ("with --epochs 3", 6 * 80 * 5 / 8 / 2),
        ("without lora", 135.0),
        ("with --seeds 2 (the verdict then carries a caution)", (90 + 90 + 12) / 2),
    ]
    assert plans._savings(asked, replace(planned(asked, tried), seconds=60.0), tried) == []


def test_fewer_epochs_save_nothing_where_a_technique_has_a_number_of_its_own():
    asked = question(techniques=("from-scratch", "lora", "bitfit"), epochs=None)
    own = RunEstimate((replace(PHASE, has_own_epochs=True),), {}, 1.0, 4.0)
    names = {"from-scratch": own, "lora": TRAINED, "bitfit": own}
    tried = {(name, "tiny:cnn"): run for name, run in names.items()}
    savings = plans._savings(asked, planned(asked, tried), tried)
    assert [saving.seconds for saving in savings if "epochs" in saving.what] == [80 * 5 / 8]


def test_the_time_left_follows_the_pace_of_what_has_ended(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(plans.time, "perf_counter", lambda: now[0])
    remaining = Remaining(
        StudyPlan(4, 0, 1, 100.0, 0.0, (), (), {"a": 10.0, "b": 30.0, "c": 40.0, "d": 20.0})
    )
    now[0] = 1.0
    assert remaining.end("d", failed=True) == 80  # a failed run says nothing of the pace
    now[0] = 21.0
    assert remaining.end("a", failed=False) == 70 * 21 / 10
    now[0] = 60.0
    assert remaining.end("b", failed=False) == 40 * 60 / 40


def test_a_short_study_is_planned_in_one_line():
    plan = planned(question(techniques=("from-scratch",)), {("from-scratch", "tiny:cnn"): TRAINED})
    assert plan_lines(plan.to_json()) == ["1 run, one at a time: about 1 min 30 s in all."]
    assert (
        event_line(StudyEvent(1, 2, "lora", "finished", "accuracy 0.9", 75.0))
        == "1/2 lora: accuracy 0.9; about 1 min 15 s left"
    )
