from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.load import load_data, read
from tests.unit.data.test_tables import write

PATIENTS = "text,label,patient_id\n" + "".join(
    f"finding {i} of {i * i},{'ab'[i % 2]},{i // 4}\n" for i in range(80)
)


def groups(data: Data, split: str) -> set[str]:
    return {s.roles["group"] for s in data.splits[split]}


def test_a_column_of_groups_is_found_by_its_name_and_groups_stay_whole(tmp_path: Path) -> None:
    data = load_data(write(tmp_path, "t.csv", PATIENTS))
    assert any("one value of 'patient_id' are one group" in n for n in data.notes)
    assert sum(len(groups(data, split)) for split in ("train", "val", "test")) == 20
    assert not groups(data, "train") & groups(data, "test")


@pytest.mark.parametrize("asked", ["clinic", "2"])
def test_a_column_of_groups_that_is_asked_for(tmp_path: Path, asked: str) -> None:
    text = PATIENTS.replace("patient_id", "clinic")
    data = read(write(tmp_path, "t.csv", text), columns={"group": asked})
    assert data.splits["all"][5].roles == {"text": "finding 5 of 25", "label": "b", "group": "1"}
    assert not any("group" in n for n in data.notes), "who asks for it needs no note"
    assert "group" not in read(write(tmp_path, "t.csv", text)).splits["all"][0].roles


def test_the_only_label_of_a_table_is_no_group(tmp_path: Path) -> None:
    data = read(
        write(
            tmp_path,
            "t.csv",
            "text,speaker\n" + "".join(f"words {i} said,{'ab'[i % 2]}\n" for i in range(20)),
        )
    )
    assert data.splits["all"][1].roles == {"text": "words 1 said", "label": "b"}


def test_rows_without_a_group_belong_to_none(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.csv", "text,label,group\none fine film,a,x\na dull thing,b,\n"))
    assert [s.roles.get("group") for s in data.splits["all"]] == ["x", None]


def test_groups_that_are_asked_for_must_be_in_every_table(tmp_path: Path) -> None:
    write(tmp_path, "train.csv", PATIENTS)
    write(tmp_path, "test.csv", "text,label\nsomething else,a\nand another,b\n")
    with pytest.raises(DataError, match=r"test\.csv has no column 'patient_id'"):
        read(tmp_path, columns={"group": "patient_id"})
    assert "group" not in read(tmp_path).splits["test"][0].roles
