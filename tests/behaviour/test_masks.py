"""Real pictures with masks are read as they are: colors, numbers, instances, two values."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from graft.data.checks.inspect import inspect
from graft.data.load import read
from graft.data.masks.open import open_mask

LEAVES = ["background", "leaf", "symptom"]
STREETS = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian",
    "bicyclist", "void",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "sizes", "classes"),
    [
        ("coffee_leaf_masks", {"train": 110, "val": 25, "test": 40}, LEAVES),
        ("camvid", {"train": 184, "val": 51, "test": 94}, [str(number) for number in range(12)]),
        ("nuclei_dsb2018", {"train": 120, "val": 20, "test": 40}, ["background", "object"]),
        ("isbi2012_membrane", {"train": 24, "test": 6}, ["0", "1"]),
    ],
)  # fmt: skip
def test_masks_are_read_with_their_splits_and_classes(real, name, sizes, classes):
    data = read(real(name))
    assert (data.format, data.kind, data.classes) == ("mask-folders", "masks", classes)
    assert {split: len(samples) for split, samples in data.splits.items()} == sizes
    assert not [finding for finding in inspect(data) if finding.severity == "error"]


def test_a_file_of_classes_names_them_and_void_is_ignored(real, tmp_path):
    shutil.copytree(real("camvid") / "test", tmp_path / "test")
    (tmp_path / "classes.json").write_text(json.dumps(STREETS))
    data = read(tmp_path)
    assert data.classes == sorted(STREETS[:-1])
    sample = data.splits["test"][0]
    pixels = open_mask(sample.roles["mask"], data.classes, sample.id)
    assert pixels.shape == (360, 480)
    assert {*np.unique(pixels)} <= {*range(11), 255}
