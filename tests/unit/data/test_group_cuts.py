"""How many groups a cut takes, and what its errors name."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.load import load_data
from graft.data.splits import make_splits


def test_an_error_names_the_column_that_was_guessed_to_be_the_label(tmp_path: Path) -> None:
    """Speakers of two memos each are too few to cut, and may not be what was meant."""
    table = tmp_path / "memos.csv"
    rows = [f"memo number {i} is about {i * i},speaker {i // 2}" for i in range(12)]
    table.write_text("\n".join(["memo,speaker", *rows]) + "\n")
    guessed = "The column 'speaker' is taken as the label; choose another: --columns label=NAME."
    with pytest.raises(DataError, match="No val split can be cut") as error:
        load_data(table)
    assert str(error.value).endswith(guessed)
    with pytest.raises(DataError, match="No val split can be cut") as error:
        load_data(table, columns={"label": "speaker"})
    assert guessed not in str(error.value)


@pytest.mark.parametrize("seed", range(5))
def test_a_group_beyond_the_goal_is_taken_if_that_is_nearer_to_it(seed: int) -> None:
    """Of eight speakers with 13 sounds each, 21 of 104 are a fifth: two speakers, not one."""
    whole = [
        Sample(f"{speaker}-{i}", {"text": f"{speaker} {i}", "label": "ab"[i % 2], "group": speaker})
        for speaker in "abcdefgh"
        for i in range(13)
    ]
    splits = make_splits(Data({"all": whole}), seed=seed).splits
    assert {name: len(part) for name, part in splits.items()} == {
        "train": 65,
        "val": 13,
        "test": 26,
    }


def test_groups_that_are_too_few_for_another_cut_are_left() -> None:
    """A second of four groups would be nearer to two fifths, but leave no three for validation."""
    whole = [
        Sample(f"{name}-{i}", {"text": f"{name} {i}", "label": "ab"[i % 2], "group": name})
        for name in "abcd"
        for i in range(10)
    ]
    splits = make_splits(Data({"all": whole}), test=0.4).splits
    assert {name: len(part) for name, part in splits.items()} == {
        "train": 20,
        "val": 10,
        "test": 10,
    }
