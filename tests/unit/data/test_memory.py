from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.data.formats.format import ReadOptions
from graft.data.images.arrays import full_scale
from graft.data.load import load_data, read
from graft.data.memory import from_memory


def labels(data, split="all"):
    return [s.roles["label"] for s in data.splits[split]]


def test_frame() -> None:
    frame = pd.DataFrame(
        {"sentence": ["one two", "three four", "five six"], "label": [0, 1, 0]}, index=[7, 8, 9]
    )
    data = from_memory(frame)
    assert [(s.id, s.roles["text"], s.roles["label"]) for s in data.splits["all"]][2] == (
        "frame:2",
        "five six",
        "0",
    )
    with pytest.raises(DataError, match=r"1 of 3 rows of frame.*frame:1"):
        from_memory(frame.assign(label=["a", None, "b"]))
    with pytest.raises(
        DataError, match=r"Cannot tell which column of frame is the label.*'sentence'"
    ):
        from_memory(frame[["sentence"]])
    assert labels(from_memory(frame[["sentence"]], ReadOptions(labels=False))) == [None] * 3


def test_frame_with_categories_and_whole_fractions() -> None:
    frame = pd.DataFrame({"text": ["a b", "c d"], "label": pd.Categorical(["x", "y"])})
    assert labels(from_memory(frame)) == ["x", "y"]
    assert labels(from_memory(frame.assign(label=[1.0, 2.0]))) == ["1", "2"]


def test_splits_in_a_dict() -> None:
    frame = pd.DataFrame({"text": ["a b", "c d"], "label": ["x", "y"]})
    assert list(from_memory({"train": frame, "dev": frame}).splits) == ["train", "val"]
    data = from_memory(
        {
            "train": (["a b", "c d"], ["x", "y"]),
            "test": (["e f"], ["x"]),
            "unlabeled": (["g h"], None),
        }
    )
    assert labels(data, "test") == ["x"] and labels(data, "unlabeled") == [None]
    with pytest.raises(DataError, match="'mine' name no split"):
        from_memory({"mine": frame})


def test_texts_and_labels() -> None:
    data = load_data(([f"text {i}" for i in range(20)], ["a", "b"] * 10))
    assert data.format == "arrays" and data.roles == {"text", "label"}
    assert labels(from_memory((pd.Series(["one", "two"]), pd.Series([True, False])))) == [
        "True",
        "False",
    ]
    assert labels(from_memory((["one", "two"], [["a", "b"], []]))) == [("a", "b"), ()]
    with pytest.raises(DataError, match="2 samples but 3 labels"):
        from_memory((["one", "two"], [1, 2, 3]))
    with pytest.raises(DataError, match="array:1"):
        from_memory((["one", "two"], ["a", float("nan")]))


def test_labels_given_as_words_are_classes_in_arrays_of_every_origin(tmp_path: Path) -> None:
    texts, words = [f"text {i}" for i in range(60)], [f"{i / 2}" for i in range(60)]
    np.savez(tmp_path / "words.npz", x=np.array(texts), y=np.array(words))
    for data in (from_memory((texts, words)), read(tmp_path / "words.npz")):
        assert data.kind == "labels" and len(data.classes) == 60


def test_numbers_in_arrays_are_classes_if_asked_for(tmp_path: Path) -> None:
    texts, numbers = [f"text {i}" for i in range(60)], np.arange(60) / 2
    np.savez(tmp_path / "numbers.npz", x=np.array(texts), y=numbers)
    for columns, kind in (({}, "numbers"), ({"value": "y"}, "numbers"), ({"label": "y"}, "labels")):
        assert read(tmp_path / "numbers.npz", columns=columns).kind == kind
    assert from_memory((texts, numbers)).kind == "numbers"
    assert from_memory((texts, numbers), ReadOptions({"label": "label"})).kind == "labels"


def test_a_column_that_arrays_lack_is_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"array has no column 'topic' \(asked for as label\)\. Its columns: 'text', 'label'",
    ):
        from_memory((["one", "two"], ["a", "b"]), ReadOptions({"label": "topic"}))


