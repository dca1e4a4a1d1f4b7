"""Another domain: which of its samples are learned from, and which labels measure."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import BadValue, DataError
from graft.data.load import load_data
from graft.data.splits import subsample


def pictures(folder: Path, labels: tuple[str, ...], count: int = 15, shade: int = 0) -> Path:
    """`count` pictures of each label in class folders, no two alike."""
    rng = np.random.default_rng(shade)
    for label in labels:
        for number in range(count):
            place = folder / label / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(shade, shade + 60, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return pictures(tmp_path / "photos", ("ants", "bees"))


def test_a_labeled_target_is_learned_from_without_labels_and_tested_with_them(source, tmp_path):
    data = load_data(source, target=pictures(tmp_path / "drawings", ("ants", "bees"), shade=90))
    assert data.target == "labeled"
    assert {name: len(part) for name, part in data.splits.items()} == {
        "train": 26,
        "val": 4,
        "unlabeled": 24,
        "test": 6,
    }
    assert {role for sample in data.splits["unlabeled"] for role in sample.roles} == {"image"}
    assert all(sample.id.startswith("target/") for sample in data.splits["test"])
    # No sample is both learned from and measured on.
    learned = {sample.roles["image"] for sample in data.splits["unlabeled"]}
    assert not learned & {sample.roles["image"] for sample in data.splits["test"]}
    assert data.notes[-1].endswith("for the final figures alone, on 6 samples held out.")


def test_a_target_without_labels_is_all_learned_from_and_nothing_measures_it(source, tmp_path):
    bare = pictures(tmp_path / "drawings", ("",), count=9, shade=90)
    data = load_data(source, target=bare)
    assert data.target == "unlabeled"
    assert len(data.splits["unlabeled"]) == 9
    assert not any(sample.id.startswith("target/") for sample in data.splits["test"])
    assert "nothing is measured there" in data.notes[-1]


def test_labels_of_a_target_are_taken_from_a_column_that_is_named_and_never_guessed(
    source, tmp_path
):
    folder = pictures(tmp_path / "drawings", ("ants", "bees"), shade=90)
    rows = [f"{f.relative_to(folder)},{f.parent.name}" for f in sorted(folder.glob("*/*.png"))]
    table = folder / "drawings.csv"
    table.write_text("\n".join(["path,what", *rows]) + "\n")
    bare = load_data(source, target=table)
    assert bare.target == "unlabeled"
    assert "only 'path' is read" in bare.notes[-1]
    assert "give --columns label=NAME" in bare.notes[-1]
    assert load_data(source, target=table, columns={"label": "what"}).target == "labeled"


def test_shots_leave_nothing_of_the_source_to_what_is_adapted_to(source, tmp_path):
    data = load_data(source, target=pictures(tmp_path / "drawings", ("ants", "bees"), shade=90))
    few = subsample(data, shots=2)
    assert len(few.splits["train"]) == 4
    assert few.splits["unlabeled"] == data.splits["unlabeled"]


def test_classes_that_the_source_lacks_are_refused(source, tmp_path):
    other = pictures(tmp_path / "drawings", ("ants", "wasps"), shade=90)
    with pytest.raises(DataError, match=r"has classes that the source lacks.*wasps"):
        load_data(source, target=other)


def test_the_source_is_no_target(source):
    with pytest.raises(DataError, match="is the source itself"):
        load_data(source, target=source)


def test_a_target_without_samples_is_refused(source, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"The folder .*empty is empty"):
        load_data(source, target=tmp_path / "empty")


def test_a_target_of_test_samples_alone_leaves_nothing_to_learn_from(source, tmp_path):
    other = tmp_path / "drawings"
    pictures(other / "test", ("ants", "bees"), shade=90)
    with pytest.raises(DataError, match="hold no training split, only test"):
        load_data(source, target=other)


def test_a_target_of_another_medium_is_refused(source, tmp_path):
    (tmp_path / "texts.csv").write_text(
        "text,label\n" + "".join(f"words {n},{'ants' if n % 2 else 'bees'}\n" for n in range(20))
    )
    with pytest.raises(DataError, match="holds no pictures"):
        load_data(source, target=tmp_path / "texts.csv")


def test_a_target_and_unlabeled_samples_are_one_too_many(source, tmp_path):
    other = pictures(tmp_path / "drawings", ("ants", "bees"), shade=90)
    with pytest.raises(BadValue, match="unlabeled and target both name"):
        load_data(source, target=other, unlabeled=other)


def test_a_copy_of_the_source_is_no_target(source, tmp_path):
    copy = pictures(tmp_path / "copy", ("ants", "bees"))
    with pytest.raises(DataError, match=r"All 30 samples of .*copy are samples of the source too"):
        load_data(source, target=copy)
    shutil.rmtree(copy / "ants")
    pictures(copy, ("ants",), shade=90)
    assert load_data(source, target=copy).target == "labeled"


def test_a_target_within_the_source_is_refused_and_so_is_the_reverse(source):
    with pytest.raises(DataError, match=r"ants lies in .*photos.*none holds the other"):
        load_data(source, target=source / "ants")
    with pytest.raises(DataError, match=r"photos lies in .*, and one of them is the source"):
        load_data(source, target=source.parent)


def test_classes_in_other_capitals_are_named_beside_those_of_the_source(source, tmp_path):
    target = pictures(tmp_path / "drawings", ("Ants", "bees"), shade=90)
    with pytest.raises(DataError, match=r"in other capitals: Ants \(there ants\)\. Write them"):
        load_data(source, target=target)


def test_a_target_with_some_labels_is_not_measured_and_told_so(source, tmp_path):
    target = pictures(tmp_path / "drawings", ("ants",), count=4, shade=90)
    pictures(target, ("",), count=3, shade=120)
    data = load_data(source, target=target)
    assert data.target == "unlabeled"
    assert any("labels for 4 of 7 samples alone" in note for note in data.notes)
