"""Files are whole or absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graft.base import files
from graft.base.errors import FolderError


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "result.json"
    files.write_text(path, "old")

    def half(part):
        part.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(FolderError, match="No space left on device"):
        files.write(path, half)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_a_folder_that_is_no_run_is_told_so(tmp_path):
    with pytest.raises(FolderError, match=r"is not a run: it has no spec.json"):
        files.read_json(tmp_path / "spec.json", "a run")


def test_broken_json_is_told_with_its_path(tmp_path):
    (tmp_path / "spec.json").write_text("{")
    with pytest.raises(FolderError, match=r"spec.json of a run cannot be read"):
        files.read_json(tmp_path / "spec.json", "a run")


def test_what_is_no_number_is_null(tmp_path):
    files.write_json(
        tmp_path / "result.json",
        {"f1": float("nan"), "bounds": (0.5, float("inf")), "classes": ["nan"]},
    )
    read = json.loads((tmp_path / "result.json").read_text(), parse_constant=pytest.fail)
    assert read == {"f1": None, "bounds": [0.5, None], "classes": ["nan"]}


def test_a_folder_in_the_place_of_a_file_is_to_be_removed(tmp_path):
    (tmp_path / "status.json" / "inside").mkdir(parents=True)
    (tmp_path / "log.txt").mkdir()
    for write in (
        lambda: files.write_json(tmp_path / "status.json", {}),
        lambda: files.append(tmp_path / "log.txt", "a line"),
    ):
        with pytest.raises(FolderError, match=r"is a folder where a file belongs: remove it\.$"):
            write()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no system with /proc")
def test_a_folder_in_which_none_can_be_made_is_named():
    with pytest.raises(FolderError, match="/proc/x in /proc: none can be made there"):
        files.make_folder(Path("/proc/x"))
