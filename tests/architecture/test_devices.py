"""Code that runs on every device: no float64, which MPS lacks, and no copy that races."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import graft
from tests.architecture.trees import parse

SOURCE = Path(graft.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
ON_THE_CPU = {"cpu", "from_numpy"}


def names_in(node: ast.AST) -> set[str]:
    """The attributes that an expression reads."""
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def conversions(call: ast.Call) -> bool:
    """Whether it makes a tensor that may lie on a device a float64."""
    func = call.func
    is_double = isinstance(func, ast.Attribute) and func.attr == "double"
    return is_double and not names_in(func.value) & ON_THE_CPU


def float64_tensors(call: ast.Call) -> bool:
    """Whether it makes a float64 tensor on a device."""
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    return "device" in keywords and keywords.get("dtype") in ("torch.double", "torch.float64")


def non_blocking_copies(call: ast.Call) -> bool:
    """Whether it copies without waiting, whatever the device."""
    asked = [keyword.value for keyword in call.keywords if keyword.arg == "non_blocking"]
    return any(ast.unparse(value) == "True" for value in asked)


@pytest.fixture(scope="module")
def calls() -> dict[Callable, dict[str, list[str]]]:
    """Check -> file -> the calls that it finds. All files are parsed once."""
    checks = (conversions, float64_tensors, non_blocking_copies)
    answers: dict[Callable, dict[str, list[str]]] = {check: {} for check in checks}
    for path in FILES:
        nodes = [node for node in ast.walk(parse(path)) if isinstance(node, ast.Call)]
        for check in checks:
            if refused := [ast.unparse(node) for node in nodes if check(node)]:
                answers[check][path.relative_to(SOURCE).as_posix()] = refused
    return answers


def test_a_tensor_becomes_float64_only_behind_a_copy_to_the_cpu(calls) -> None:
    assert calls[conversions] == {}


def test_no_float64_tensor_is_made_on_a_device(calls) -> None:
    assert calls[float64_tensors] == {}


def test_no_copy_is_non_blocking_whatever_the_device(calls) -> None:
    assert calls[non_blocking_copies] == {}


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("logits.double()", conversions),
        ("torch.zeros(3, dtype=torch.float64, device=device)", float64_tensors),
        ("tensor.to(device, non_blocking=True)", non_blocking_copies),
    ],
)
def test_the_checks_find_what_they_look_for(code: str, check: Callable) -> None:
    assert check(ast.parse(code, mode="eval").body)
    assert not conversions(ast.parse("logits.cpu().double()", mode="eval").body)
