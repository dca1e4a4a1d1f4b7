"""The table of a report that says on which groups, as speakers, the best technique is worst."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from graft.reports import report


@pytest.fixture
def copy(study, tmp_path):
    return shutil.copytree(study, tmp_path / "study")


def name_groups(folder, names) -> None:
    """Let each test example be of one of these groups in turn, in all predictions."""
    for path in [*folder.glob("runs/*/predictions.parquet"), *folder.glob("baselines/*.parquet")]:
        table = pd.read_parquet(path)
        test = table["split"] == "test"
        turns = table.loc[test, "id"].rank().astype(int) % len(names)
        table.loc[test, "group"] = [names[turn] for turn in turns]
        table.to_parquet(path, index=False)


def best_terms(folder) -> pd.DataFrame:
    """The terms of the accuracy, right and counted, of each test example in all best runs."""
    runs = report.summarize(folder).board.choices[0].best.runs
    tables = [pd.read_parquet(run.folder / "predictions.parquet") for run in runs]
    table = pd.concat([part[part["split"] == "test"] for part in tables])
    return table.assign(right=[json.loads(terms)[0] for terms in table["terms"]])


def test_each_group_has_its_metric_the_worst_first(copy):
    names = [f"speaker {i}" for i in range(6)]
    name_groups(copy, names)
    page = report.write(copy).with_suffix(".md").read_text(encoding="utf-8")
    lines = page.partition("## Groups")[2].partition("## Data")[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if "| speaker" in line]
    means = best_terms(copy).groupby("group")["right"].mean().sort_values(kind="stable")
    assert {name: score for name, score, _ in rows} == {
        name: f"{100 * mean:.1f}" for name, mean in means.items()
    }
    scores = [float(score) for _, score, _ in rows]
    assert scores == sorted(scores) and {count for *_, count in rows} == {"50"}
    assert "<h2>Groups</h2>" in (copy / "report.html").read_text(encoding="utf-8")


def test_many_groups_are_cut_to_the_worst(copy):
    name_groups(copy, [f"speaker {i}" for i in range(30)])
    html = report.write(copy).read_text(encoding="utf-8")
    assert "The 20 worst of 30 groups" in html and html.count(">speaker ") == 20


@pytest.mark.parametrize("names", [["speaker 0"], [f"speaker {i}" for i in range(300)], None])
def test_one_group_none_or_groups_of_one_example_are_no_table(copy, names):
    if names:
        name_groups(copy, names)
    assert "<h2>Groups</h2>" not in report.write(copy).read_text(encoding="utf-8")
