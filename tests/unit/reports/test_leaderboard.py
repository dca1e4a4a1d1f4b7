from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graft.base.errors import FolderError
from graft.metrics.classification import accuracy, macro_f1
from graft.reports import leaderboard, report
from graft.reports.board import Cell, Size
from graft.reports.read import read, read_predictions
from graft.reports.statistics import Interval
from tests.unit.reports import test_verdict
from tests.unit.reports.conftest import CLASSES, write_study


@pytest.fixture(scope="module")
def board(study):
    return leaderboard.build(read(study))


def test_a_row_for_each_technique_baseline_and_size(board):
    names = {(row.cell.name, row.cell.size.fraction) for row in board.rows}
    techniques = {
        (t, f)
        for t in ("from-scratch", "feature-extraction", "full-fine-tuning")
        for f in (1.0, 0.5)
    }
    baselines = {(b, f) for b in ("majority", "pixels-logistic") for f in (1.0, 0.5)}
    assert names == techniques | baselines | {("lora:r=0", 1.0)}


def test_means_over_seeds_equal_those_of_the_runs(board):
    row = next(r for r in board.rows if r.cell.name == "feature-extraction")
    values = [run.result["metrics"]["test"]["accuracy"]["value"] for run in row.runs]
    assert row.score.value == pytest.approx(np.mean(values))
    assert row.seeds == [0, 1, 2]
    assert row.score.low < row.score.value < row.score.high
    assert row.others["brier"] == pytest.approx(
        np.mean([run.result["metrics"]["test"]["brier"]["value"] for run in row.runs])
    )


def test_validation_selects_and_the_test_split_does_not(study, tmp_path):
    shutil.copytree(study, tmp_path / "study")
    before = leaderboard.build(read(tmp_path / "study")).choices[0].best.cell.name
    for path in (tmp_path / "study" / "runs").glob("*/result.json"):
        result = json.loads(path.read_text())
        if (
            result["technique"] != before
            and result["fraction"] == 1.0
            and result["technique"] != "from-scratch"
        ):
            result["metrics"]["val"]["accuracy"] = 0.999
            path.write_text(json.dumps(result))
    after = leaderboard.build(read(tmp_path / "study"))
    assert after.choices[0].best.cell.name != before
    assert after.rows[0].cell == after.choices[0].best.cell


def test_the_control_has_no_difference_and_the_others_have_one(board):
    for row in board.at(Size(1.0, None)):
        trained = row.score is not None and not row.cell.is_baseline
        assert (row.to_control is not None) == (trained and not row.cell.is_control)


def test_differences_are_paired_on_the_same_examples(board):
    row = next(r for r in board.rows if r.to_control)
    control = leaderboard.control_of(row, board.rows)
    assert row.to_control.value == pytest.approx(row.score.value - control.score.value)
    unpaired = np.hypot(row.score.high - row.score.low, control.score.high - control.score.low)
    assert row.to_control.high - row.to_control.low < unpaired


def test_p_values_are_corrected_upwards(board):
    for row in board.rows:
        if row.to_control:
            assert row.p_corrected >= row.to_control.p


def test_the_other_techniques_are_paired_with_the_chosen_one(board):
    for choice in board.choices:
        (other,) = choice.others
        chosen = {choice.best.cell.name, other.row.cell.name}
        assert chosen == {"feature-extraction", "full-fine-tuning"}
        assert other.difference.value == pytest.approx(
            choice.best.score.value - other.row.score.value
        )
        assert other.difference.low <= other.difference.value <= other.difference.high


def test_what_is_undefined_is_never_chosen():
    make = test_verdict.row
    nothing, nan = Interval(math.nan, math.nan, math.nan), math.nan
    rows = [
        replace(make("lora"), watched=accuracy, val=0.99, score=nothing),
        replace(make("lp-ft"), watched=accuracy, val=0.5),
        replace(make("bitfit"), watched=accuracy, val=nan),
        replace(make("constant", None), score=nothing),
        make("majority", None),
    ]
    _, choice = leaderboard.choose(rows, test_verdict.ALL, {})
    assert choice.best.cell.name == "lp-ft"
    assert choice.baseline.cell.name == "majority"
    _, without = leaderboard.choose([rows[0], rows[3]], test_verdict.ALL, {})
    assert without.best is None and without.baseline is None


