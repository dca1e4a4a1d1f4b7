"""Code that runs on every device: no float64, which MPS lacks, and no copy that races."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import graft
from tests.architecture.trees import parse

SOURCE = Path(graft.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
ON_THE_CPU = {"cpu", "from_numpy"}


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def calls(request) -> list[ast.Call]:
    """Every call in a file."""
    return [node for node in ast.walk(parse(request.param)) if isinstance(node, ast.Call)]


def names_in(node: ast.AST) -> set[str]:
    """The attributes that an expression reads."""
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def test_a_tensor_becomes_float64_only_behind_a_copy_to_the_cpu(calls: list[ast.Call]) -> None:
    converted = [
        call.func
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "double"
    ]
    assert [ast.unparse(func) for func in converted if not names_in(func.value) & ON_THE_CPU] == []


def test_no_float64_tensor_is_made_on_a_device(calls: list[ast.Call]) -> None:
    for call in calls:
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert not (
            "device" in keywords and keywords.get("dtype") in ("torch.double", "torch.float64")
        ), ast.unparse(call)


def test_no_copy_is_non_blocking_whatever_the_device(calls: list[ast.Call]) -> None:
    asked = [
        keyword for call in calls for keyword in call.keywords if keyword.arg == "non_blocking"
    ]
    assert [ast.unparse(keyword) for keyword in asked if ast.unparse(keyword.value) == "True"] == []
