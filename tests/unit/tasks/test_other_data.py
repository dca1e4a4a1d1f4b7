"""A model is measured on data of the kind that it was trained on, and on no other."""

from __future__ import annotations

import pytest

from graft.base import plugins
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.tasks.specs.find_task import find_task

ONE_TEXT = {"text": "a", "label": "pos"}
PAIR = {**ONE_TEXT, "text_pair": "b"}
SEVERAL = {"text": "a", "label": ("pos", "neg")}


def classifier(**settings: object):
    return plugins.load("task", "text-classification")(("neg", "pos"), **settings)


def data(roles: dict[str, object], kind: str = "") -> Data:
    return Data({"test": [Sample("t.csv:2", roles)]}, path="t.csv", kind=kind)


@pytest.mark.parametrize(
    ("task", "roles", "words"),
    [
        (classifier(), SEVERAL, "several labels a sample, as t.csv:2.*--label-separator"),
        (classifier(), PAIR, "pairs of texts, and the model reads single texts"),
        (classifier(pairs=True), ONE_TEXT, "one text, and the model reads pairs"),
    ],
)
def test_what_the_model_does_not_read_is_refused(task, roles, words):
    with pytest.raises(DataError, match=words):
        task.check_data(data(roles))


@pytest.mark.parametrize(
    ("task", "roles"),
    [
        (classifier(), ONE_TEXT),
        (classifier(pairs=True), PAIR),
        (classifier(multi_label=True), SEVERAL),
        (classifier(multi_label=True), ONE_TEXT),  # each sample may happen to have one label
    ],
)
def test_what_the_model_reads_is_taken(task, roles):
    task.check_data(data(roles))


@pytest.mark.parametrize("kind", plugins.names("kind"))
def test_data_of_another_kind_are_refused(kind):
    task = classifier()
    tiny = next(iter(kind_named(kind).tiny().values()))
    if task.fits(tiny.roles):
        return
    with pytest.raises(DataError, match="measured on label, text"):
        task.check_data(tiny)


def test_a_pair_is_not_predicted_by_a_model_of_single_texts():
    with pytest.raises(DataError, match=r"t.csv:2: there are pairs.*text=NAME\+NAME"):
        classifier().without_target(Sample("t.csv:2", {"text": "a", "text_pair": "b"}))


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({}, "Use --task text-classification."),
        (
            {"text": ["a"], "label": ["b"]},
            "Name the columns: --columns role=name, or use --task text-classification.",
        ),
    ],
)
def test_data_for_another_task_say_which_they_are_for(columns, advice):
    other = Data({"all": [Sample("a:1", ONE_TEXT)]}, path="a", kind="labels", columns=columns)
    with pytest.raises(DataError, match="image-classification needs image") as error:
        find_task(other, "image-classification")
    assert error.value.fix == advice
