"""How pictures and masks are paired by the names of files and folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.data.load import read
from tests.unit.data.test_folder_cases import pictures, put, write_rows

MASK = np.array([[0, 1], [2, 1]], np.uint8)


def masks(folder: Path, *names: str) -> None:
    """Small masks of these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(MASK).save(folder / name)


@pytest.mark.parametrize(
    ("picture", "mask"),
    [
        ("{split}/images/{n}.jpg", "{split}/masks/{n}.png"),
        ("images/{split}/{n}.jpg", "annotations/{split}/{n}.png"),
        ("images_{split}/{n}.jpg", "labels_{split}/{n}.png"),
        ("{split}/{n}.png", "{split}annot/{n}.png"),
        ("{split}/{n}.jpg", "{split}_masks/{n}_mask.gif"),
        ("{split}/{n}.jpg", "{split}/{n}_mask.png"),
        ("{split}/img/img_{n}.jpg", "{split}/mask/mask_{n}.png"),
        ("JPEGImages/{split}/{n}.jpg", "SegmentationClass/{split}/{n}.png"),
        ("{split}/images/{n}.jpg", "gt/{split}{n}.png"),
        ("{split}/images/Scan {n}.JPG", "{split}/masks/scan {n}.png"),
        ("{split}/images/\u00e9{n}.jpg", "{split}/masks/e\u0301{n}.png"),
    ],
)
def test_pictures_and_masks_are_paired(tmp_path: Path, picture: str, mask: str) -> None:
    wanted = {}
    for split in ("train", "test"):
        for n in "123":
            name = f"{split}{n}" if mask.startswith("gt/") else n
            put(tmp_path, picture.format(split=split, n=name))
            masks(tmp_path, mask.format(split=split, n=n))
            wanted[picture.format(split=split, n=name)] = mask.format(split=split, n=n)
    data = read(tmp_path)
    assert data.format == "mask-folders"
    assert {split: len(part) for split, part in data.splits.items()} == {"train": 3, "test": 3}
    paired = {
        sample.id: sample.roles["mask"].source.relative_to(tmp_path).as_posix()
        for part in data.splits.values()
        for sample in part
    }
    assert paired == wanted


def test_folders_of_patients_keep_their_pictures_apart(tmp_path: Path) -> None:
    for patient in ("anna", "bert"):
        put(tmp_path, f"{patient}/images/1.png", f"{patient}/images/2.png")
        masks(tmp_path, f"{patient}/masks/1.png", f"{patient}/masks/2.png")
    sources = {s.id: str(s.roles["mask"].source) for s in read(tmp_path).splits["all"]}
    assert len(sources) == 4
    assert all(Path(source).parts[-3] == name.split("/")[0] for name, source in sources.items())


def test_what_has_no_partner_is_left_out_and_named(tmp_path: Path) -> None:
    put(tmp_path, *(f"images/{n}.jpg" for n in range(5)))
    masks(tmp_path, *(f"masks/{n}.png" for n in range(1, 7)))
    data = read(tmp_path)
    assert [sample.id for sample in data.splits["all"]] == [f"images/{n}.jpg" for n in range(1, 5)]
    assert "1 file left out, these pictures have no mask: images/0.jpg." in data.notes
    assert "2 files left out, no picture has their name: masks/5.png, masks/6.png." in data.notes


def test_no_pair_at_all_is_an_error_with_examples(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg", "images/b.jpg")
    masks(tmp_path, "masks/1.png", "masks/2.png")
    with pytest.raises(DataError, match=r"no mask is named as a picture.*images/1\.jpg and masks"):
        read(tmp_path, format="mask-folders")


def test_two_masks_of_one_picture_are_an_error(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg")
    masks(tmp_path, "masks/a.png", "masks/a_mask.png")
    with pytest.raises(DataError, match=r"a\.jpg has 2 masks: .*Keep one mask for each picture"):
        read(tmp_path)


def test_masks_of_classes_are_taken_beside_those_of_instances(tmp_path: Path) -> None:
    put(tmp_path, "images/a.jpg")
    masks(tmp_path, "masks/a.png", "instances/a.png")
    assert read(tmp_path).splits["all"][0].roles["mask"].source == tmp_path / "masks/a.png"


def test_class_folders_with_masks_beside_the_pictures_are_classified(tmp_path: Path) -> None:
    put(tmp_path, *pictures("benign", "malignant"))
    masks(
        tmp_path, *(name.replace(".png", "_mask.png") for name in pictures("benign", "malignant"))
    )
    assert read(tmp_path).kind == "labels"
    assert read(tmp_path, format="mask-folders").kind == "masks"


def test_a_table_says_what_pictures_with_masks_are(tmp_path: Path) -> None:
    put(tmp_path, *pictures("images"))
    masks(tmp_path, *(f"masks/{Path(name).name}" for name in pictures("images")))
    write_rows(tmp_path / "labels.csv", "file,label", "images/images{i}.png,{label}", count=3)
    assert read(tmp_path).kind == "labels"


def test_pictures_to_predict_need_no_masks(tmp_path: Path) -> None:
    put(tmp_path, *(f"images/{n}.jpg" for n in range(5)))
    masks(tmp_path, *(f"masks/{n}.png" for n in range(1, 5)))
    assert len(read(tmp_path, labels=False).splits["all"]) == 5
