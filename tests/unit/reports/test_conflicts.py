"""The figure of the cosines between the gradients of tasks."""

from __future__ import annotations

import pytest

from graft.reports.conflicts import _curves, _draw
from graft.reports.report import templates

HISTORY = [
    {"epoch": 1.0, "cosines": {"a & b": 0.5, "a & c": -0.5}},
    {"epoch": 2.0, "cosines": {"a & b": 0.1, "a & c": None}},
    {"epoch": 2.0},
]


def test_each_pair_has_a_curve_over_the_epochs():
    assert _curves(HISTORY) == {"a & b": [(1.0, 0.5), (2.0, 0.1)], "a & c": [(1.0, -0.5)]}


def test_the_sentence_is_of_the_pair_that_agrees_least():
    drawn = _draw("lora", list(_curves(HISTORY).items()))
    assert "of a and c agree least, with a cosine of −0.50" in drawn.sentence
    assert "raises the loss of the other" in drawn.sentence
    assert [name for name, _ in drawn.legend] == ["a and b", "a and c"]
    assert drawn.svg.count("<polyline") == 3  # the line at 0 and one a pair


@pytest.mark.parametrize(
    ("cosine", "words"),
    [(0.3, "lowers the loss of the other"), (0.01, "hardly changes"), (-0.2, "raises the loss")],
)
def test_a_single_pair_is_described_by_its_mean(cosine, words):
    drawn = _draw("lora", [("a & b", [(1.0, cosine)])])
    assert words in drawn.sentence
    assert "agree least" not in drawn.sentence


def test_names_of_tasks_are_text_on_the_page():
    drawn = _draw("lora", [("<b> & c", [(1.0, 0.1)])])
    page = templates(True).get_template("conflicts.html").render(conflicts=[drawn], compares=True)
    assert "&lt;b&gt; and c" in page
    assert "<b>" not in page
