"""What the hash of data depends on: on the bytes of files, not on their names, sizes and times."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.records import Sample
from graft.data.data import Data, contents
from graft.data.load import read


def _noise(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Bitmaps: files of one shape have one size."""
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(3):
            _noise(tmp_path / label / f"{number}.bmp", number)
    return tmp_path


def test_other_pixels_in_files_of_the_same_name_and_size_are_other_data(pictures: Path) -> None:
    before = read(pictures).fingerprint()
    size = (pictures / "a" / "1.bmp").stat().st_size
    _noise(pictures / "a" / "1.bmp", 9)
    assert (pictures / "a" / "1.bmp").stat().st_size == size
    assert read(pictures).fingerprint() != before


def test_other_bytes_are_other_contents_even_if_the_time_of_change_is_set_back(
    pictures: Path,
) -> None:
    path = pictures / "a" / "1.bmp"
    samples = [Sample("1", {"image": path})]
    before, times = contents(samples, ["image"]), path.stat()
    _noise(path, 9)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert contents(samples, ["image"]) != before


def test_the_same_bytes_written_again_are_the_same_data(pictures: Path) -> None:
    before = read(pictures).fingerprint()
    for path in pictures.rglob("*.bmp"):
        path.write_bytes(path.read_bytes())
    assert read(pictures).fingerprint() == before


def test_a_file_that_is_missing_is_other_data(pictures: Path) -> None:
    data = Data({"train": [Sample("1", {"image": pictures / "a" / "1.bmp", "label": "a"})]})
    before = data.fingerprint()
    (pictures / "a" / "1.bmp").unlink()
    assert data.fingerprint() != before