def test_digits_as_sklearn_has_them() -> None:
    pictures = np.arange(17 * 64, dtype=float).reshape(17, 8, 8) % 17
    data = from_memory((pictures, np.arange(17) % 10))
    image = data.splits["all"][0].roles["image"]
    assert image.dtype == np.uint8 and image.max() == 255 and labels(data)[10] == "0"
    assert "scaled from 0..16 to 0..255" in data.notes[0]
    flat = from_memory((pictures.reshape(17, 64), np.arange(17) % 10))
    np.testing.assert_array_equal(
        flat.splits["all"][3].roles["image"], data.splits["all"][3].roles["image"]
    )
    assert "8 x 8" in flat.notes[0]


@pytest.mark.parametrize(
    ("high", "full"),
    [
        (0.7, 1),
        (1, 1),
        (9, 15),
        (15, 15),
        (16, 16),
        (200, 255),
        (255, 255),
        (256, 256),
        (4000, 4095),
        (65535, 65535),
    ],
)
def test_full_scale(high: float, full: float) -> None:
    assert full_scale(np.array([0, high]), "x") == full


def test_odd_arrays() -> None:
    first = from_memory((np.zeros((4, 3, 8, 8), np.uint8), [0, 1, 0, 1]))
    assert (
        first.splits["all"][0].roles["image"].shape == (8, 8, 3)
        and "channels first" in first.notes[0]
    )
    with pytest.raises(DataError, match="shape"):
        from_memory((np.zeros((4, 65)), [0, 1, 0, 1]))
    with pytest.raises(DataError, match="from -1 to"):
        from_memory((np.full((4, 8, 8), -1.0), [0, 1, 0, 1]))
    with pytest.raises(DataError, match="not finite"):
        from_memory((np.full((4, 8, 8), np.nan), [0, 1, 0, 1]))
    with pytest.raises(DataError, match="type int"):
        from_memory(([1, 2], ["a", "b"]))
    with pytest.raises(DataError, match="DataFrame"):
        from_memory(3)


def test_pictures_and_paths(tmp_path: Path) -> None:
    Image.new("L", (3, 3), 5).save(tmp_path / "a.png")
    assert (
        from_memory(([str(tmp_path / "a.png")] * 2, ["x", "y"])).splits["all"][0].roles["image"]
        == tmp_path / "a.png"
    )
    assert from_memory(([Image.new("L", (3, 3), 5)] * 2, ["x", "y"])).splits["all"][0].roles[
        "image"
    ].shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("keys", "splits"),
    [
        (("x_train", "y_train", "x_test", "y_test"), ["train", "test"]),
        (("train_images", "train_labels", "val_images", "val_labels"), ["train", "val"]),
        (("images", "labels"), ["all"]),
        (("data", "target"), ["all"]),
        (("X", "y"), ["all"]),
    ],
)
def test_npz_names(tmp_path: Path, keys: tuple[str, ...], splits: list[str]) -> None:
    arrays = {
        k: (np.zeros((4, 5, 5), np.uint8) if i % 2 == 0 else np.array([[0], [1], [0], [1]]))
        for i, k in enumerate(keys)
    }
    np.savez(tmp_path / "d.npz", **arrays, class_names=np.array(["cat", "dog"]))
    data = read(tmp_path / "d.npz")
    assert list(data.splits) == splits and data.classes == ["cat", "dog"]


def test_npz_that_cannot_be_used(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", foo=np.zeros(3))
    with pytest.raises(DataError, match="holds the arrays 'foo'"):
        read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.zeros((3, 4, 4)))
    with pytest.raises(DataError, match="no labels"):
        read(tmp_path / "b.npz")
    assert len(read(tmp_path / "b.npz", labels=False).splits["all"]) == 3
    np.savez(tmp_path / "c.npz", x=np.array([{}], dtype=object), y=np.zeros(1))
    with pytest.raises(DataError, match="pickled"):
        read(tmp_path / "c.npz")
    (tmp_path / "d.npz").write_bytes(b"PK\3\4 broken")
    with pytest.raises(DataError, match="NumPy archive"):
        read(tmp_path / "d.npz")


def test_npz_one_hot_and_several_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 4, 4), np.uint8), y=np.eye(3, dtype=int))
    assert labels(read(tmp_path / "a.npz")) == ["0", "1", "2"]
    np.savez(
        tmp_path / "b.npz",
        x=np.zeros((2, 4, 4), np.uint8),
        y=np.array([[1, 1], [0, 0]]),
        classes=np.array(["a", "b"]),
    )
    assert labels(read(tmp_path / "b.npz")) == [("a", "b"), ()]
