"""The techniques that a study of several tasks adds: each task alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import graft
from graft.studies.alone import alone_techniques, learn_some, learned_tasks, learns_some
from graft.techniques.specs.combine import parse
from tests.unit.tasks.test_multi_task import TASKS, reviews

SPEC = "tone=text-classification + words=text-regression"


@pytest.mark.parametrize(
    ("technique", "alone"),
    [
        ("lora:r=2", "lora:r=2 + some-tasks:tasks=tone"),
        ("full-fine-tuning + pcgrad", "full-fine-tuning + some-tasks:tasks=tone"),
        (
            "tuned-weights:from_group=-1",
            "partial-fine-tuning:from_group=-1 + some-tasks:tasks=tone",
        ),
        ("uncertainty:lr=0.1", "full-fine-tuning:lr=0.1 + some-tasks:tasks=tone"),
        (
            "masked-language-modeling then lp-ft",
            "masked-language-modeling then lp-ft + some-tasks:tasks=tone",
        ),
        ("lora + some-tasks:tasks=words", "lora + some-tasks:tasks=tone"),
    ],
)
def test_a_task_alone_is_trained_in_the_same_way(technique: str, alone: str) -> None:
    assert learn_some(technique, ["tone"]) == alone
    parse(alone)
    assert learns_some(alone)
    assert learned_tasks(alone, ["tone", "words"]) == ["tone"]


def test_names_with_commas_and_signs_are_tasks_too() -> None:
    names = ["a, b", "c+d", "e"]
    spec = learn_some("lora", names[:2])
    assert learned_tasks(spec, names) == names[:2]
    assert learned_tasks("lora", names) == names


def test_controls_and_what_learns_some_tasks_already_have_none() -> None:
    assert alone_techniques(["from-scratch", "lora + some-tasks:tasks=tone"], SPEC) == []
    assert alone_techniques(["lora"], "text-classification") == []
    assert alone_techniques(["full-fine-tuning", "full-fine-tuning + upgrad"], SPEC) == [
        "full-fine-tuning + some-tasks:tasks=tone",
        "full-fine-tuning + some-tasks:tasks=words",
    ]


def test_a_study_says_of_each_task_whether_the_others_help_it(tmp_path: Path) -> None:
    table = reviews(tmp_path / "t.csv", 80)
    asked = {"task": TASKS, "seeds": 1, "jobs": 1, "out": tmp_path / "study"}
    study = graft.compare(table, ["feature-extraction"], "tiny:bert", **asked)
    assert [each.task for each in study.verdict.tasks] == ["tone", "words"]
    first = study.verdict.tasks[0]
    assert (first.metric, first.beside) == ("tone.accuracy", ("words",))
    assert first.gain == pytest.approx(first.together - first.alone)
    assert first.low <= first.gain <= first.high
    assert first.outcome in ("helped", "no evidence", "hurt")
    assert study.verdict.technique == "feature-extraction", "what learns one task is no choice"
    assert "Each task alone and together" in study.report.read_text(encoding="utf-8")
    assert {row["state"] for row in study.rows} == {"finished"}
    again = graft.resume(tmp_path / "study")
    assert len(again.rows) == len(study.rows)