def test_a_failed_run_is_a_row_with_its_message(board):
    row = next(r for r in board.rows if r.cell.name == "lora:r=0")
    assert row.score is None
    assert row.unfinished[0].message.startswith("ValueError: matmul")


def test_sizes_come_largest_first(board):
    assert [choice.size.fraction for choice in board.choices] == [1.0, 0.5]


def test_runs_on_different_test_examples_are_not_compared(study, tmp_path):
    shutil.copytree(study, tmp_path / "study")
    path = next((tmp_path / "study" / "runs").glob("*/predictions.parquet"))
    table = pd.read_parquet(path)
    table.assign(id="other " + table["id"]).to_parquet(path)
    with pytest.raises(FolderError, match="tested on different examples"):
        leaderboard.build(read(tmp_path / "study"))


def with_groups(study, folder, groups):
    """The study with its test examples in so many groups, neighbors by id together."""
    shutil.copytree(study, folder)
    for path in [*folder.glob("runs/*/predictions.parquet"), *folder.glob("baselines/*.parquet")]:
        table = pd.read_parquet(path).sort_values("id", kind="stable")
        test = table["split"] == "test"
        number = (np.arange(test.sum()) * groups) // test.sum()
        table.loc[test, "group"] = [f"patient {i}" for i in number]
        table.to_parquet(path)
    return folder


def test_examples_of_one_group_are_drawn_together(study, board, tmp_path):
    found = leaderboard.build(read(with_groups(study, tmp_path / "study", 30)))
    assert (found.test_examples, found.test_groups) == (board.test_examples, 30)
    assert board.test_groups == board.test_examples
    for before, after in zip(board.rows, found.rows, strict=True):
        assert after.cell == before.cell
        if before.score:
            assert after.score.value == before.score.value
            assert (after.score.low, after.score.high) != (before.score.low, before.score.high)


@pytest.mark.parametrize("groups", [5, 9])
def test_few_groups_count_as_groups(study, board, tmp_path, groups):
    """However few: to take each example for itself would be far worse, with a cliff somewhere."""
    grouped = leaderboard.build(read(with_groups(study, tmp_path / "study", groups)))
    assert grouped.test_groups == groups
    for before, after in zip(board.rows, grouped.rows, strict=True):
        if before.to_control:
            assert after.to_control.value == pytest.approx(before.to_control.value)
            assert after.to_control.p != before.to_control.p


def test_fewer_than_five_groups_give_no_verdict(study, tmp_path):
    summary = report.summarize(with_groups(study, tmp_path / "study", 4))
    assert summary.verdict.outcome == "no verdict"
    assert summary.verdict.against_baseline is None
    assert summary.verdict.sentences[0].startswith("No verdict from 4 groups of test examples: ")
    assert "with fewer than 5 it cannot be estimated" in summary.verdict.sentences[0]
    assert len(summary.verdict.sentences) == 1
    assert all(row.p_corrected is None for row in summary.board.rows)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (
            30,
            "come in 30 groups (of examples about the same): each group counts as one in "
            "intervals and p-values.",
        ),
        (
            4,
            "come in 4 groups (of examples about the same): fewer than 5 groups allow no "
            "p-value and no verdict.",
        ),
    ],
)
def test_the_page_says_what_intervals_make_of_groups(study, tmp_path, groups, said):
    folder = with_groups(study, tmp_path / "study", groups)
    report.write(folder)
    for page in ("report.html", "report.md"):
        assert said in (folder / page).read_text(encoding="utf-8")


def test_what_is_asked_for_twice_counts_once(study, board, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study")
    about = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**about, "runs": about["runs"] * 2}))
    baselines = json.loads((folder / "baselines.json").read_text())
    (folder / "baselines.json").write_text(json.dumps(baselines * 2))
    twice = leaderboard.build(read(folder))
    assert [(row.cell, row.seeds, row.score) for row in twice.rows] == [
        (row.cell, row.seeds, row.score) for row in board.rows
    ]
    assert len(report.rows(folder)) == len(about["runs"])


