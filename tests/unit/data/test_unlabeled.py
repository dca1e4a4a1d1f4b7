"""Which texts are read without their labels: never those of validation and test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.checks.inspect import inspect
from graft.data.data import Data
from graft.data.load import load_data
from graft.data.splits import subsample
from graft.data.unlabeled import describe_few_unlabeled, unlabeled_texts


def samples(split: str, count: int) -> list[Sample]:
    return [
        Sample(f"{split}:{i}", {"text": f"{split} {i}", "label": "ab"[i % 2]}) for i in range(count)
    ]


DATA = Data({"train": samples("train", 40), "val": samples("val", 10), "test": samples("test", 10)})


def texts(data: Data) -> set[str]:
    return {sample.roles["passage"] for part in unlabeled_texts(data, 0) for sample in part}


def test_the_texts_that_shots_leave_are_kept_without_their_labels():
    few = subsample(DATA, shots=4)
    assert len(few.splits["train"]) == 8
    assert [sample.roles["label"] for sample in few.splits["unlabeled"]] == [None] * 32
    assert texts(few) == {sample.roles["text"] for sample in DATA.splits["train"]}


def test_texts_of_validation_and_test_are_left_out_and_equal_ones_read_once():
    more = [
        Sample("u:0", {"text": "TEST  3"}),
        Sample("u:1", {"text": "train 1"}),
        Sample("u:2", {"text": "new"}),
    ]
    assert texts(DATA.with_splits({**DATA.splits, "unlabeled": more})) == {
        f"train {i}" for i in range(40)
    } | {"new"}


def test_held_out_texts_are_no_others_and_the_same_again():
    kept, held = unlabeled_texts(DATA, 0)
    assert (len(kept), len(held)) == (38, 2)
    assert not {s.id for s in kept} & {s.id for s in held}
    assert unlabeled_texts(DATA, 0) == (kept, held)


def test_too_few_texts_are_refused():
    with pytest.raises(DataError, match="--unlabeled PATH"):
        unlabeled_texts(Data({"train": samples("train", 1)}), 0)


def test_more_texts_join_from_a_path(tmp_path):
    (tmp_path / "more.txt").write_text("one more text\n")
    source = {
        name: ([s.roles["text"] for s in part], [s.roles["label"] for s in part])
        for name, part in DATA.splits.items()
    }
    data = load_data(source, unlabeled=tmp_path / "more.txt")
    assert any("one more text" in text for text in texts(data))
    assert "label" in data.roles


def pictures(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8, 3), 9 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def labeled_pictures(folder: Path) -> Path:
    names = [f"{label}/{number}.png" for label in ("ants", "bees") for number in range(12)]
    return pictures(folder, *names)


def test_more_pictures_join_from_a_folder_and_their_labels_are_not_used(tmp_path):
    more = pictures(tmp_path / "more", "cats/1.png", "dogs/2.png")
    data = load_data(labeled_pictures(tmp_path / "photos"), unlabeled=more)
    assert [set(sample.roles) for sample in data.splits["unlabeled"]] == [{"image"}, {"image"}]
    assert data.classes == ["ants", "bees"]
    assert data.notes[-1] == (
        f"2 unlabeled pictures were read from {more}. They have labels, which are not used."
    )


def test_fewer_unlabeled_samples_than_twice_the_labeled_are_said_to_be_few(tmp_path):
    photos = labeled_pictures(tmp_path / "photos")
    few = pictures(tmp_path / "few", *(f"{number}.png" for number in range(9)))
    found = {finding.code: finding for finding in inspect(load_data(photos, unlabeled=few))}
    assert found["few-unlabeled"].severity == "info"
    assert "9 samples without labels and 16 samples to train on" in found["few-unlabeled"].message
    assert "few-unlabeled" not in {finding.code for finding in inspect(load_data(photos))}
    enough = pictures(tmp_path / "more", *(f"{number}.png" for number in range(30)))
    assert describe_few_unlabeled(load_data(photos, unlabeled=enough)) is None


def test_pictures_without_class_folders_are_unlabeled(tmp_path):
    more = pictures(tmp_path / "more", "1.png", "2.png", "3.png")
    data = load_data(labeled_pictures(tmp_path / "photos"), unlabeled=more)
    assert len(data.splits["unlabeled"]) == 3
    assert data.notes[-1] == f"3 unlabeled pictures were read from {more}."


def test_samples_of_another_medium_are_refused(tmp_path):
    photos = labeled_pictures(tmp_path / "photos")
    (tmp_path / "more.txt").write_text("one more text\n")
    with pytest.raises(DataError, match=r"more.txt holds no pictures.*folder of pictures"):
        load_data(photos, unlabeled=tmp_path / "more.txt")
    source = {name: (["a b", "c d"], ["x", "y"]) for name in ("train", "val", "test")}
    with pytest.raises(DataError, match=r"photos holds no texts.*\.txt file"):
        load_data(source, unlabeled=photos)


def test_the_data_themselves_are_no_unlabeled_samples(tmp_path):
    photos = labeled_pictures(tmp_path / "photos")
    with pytest.raises(DataError, match="is the data themselves"):
        load_data(photos, unlabeled=photos)
