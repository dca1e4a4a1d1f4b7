"""The table of tasks, alone and together, and which task helps which."""

from __future__ import annotations

import math
from dataclasses import replace

from graft.reports.report import templates
from graft.reports.together import TaskVerdict, describe_tasks, matrices

PAIR = TaskVerdict(
    "a", "a.accuracy", 'lora + some-tasks:tasks="a, b"', "tiny:bert", ("b",),
    0.5, 0.75, 0.25, 0.125, 0.375, 0.01, "helped",
)  # fmt: skip
NAMES = ("a", "b", "c")


def all_pairs() -> list[TaskVerdict]:
    return [
        replace(
            PAIR,
            task=task,
            metric=f"{task}.accuracy",
            beside=(other,),
            technique=f'lora + some-tasks:tasks="{", ".join(sorted((task, other)))}"',
        )
        for task in NAMES
        for other in NAMES
        if task != other
    ]


def test_a_row_says_what_a_task_gains_and_whether_that_is_sure():
    (group,) = describe_tasks([PAIR])
    assert (group["technique"], group["tasks"]) == ("lora", "a and b")
    (row,) = group["rows"]
    assert (row["task"], row["metric"]) == ("a", "accuracy (%)")
    shown = {name: row[name] for name in ("alone", "together", "gain", "interval", "outcome")}
    assert shown == {
        "alone": "50.0",
        "together": "75.0",
        "gain": "+25.0",
        "interval": "+12.5 to +37.5",
        "outcome": "helped",
    }


def test_bounds_without_an_end_are_shown_as_such():
    (group,) = describe_tasks([replace(PAIR, metric="a.r2", low=-math.inf, high=math.inf)])
    (row,) = group["rows"]
    assert row["interval"] == "−∞ to +∞"


def test_a_way_to_learn_tasks_is_a_group_of_rows_that_names_them():
    all_tasks = [replace(PAIR, beside=("b", "c"), technique="lora"), *all_pairs()]
    (first, *pairs) = describe_tasks(all_tasks)
    assert (first["technique"], first["tasks"], len(first["rows"])) == ("lora", "all tasks", 1)
    assert [(pair["tasks"], len(pair["rows"])) for pair in pairs] == [
        ("a and b", 2),
        ("a and c", 2),
        ("b and c", 2),
    ]


def test_groups_name_the_backbone_where_there_are_two():
    groups = describe_tasks([PAIR, replace(PAIR, backbone="timm:resnet18")])
    assert [group["technique"] for group in groups] == ["lora · bert", "lora · resnet18"]


def test_pairs_of_three_tasks_are_a_matrix_for_each_technique():
    (matrix,) = matrices(all_pairs())
    assert matrix["technique"] == "lora"
    assert matrix["tasks"] == list(NAMES)
    (name, cells), *_ = matrix["rows"]
    assert (name, cells[0]) == ("a", "")
    assert cells[1:] == ["+25.0 (+12.5 to +37.5)"] * 2
    assert matrices([PAIR]) == [], "of two tasks the table has all there is"


def test_two_backbones_have_a_matrix_each():
    others = [replace(verdict, backbone="timm:resnet18", gain=-0.25) for verdict in all_pairs()]
    first, second = matrices([*all_pairs(), *others])
    assert (first["technique"], second["technique"]) == ("lora · bert", "lora · resnet18")
    assert first["rows"][0][1][1].startswith("+25.0")
    assert second["rows"][0][1][1].startswith("−25.0")


def test_the_page_has_the_matrix():
    values = {"tasks": describe_tasks(all_pairs()), "matrices": matrices(all_pairs())}
    page = templates(True).get_template("tasks.html").render(values)
    assert page.count("<table>") == 2
    assert "Which task helps which: lora" in page