def test_two_runs_of_one_seed_are_one(study, board, tmp_path):
    """As a run that was made again under another hash."""
    folder = shutil.copytree(study, tmp_path / "study")
    about = json.loads((folder / "study.json").read_text())
    name, again = about["runs"][0], "a" * 16
    shutil.copytree(folder / "runs" / name, folder / "runs" / again)
    (folder / "study.json").write_text(json.dumps({**about, "runs": [*about["runs"], again]}))
    assert [row.seeds for row in leaderboard.build(read(folder)).rows] == [
        row.seeds for row in board.rows
    ]


@pytest.mark.parametrize(
    ("name", "is_control"),
    [
        ("from-scratch", True),
        ("from-scratch:lr=1e-3", True),
        ("from-scratch:lr=1 then lora:r=4", False),
        ("from-scratch:lr=1 + l2-sp", False),
        ("full-fine-tuning", False),
    ],
)
def test_the_control_is_training_from_scratch_and_nothing_else(name, is_control):
    assert Cell(name, "wheel:net", Size(1.0, None)).is_control == is_control


def test_the_page_says_nothing_of_groups_where_there_are_none(study, tmp_path):
    shutil.copytree(study, tmp_path / "study")
    assert "test examples come in" not in report.write(tmp_path / "study").read_text(
        encoding="utf-8"
    )


def test_one_seed_has_no_verdict_but_all_its_rows(tmp_path):
    folder = write_study(
        tmp_path / "study",
        techniques=("from-scratch", "full-fine-tuning"),
        seeds=(0,),
        fractions=(1.0,),
        failed=False,
    )
    board = leaderboard.build(read(folder))
    assert [row.seeds for row in board.rows if not row.cell.is_baseline] == [[0], [0]]
    assert board.choices[0].to_control is not None


def test_a_broken_predictions_file_says_what_to_do(tmp_path):
    (tmp_path / "p.parquet").write_bytes(b"not parquet")
    with pytest.raises(FolderError, match=r"Parquet magic bytes not found.*Delete"):
        read_predictions(tmp_path / "p.parquet", 1)


def test_a_folder_that_is_neither_study_nor_run(tmp_path):
    with pytest.raises(FolderError, match="neither a study nor a run"):
        read(tmp_path)


def test_a_technique_is_one_row_however_its_runs_were_asked_for(study, tmp_path):
    shutil.copytree(study, tmp_path / "study")
    for path in (tmp_path / "study" / "runs").glob("*/spec.json"):
        spec = json.loads(path.read_text())
        if spec["technique"] == "full-fine-tuning" and spec["seed"] == 2:
            for file in (path, path.with_name("result.json")):
                content = json.loads(file.read_text())
                content["technique"] = "full-fine-tuning:warmup=0.1"  # its default
                file.write_text(json.dumps(content))
    rows = leaderboard.build(read(tmp_path / "study")).at(Size(1.0, None))
    assert [row.seeds for row in rows if row.cell.name.startswith("full-fine-tuning")] == [
        [0, 1, 2]
    ]


def test_a_metric_that_is_no_mean_is_compared_from_its_terms(study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study")
    for path in [*folder.glob("runs/*/predictions.parquet"), *folder.glob("baselines/*.parquet")]:
        table = pd.read_parquet(path)
        numbers = [table[name].map(CLASSES.index) for name in ("prediction", "target")]
        table["terms"] = [json.dumps([*pair, 5]) for pair in zip(*numbers, strict=True)]
        table.to_parquet(path)
    for path in folder.glob("runs/*/result.json"):
        result = json.loads(path.read_text())
        path.write_text(json.dumps({**result, "primary_metric": macro_f1.name}))
    board = leaderboard.build(read(folder))
    assert board.metric == macro_f1
    for row in board.rows:
        scores = [
            run.result["metrics"]["test"][macro_f1.name]["value"] for run in row.runs if run.result
        ]
        if scores:
            assert row.score.value == pytest.approx(np.mean(scores))
            assert row.score.low < row.score.value < row.score.high
    assert board.choices[0].to_control.p < 1
