"""Several data sets as one."""

from __future__ import annotations

import pytest

import graft
from graft.base.errors import BadValue, DataError
from graft.data.kinds.several import part_data
from tests.contracts.tiny import task_of

TEXTS, NUMBERS, PICTURES = (
    task_of(name)[1] for name in ("text-classification", "text-regression", "image-classification")
)


def test_each_sample_has_the_target_of_its_own_data_set():
    data = graft.join_data({"topic": TEXTS, "score": NUMBERS})
    assert data.kind == "several"
    for name, source in {"topic": TEXTS, "score": NUMBERS}.items():
        part = part_data(data, name)
        assert part.kind == source.kind
        for split, samples in source.splits.items():
            assert [s.id for s in part.splits[split]] == [f"{name}/{s.id}" for s in samples]


def test_they_are_learned_by_one_network(tmp_path):
    data = graft.join_data({"topic": TEXTS, "score": NUMBERS})
    run = graft.fit(
        data, "tiny:bert", "full-fine-tuning", task=["topic", "score"], epochs=1, out=tmp_path / "r"
    )
    labels = {name: part["labels"]["test"] for name, part in run.result["parts"].items()}
    assert labels == {"topic": len(TEXTS.splits["test"]), "score": len(NUMBERS.splits["test"])}
    assert run.result["parts"]["score"]["task"] == "text-regression"


def test_data_sets_that_read_something_else_are_refused():
    with pytest.raises(DataError, match=r"'a' has text, 'b' has image\. Give data sets"):
        graft.join_data({"a": TEXTS, "b": PICTURES})
    for few in ({"a": TEXTS}, {"a": TEXTS, "b": "t.csv"}):
        with pytest.raises(BadValue, match=r"two or more data sets.*graft\.load_data"):
            graft.join_data(few)
    bare = NUMBERS.with_splits({"train": NUMBERS.splits["train"]})
    with pytest.raises(DataError, match=r"no samples in val\. Give what graft\.load_data"):
        graft.join_data(
            {
                "a": TEXTS.with_splits(
                    {"train": TEXTS.splits["train"], "test": TEXTS.splits["test"]}
                ),
                "b": bare,
            }
        )
