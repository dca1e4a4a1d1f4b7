from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.load import load_data, read


def put(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in (".png", ".jpg"):
            Image.fromarray(np.full((4, 4), number % 256, np.uint8)).save(file)
        else:
            file.write_text(f"text number {number}", encoding="utf-8")
    return root


def labels(data: Data) -> dict[str, dict[str, str]]:
    return {
        split: {s.id: s.roles["label"] for s in samples} for split, samples in data.splits.items()
    }


def test_class_folders(tmp_path: Path) -> None:
    data = read(
        put(tmp_path, "ants/1.jpg", "ants/deeper/2.png", "bees/1.PNG".replace("PNG", "png"))
    )
    assert data.format == "image-folder"
    assert labels(data) == {
        "all": {"ants/1.jpg": "ants", "ants/deeper/2.png": "ants", "bees/1.png": "bees"}
    }
    assert data.splits["all"][0].roles["image"] == tmp_path / "ants" / "1.jpg"


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train", "val"), ["train", "val"]),
        (("Training", "TEST"), ["train", "test"]),
        (("training_set", "test_set"), ["train", "test"]),
        (("train", "dev", "test"), ["train", "val", "test"]),
        (("train", "eval", "test"), ["train", "val", "test"]),
        (("train", "valid", "holdout"), ["train", "val", "test"]),
    ],
)
def test_split_folders(tmp_path: Path, names: tuple[str, ...], splits: list[str]) -> None:
    data = read(put(tmp_path, *(f"{name}/{c}/1.png" for name in names for c in ("a", "b"))))
    assert list(data.splits) == splits
    assert all(len(samples) == 2 for samples in data.splits.values())


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "train/a/1.png", "dev/a/1.png", "valid/a/1.png")
    with pytest.raises(DataError, match="'dev' and 'valid' both mean the split 'val'"):
        read(tmp_path)


def test_classes_may_be_named_like_splits(tmp_path: Path) -> None:
    data = read(put(tmp_path, "train/1.png", "plane/1.png", "test/1.png"))
    assert data.classes == ["plane", "test", "train"] and list(data.splits) == ["all"]


def test_what_is_no_image_is_left_out_and_said(tmp_path: Path) -> None:
    put(
        tmp_path,
        "ants/1.jpg",
        "ants/notes.txt",
        "bees/1.jpg",
        "bees/script.py",
        "ants/.DS_Store",
        "bees/Thumbs.db",
        "README.md",
        "classes.json",
    )
    put(tmp_path, "__MACOSX/ants/1.jpg", "odd.bin")
    data = read(tmp_path)
    assert len(data.splits["all"]) == 2 and data.classes == ["ants", "bees"]
    assert data.notes == [
        "3 files left out, they are not images: ants/notes.txt, bees/script.py, odd.bin."
    ]


def test_images_outside_class_folders_and_odd_folders_are_said(tmp_path: Path) -> None:
    put(
        tmp_path,
        "train/a/1.png",
        "train/b/1.png",
        "train/loose.png",
        "test/a/1.png",
        "raw/x/1.png",
        "data.zip",
    )
    (tmp_path / "train" / "empty").mkdir()
    notes = "\n".join(read(tmp_path).notes)
    assert "train/loose.png" in notes and "no class folder" in notes
    assert "1 folder left out, they hold no images: train/empty/." in notes
    assert "their names mean no split: raw/" in notes and "data.zip" in notes


def test_images_without_class_folders(tmp_path: Path) -> None:
    put(tmp_path, "1.png", "2.png")
    with pytest.raises(DataError, match="no class folders"):
        read(tmp_path)
    found = read(tmp_path, labels=False)
    assert labels(found) == {"all": {"1.png": None, "2.png": None}}


def test_one_image_is_for_prediction_only(tmp_path: Path) -> None:
    put(tmp_path, "1.png")
    assert labels(read(tmp_path / "1.png", labels=False)) == {"all": {"1.png": None}}
    with pytest.raises(DataError, match="not a data set"):
        read(tmp_path / "1.png")


def test_unlabeled_folder(tmp_path: Path) -> None:
    data = read(
        put(tmp_path, "train/a/1.png", "train/b/1.png", "unlabeled/1.png", "unlabeled/x/2.png")
    )
    assert labels(data)["unlabeled"] == {"unlabeled/1.png": None, "unlabeled/x/2.png": None}


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    put(tmp_path / "store", "1.png")
    put(tmp_path / "data", "a/1.png", "b/1.png")
    (tmp_path / "data" / "c").symlink_to(tmp_path / "store")
    (tmp_path / "data" / "a" / "loop").symlink_to(tmp_path / "data")
    assert read(tmp_path / "data").classes == ["a", "b", "c"]


def test_non_ascii_folders(tmp_path: Path) -> None:
    data = read(put(tmp_path / "données", "фото/1.png", "写真 集/1.png"))
    assert data.classes == ["фото", "写真 集"] and data.splits["all"][0].id == "фото/1.png"


def test_text_folders_in_several_encodings(tmp_path: Path) -> None:
    put(tmp_path, "pos/1.txt", "neg/1.txt", "README.txt")
    (tmp_path / "pos" / "2.txt").write_bytes("\ufeffschön".encode())
    (tmp_path / "pos" / "3.txt").write_bytes("schön".encode("utf-16"))
    (tmp_path / "neg" / "2.txt").write_bytes("schön – “so”".encode("cp1252"))
    data = read(tmp_path)
    texts = {s.id: s.roles["text"] for s in data.splits["all"]}
    assert data.format == "text-folder" and len(texts) == 5
    assert (
        texts["pos/2.txt"] == texts["pos/3.txt"] == "schön" and texts["neg/2.txt"] == "schön – “so”"
    )
    assert data.notes == ["2.txt is not UTF-8; it was read as Windows-1252."]


def test_unsupervised_class_folder_is_the_unlabeled_split(tmp_path: Path) -> None:
    data = read(
        put(
            tmp_path,
            "train/pos/1.txt",
            "train/neg/1.txt",
            "train/unsup/1.txt",
            "test/pos/1.txt",
            "test/neg/1.txt",
        )
    )
    assert {split: len(samples) for split, samples in data.splits.items()} == {
        "train": 2,
        "test": 2,
        "unlabeled": 1,
    }
    assert data.classes == ["neg", "pos"]


def test_one_class_only(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only one class, 'ants'"):
        load_data(put(tmp_path, "ants/1.png", "ants/2.png"))
