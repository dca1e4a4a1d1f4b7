"""A random part of the splits: the same again for one seed, in order, and noted."""

from __future__ import annotations

import pytest

from graft.base.errors import BadValue, UnknownName
from graft.data.data import Data
from tests.unit.data.test_splits import ids, samples


@pytest.fixture
def data() -> Data:
    return Data({"train": samples({"a": 40, "b": 20}), "test": samples({"a": 60}, "t")})


def test_a_part_keeps_the_order_and_leaves_other_splits(data: Data) -> None:
    part = data.sample(train=30)
    assert len(part.splits["train"]) == 30
    kept = set(ids(part)["train"])
    assert [name for name in ids(data)["train"] if name in kept] == ids(part)["train"]
    assert part.splits["test"] == data.splits["test"]
    assert part.notes == ["30 of 60 samples of train, drawn at random."]


def test_the_seed_decides_which(data: Data) -> None:
    assert ids(data.sample(train=30)) == ids(data.sample(train=30))
    assert ids(data.sample(train=30)) != ids(data.sample(seed=1, train=30))


def test_splits_of_one_size_are_not_drawn_at_the_same_places(data: Data) -> None:
    part = data.sample(train=20, test=20)
    places = [[ids(data)[name].index(each) for each in ids(part)[name]] for name in part.splits]
    assert places[0] != places[1]


def test_a_split_that_is_no_larger_stays(data: Data) -> None:
    whole = data.sample(train=60, test=1000)
    assert whole.splits == data.splits
    assert whole.notes == []


def test_a_split_that_is_not_there_is_named(data: Data) -> None:
    with pytest.raises(UnknownName, match="Unknown split 'tests'"):
        data.sample(tests=5)


@pytest.mark.parametrize("size", [0, -1, 2.5, "3"])
def test_a_size_is_a_whole_number(data: Data, size: object) -> None:
    with pytest.raises(BadValue, match="train must be a whole number from 1 on"):
        data.sample(train=size)
