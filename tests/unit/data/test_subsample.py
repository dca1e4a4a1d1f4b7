from __future__ import annotations

import pytest

from graft.base.errors import BadValue
from graft.data.data import Data
from graft.data.splits import make_splits, subsample
from tests.unit.data.test_splits import counts, ids, samples, sentences


def test_fractions_are_nested_and_stratified() -> None:
    data = make_splits(
        Data(
            {
                "train": samples({"a": 80, "b": 20}),
                "val": samples({"a": 8}, "v"),
                "test": samples({"a": 8}, "t"),
            }
        )
    )
    quarter, half = (subsample(data, fraction=f, seed=1) for f in (0.25, 0.5))
    assert counts(quarter)["train"] == {"a": 20, "b": 5} and counts(half)["train"] == {
        "a": 40,
        "b": 10,
    }
    assert set(ids(quarter)["train"]) < set(ids(half)["train"])
    assert (
        quarter.splits["val"] == data.splits["val"]
        and quarter.splits["test"] == data.splits["test"]
    )
    assert set(ids(quarter)["train"]) != set(ids(subsample(data, fraction=0.25, seed=2))["train"])
    assert counts(subsample(data, fraction=0.001))["train"] == {"a": 1, "b": 1}
    assert subsample(data) is data


def test_shots_shrink_val_too() -> None:
    data = make_splits(
        Data(
            {
                "train": samples({"a": 80, "b": 20, "c": 3}),
                "val": samples({"a": 40, "b": 10}, "v"),
                "test": samples({"a": 8}, "t"),
            }
        )
    )
    few = subsample(data, shots=5, seed=1)
    assert counts(few)["train"] == {"a": 5, "b": 5, "c": 3} and counts(few)["val"] == {
        "a": 10,
        "b": 2,
    }
    assert few.splits["test"] == data.splits["test"]
    assert "Classes with fewer than 5 training samples: c." in few.notes
    assert set(ids(few)["train"]) < set(ids(subsample(data, shots=10, seed=1))["train"])


@pytest.mark.parametrize(
    "asked", [{"fraction": 0}, {"fraction": 1.5}, {"shots": 0}, {"shots": 2, "fraction": 0.5}]
)
def test_odd_amounts(asked: dict[str, float]) -> None:
    with pytest.raises(BadValue):
        subsample(make_splits(Data({"all": samples({"a": 20, "b": 20})})), **asked)


def test_without_labels_there_are_fractions_but_no_shots() -> None:
    data = make_splits(Data({"all": sentences(100, None)}))
    quarter, half = (subsample(data, fraction=f, seed=1) for f in (0.25, 0.5))
    assert len(quarter.splits["train"]) == 17 and set(ids(quarter)["train"]) < set(
        ids(half)["train"]
    )
    assert half.splits["val"] == data.splits["val"]
    with pytest.raises(BadValue, match=r"--shots needs a class for each sample.*--fraction 0\.12"):
        subsample(data, shots=8)


def test_shots_keep_a_validation_sample_of_each_class() -> None:
    sizes = {"a": 100, "b": 3, "c": 3, "d": 3, "e": 3}
    few = subsample(Data({"train": samples(sizes), "val": samples(sizes, "v")}), shots=2)
    assert counts(few)["val"] == {"a": 6, "b": 1, "c": 1, "d": 1, "e": 1}


def test_shots_keep_a_validation_sample_of_classes_that_training_lacks() -> None:
    train, val = samples({"a": 5, "b": 5}), samples({"a": 5, "b": 5, "c": 5, "d": 5}, "v")
    few = subsample(Data({"train": train, "val": val}), shots=1)
    assert counts(few)["val"] == {"a": 1, "b": 1, "c": 1, "d": 1}
