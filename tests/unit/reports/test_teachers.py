"""Students beside the runs that taught them: what was lost, and what was won for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

import graft
from graft.api import open_study
from graft.reports import report
from graft.reports.teachers import describe_teachers
from graft.studies.executors import share_of_cores
from graft.training.engine import threads
from tests.unit.studies.tiny_runs import DATA

METRIC = "accuracy"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A student of a run beside its control, and the run."""
    folder = tmp_path_factory.mktemp("students")
    with threads(share_of_cores(1)):  # as the study, or their times could not be compared
        teacher = graft.fit(DATA, "tiny:vit", "full-fine-tuning", epochs=2, out=folder / "teacher")
    student = f'feature-extraction + distillation:teacher="{teacher.folder}"'
    asked = {"seeds": 1, "epochs": 1, "jobs": 1, "out": folder / "study"}
    return graft.compare(DATA, [student], "tiny:cnn", **asked), teacher


def test_a_student_stands_beside_its_teacher(study):
    found, teacher = study
    theirs = teacher.result["metrics"]["test"][METRIC]["value"]
    (row,) = (row for row in found.rows if "distillation" in row["technique"])
    ours = row[f"test_{METRIC}"]
    (taught,) = found.verdict.teachers
    assert taught.teacher == str(teacher.folder)
    assert taught.teacher_value == pytest.approx(theirs)
    assert taught.value == pytest.approx(ours)
    assert taught.gain == pytest.approx(ours - theirs)
    assert taught.low <= taught.gain <= taught.high
    assert taught.smaller == pytest.approx(teacher.result["cost"]["model_mb"] / row["model_mb"])
    assert taught.quicker == pytest.approx(teacher.result["cost"]["example_ms"] / row["example_ms"])


def test_the_page_and_its_text_show_them(study):
    found, teacher = study
    report.write(found.folder)
    for name in ("report.html", "report.md"):
        page = (found.folder / name).read_text(encoding="utf-8")
        assert "Students and teachers" in page
        assert str(teacher.folder) in page
    words = describe_teachers([replace(found.verdict.teachers[0], smaller=0.5, quicker=None)])
    assert (words[0]["smaller"], words[0]["quicker"]) == ("no: 2 times as much", "")
    words = describe_teachers([replace(found.verdict.teachers[0], smaller=723.4, quicker=1.26)])
    assert (words[0]["smaller"], words[0]["quicker"]) == ("720 times", "about 1.3 times")
    words = describe_teachers([replace(found.verdict.teachers[0], quicker=0.5)])
    assert words[0]["quicker"] == "no: about 2 times as much"


def test_a_teacher_that_was_tested_on_other_examples_is_no_measure(study, tmp_path):
    _, teacher = study
    splits = {**DATA.splits, "test": DATA.splits["test"][:-1]}
    student = f'distillation:teacher="{teacher.folder}"'
    run = graft.fit(DATA.with_splits(splits), "tiny:cnn", student, epochs=1, out=tmp_path / "run")
    assert open_study(run.folder).verdict.teachers == ()
