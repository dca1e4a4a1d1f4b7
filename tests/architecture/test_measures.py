"""A metric, a baseline and the control are named in one place each, and nowhere in the reports."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

import pytest

import graft
from graft.base import plugins
from graft.metrics.find import all_metrics
from graft.techniques.specs.combine import control_named
from tests.architecture.trees import parse
from tests.contracts.tiny import task_of

CONTROLS = {name for name in plugins.names("technique") if control_named(name)}
SOURCE = Path(graft.__file__).parent
OWNERS = ("metrics", "tasks", "backbones")
"""Where metrics and baselines are; a network's settings are words, too, as `mean`."""
ELSEWHERE = sorted(
    path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] not in OWNERS
)
REPORTS = sorted([*(SOURCE / "reports").rglob("*.py"), *(SOURCE / "studies").rglob("*.py")])
TEMPLATES = sorted((SOURCE / "reports" / "templates").glob("*"))


def texts(path: Path) -> set[str]:
    """Every string of a file; in longer ones, as in docstrings, a name is a word."""
    tree = parse(path)
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


@cache
def measures() -> frozenset[str]:
    """The names of all metrics and baselines."""
    tasks = [task_of(name)[0] for name in plugins.names("task")]
    baselines = {baseline.name for task in tasks for baseline in task.baselines}
    return frozenset({*all_metrics(), *baselines})


def named_in(files: Iterable[Path], names: Collection[str]) -> dict[str, set[str]]:
    """File -> those of the names that are strings in it."""
    named = {path.relative_to(SOURCE).as_posix(): texts(path) & set(names) for path in files}
    return {path: words for path, words in named.items() if words}


def test_no_metric_and_no_baseline_is_known_by_name_elsewhere() -> None:
    assert named_in(ELSEWHERE, measures()) == {}
    assert named_in(SOURCE.glob("metrics/*.py"), measures())


def test_reports_and_studies_do_not_know_the_control_by_name() -> None:
    assert named_in(REPORTS, CONTROLS) == {}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_the_page_knows_no_metric_no_task_and_no_control_by_name(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    # "mean" and "majority" are ordinary words.
    names = {*measures(), *plugins.names("task"), *CONTROLS} - {"mean", "majority"}
    found = {name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", page)}
    assert found == set()
