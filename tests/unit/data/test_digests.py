"""The index of files' digests: unchanged files are not read again, and whatever happens to it,
digests are right."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from graft.data import digests

READ: list[str] = []
"""The files that were opened, in all tests of this process: a hook cannot be removed."""
sys.addaudithook(
    lambda event, args: (
        READ.append(args[0]) if event == "open" and isinstance(args[0], str) else None
    )
)


@pytest.fixture(autouse=True)
def _own_index(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "home", lambda: tmp_path / "cache" / "index.npy")
    monkeypatch.setattr(
        digests, "SETTLED_NS", -(10**12)
    )  # as if all files had been written long ago


@pytest.fixture
def paths(tmp_path) -> list[Path]:
    several = [tmp_path / f"{number}.txt" for number in range(20)]
    for path in several:
        path.write_text(path.name)
    return several


def _digests(paths):
    return {
        str(path): hashlib.blake2b(path.read_bytes(), digest_size=16).digest() for path in paths
    }


def _read_again(paths):
    """Which of the files are opened for their digests."""
    expected = _digests(paths)
    READ.clear()
    assert digests.digest_files(paths) == expected
    return sorted(set(READ) & set(expected))


def test_unchanged_files_are_read_once(paths):
    assert _read_again(paths) == sorted(map(str, paths))
    assert _read_again(paths[:7]) == []
    assert _read_again(paths) == []


def test_a_changed_and_a_new_file_are_read(paths, tmp_path):
    digests.digest_files(paths)
    paths[3].write_text("other")
    paths.append(tmp_path / "new.txt")
    paths[-1].write_text("new")
    assert _read_again(paths) == sorted([str(paths[3]), str(paths[-1])])


def test_a_file_that_has_just_changed_is_read_each_time(paths, monkeypatch):
    """Another change may fall into the same tick of the file system's clock."""
    monkeypatch.setattr(digests, "SETTLED_NS", 10**12)
    assert len(_read_again(paths)) == len(_read_again(paths)) == len(paths)


def test_a_file_that_cannot_be_read_has_an_empty_digest(tmp_path):
    assert digests.digest_files([tmp_path / "missing", tmp_path]) == {
        str(tmp_path / "missing"): b"",
        str(tmp_path): b"",
    }


@pytest.mark.parametrize("raw", [b"", b"no numbers", None], ids=["empty", "other", "cut"])
def test_a_damaged_index_is_made_again(paths, raw):
    digests.digest_files(paths)
    path = digests.home()
    path.write_bytes(path.read_bytes()[:-5] if raw is None else raw)
    assert len(_read_again(paths)) == len(paths)
    assert _read_again(paths) == []


def test_the_oldest_entries_make_room(paths, monkeypatch):
    monkeypatch.setattr(digests, "MOST", 12)
    digests.digest_files(paths[:10])
    digests.digest_files(paths[10:])
    assert _read_again(paths[8:]) == []
    assert _read_again(paths[:8]) == sorted(map(str, paths[:8]))


def test_without_a_cache_that_can_be_written_all_are_read(paths, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(digests, "home", lambda: tmp_path / "file" / "index.npy")
    assert len(_read_again(paths)) == len(_read_again(paths)) == len(paths)
