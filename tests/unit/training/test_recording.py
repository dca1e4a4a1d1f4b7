"""Recordings on disk are read as written, after kills, contention, damage and full disks too."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from graft.base.errors import BadValue, FolderError
from graft.training.frozen import recording

ABOUT = {"backbone": "b", "before": "x"}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")


def _write(key, tensors, lengths=(0,), mask=None, order=None, needed=0):
    rows = order or list(range(len(tensors[0])))
    return recording.record(
        key, len(rows), needed, ABOUT, lambda writer: writer.add(rows, tensors, lengths, mask)
    )


def _names():
    return sorted(path.name for path in recording.home().iterdir())


def test_rows_come_back_in_any_order_and_type():
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        values = torch.randn(7, 3, 5).to(dtype)
        order = [3, 0, 6, 1, 5, 2, 4]
        _write(str(dtype), [values], order=order)
        found = recording.find(str(dtype)).read([5, 3, 3, 0])[0]
        assert found.dtype == dtype
        assert torch.equal(found, torch.stack([values[order.index(row)] for row in (5, 3, 3, 0)]))


def test_sequences_are_kept_without_padding_and_put_where_the_mask_is():
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1]])
    states, pairs = torch.randn(3, 4, 2), torch.randn(3, 4, 4, 5)
    _write("s", [states, pairs], (1, 2), mask)
    found = recording.find("s")
    assert found.bytes == 4 * (8 * 2 + (4 + 16 + 4) * 5)
    wider = torch.tensor([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]])
    one, two = found.read([0, 2], wider)
    assert torch.equal(one[0, :2], states[0, :2])
    assert torch.equal(one[1, 4:], states[2, 2:])
    assert torch.equal(two[1, 4:, 4:], pairs[2, 2:, 2:])
    assert one[0, 2:].abs().sum() == 0


def test_an_example_of_another_shape_is_refused_and_nothing_is_left():
    def write(writer):
        writer.add([0], [torch.zeros(1, 2)], [0], None)
        writer.add([1], [torch.zeros(1, 3)], [0], None)

    with pytest.raises(recording.ShapeChanged, match=r"\(2,\) to \(3,\)"):
        recording.record("k", 2, 0, ABOUT, write)
    assert recording.find("k") is None
    assert _names() == ["k.lock"]


def _slow(folder, key, needed, started, made):
    recording.home = lambda: Path(folder) / "recordings"

    def write(writer):
        with made.get_lock():
            made.value += 1
        writer.add([0], [torch.ones(1, 4)], [0], None)
        started.set()
        time.sleep(1.5)

    recording.record(key, 1, needed, ABOUT, write)


def _start(tmp_path, key="k", needed=0, count=1):
    spawn = multiprocessing.get_context("spawn")
    started, made = spawn.Event(), spawn.Value("i", 0)
    processes = [
        spawn.Process(target=_slow, args=(str(tmp_path), key, needed, started, made))
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    started.wait()
    return processes, made, started  # what is shared lives as long as it is referred to here


def _end(processes):
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


def test_two_processes_that_record_at_once_record_once(tmp_path):
    processes, made, _shared = _start(tmp_path, count=2)
    _end(processes)
    assert made.value == 1
    assert torch.equal(recording.find("k").read([0])[0], torch.ones(1, 4))


def test_what_a_killed_process_left_is_counted_and_not_used(tmp_path):
    (process,), _, _shared = _start(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert recording.find("k") is None
    assert recording.everything() == []
    assert len(recording.leftovers()) == 1
    assert (
        recording.total_bytes()
        == sum(recording.size_of(folder) for folder in recording.leftovers())
        > 0
    )
    _write("k", [torch.zeros(1, 4)])
    assert torch.equal(recording.find("k").read([0])[0], torch.zeros(1, 4))
    assert _names() == ["k", "k.lock"]


def test_what_another_process_records_now_is_neither_deleted_nor_given_away(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE_GB", str(3000 / 2**30))
    processes, _, _shared = _start(tmp_path, needed=2000)
    assert [part.promised for part in recording.active()] == [2000]
    assert recording.leftovers() == []
    with pytest.raises(recording.NoRoom, match="free some space, or set GRAFT_CACHE_GB"):
        _write("other", [torch.zeros(1, 400)], needed=1600)
    recording.clear()
    _end(processes)
    assert torch.equal(recording.find("k").read([0])[0], torch.ones(1, 4))


FILE_OPERATIONS = (
    "open",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.utime",
    "shutil.rmtree",
)
ONE_AT_A_TIME = str(120 / 2**30)
"""GRAFT_CACHE_GB for one of two recordings: each needs 100 bytes and evicts the one before."""


def _make(key):
    return _write(key, [torch.ones(2, 4)], needed=100)


def _killed(folder, instant):
    """Record, evict and record again in `folder`; get killed before file operation `instant`."""
    recording.home = lambda: Path(folder)
    os.environ["GRAFT_CACHE_GB"] = ONE_AT_A_TIME
    _make("evicted")
    count = 0

    def kill(event, args):
        nonlocal count
        if event not in FILE_OPERATIONS:
            return
        count += 1
        if count == instant:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    _make("new")


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_before_any_file_operation_of_recording_and_evicting_is_repaired(
    tmp_path, monkeypatch, step
):
    monkeypatch.setenv("GRAFT_CACHE_GB", ONE_AT_A_TIME)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["graft.training.frozen.recording", "tests.unit.training.test_recording"]
    )
    instant, killed = 0, True
    while killed:
        instant += step
        folder = tmp_path / str(instant) / "recordings"
        monkeypatch.setattr(recording, "home", lambda folder=folder: folder)
        process = context.Process(target=_killed, args=(str(folder), instant))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        killed = process.exitcode != 0
        for key in ("evicted", "new"):
            assert torch.equal(_make(key).read([0, 1])[0], torch.ones(2, 4))
        assert _names() == ["evicted.lock", "new", "new.lock"]
        recording.clear()
        assert _names() == []
    assert instant > 20, "there were kills in the middle of the work"


def test_a_folder_that_a_killed_eviction_left_is_replaced():
    _write("k", [torch.zeros(1, 4)])
    (recording.home() / "k" / recording.ABOUT).unlink()
    assert torch.equal(_write("k", [torch.ones(1, 4)]).read([0])[0], torch.ones(1, 4))


def test_clearing_leaves_nothing():
    _write("k", [torch.zeros(1, 4)])
    for name in ("left", "left.part", "left.gone", "k.1.part"):
        (recording.home() / name).mkdir()
        (recording.home() / name / "0.bin").write_bytes(b"12345678")
    held = recording.total_bytes()
    assert held == 16 + 4 * 8
    assert recording.clear() == held
    assert _names() == []


def test_what_is_of_somebody_else_is_left_alone():
    """GRAFT_CACHE may name a folder that holds sounds in a folder called recordings."""
    sounds, locks = recording.home() / "birds", recording.home() / "poetry.lock"
    sounds.mkdir(parents=True)
    (sounds / "owl.wav").write_bytes(b"hoo")
    (sounds / "about.json").write_text('{"place": "the wood"}', encoding="utf-8")
    locks.write_text("numpy 2", encoding="utf-8")
    _write("k", [torch.zeros(2, 3)])
    recording.clear()
    assert _names() == ["birds", "poetry.lock"]
    assert sorted(path.name for path in sounds.iterdir()) == ["about.json", "owl.wav"]
    assert locks.read_text(encoding="utf-8") == "numpy 2"


@pytest.mark.parametrize("text", ["", "null", "[]", "{}"])
def test_a_description_that_is_damaged_makes_a_leftover(text):
    (recording.home() / "k").mkdir(parents=True)
    (recording.home() / "k" / "about.json").write_text(text, encoding="utf-8")
    assert recording.everything() == []
    assert [path.name for path in recording.leftovers()] == ["k"]


def test_the_least_recently_used_make_room_and_readers_keep_theirs(monkeypatch):
    for number, key in enumerate("abc"):
        _write(key, [torch.full((1, 250), float(number))])
        os.utime(recording.home() / key / recording.ABOUT, (number, number))
    held = recording.find("b")
    os.utime(recording.home() / "b" / recording.ABOUT, (1, 1))
    monkeypatch.setenv("GRAFT_CACHE_GB", str(3500 / 2**30))
    assert not recording.make_room(4000)
    assert len(recording.everything()) == 3
    assert recording.make_room(2000)
    assert [row["key"] for row in recording.everything()] == ["c"]
    assert held.read([0])[0][0, 0] == 1


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:100], lambda raw: raw[:-1] + b"x"], ids=["shorter", "changed"]
)
def test_a_damaged_recording_is_refused_and_made_again(damage):
    held = _write("k", [torch.zeros(4, 100)])
    path = recording.home() / "k" / "0.bin"
    raw = path.read_bytes()
    with open(path, "rb+") as file:  # the same file, that `held` has open
        file.truncate(0)
        file.write(damage(raw))
    with pytest.raises(
        FolderError,
        match=r"damaged on the disk and has been deleted\. Continue the run with graft resume",
    ):
        held.read([3])
    assert torch.equal(_write("k", [torch.ones(4, 100)]).read([3])[0], torch.ones(1, 100))


class _NetworkDisk:
    """A file that returns at most seven bytes at a time, as a network disk may."""

    def __init__(self, file):
        self.file = file
        self.seek, self.close = file.seek, file.close

    def readinto(self, buffer):
        return self.file.readinto(buffer[:7])


def test_short_reads_are_continued():
    values = torch.randn(3, 5)
    made = _write("k", [values])
    made._files[0] = _NetworkDisk(made._files[0])
    assert torch.equal(made.read([0, 1, 2])[0], values)


@pytest.fixture(params=["in the middle", "in the last bytes"])
def full_disk(request, tmp_path, monkeypatch):
    """A disk of 1 MB is full while numbers are written, or only when the buffer is flushed."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root only")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    monkeypatch.setattr(recording, "home", lambda: disk / "recordings")
    try:
        yield {"in the middle": 2**21, "in the last bytes": 4096}[request.param]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_says_what_to_free_and_leaves_nothing(full_disk):
    recording.home().mkdir()
    free = shutil.disk_usage(recording.home()).free
    # What is written behind Graft's back: the room was there when it was asked for.
    filler = recording.home().parent / "filler"

    def write(writer):
        filler.write_bytes(b"0" * (free - 2**14))
        writer.add([0], [torch.zeros(1, 2**14 // 8 + full_disk // 4)], [0], None)

    with pytest.raises(
        recording.NoRoom,
        match=r"No space left on device.*takes about .* MB, and .* MB are free there",
    ):
        recording.record("k", 1, 2**14, ABOUT, write)
    filler.unlink()
    assert _names() == ["k.lock"]
    assert torch.equal(_write("k", [torch.zeros(1, 4)]).read([0])[0], torch.zeros(1, 4))


@pytest.mark.parametrize("limit", [0, 1], ids=["no byte", "one byte"])
def test_a_disk_that_takes_nothing_from_the_first_byte_on_leaves_nothing(limit):
    recording.home().mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(recording.NoRoom, match="set GRAFT_CACHE to use another disk"):
            _write("k", [torch.zeros(1, 4)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _names() == ["k.lock"]


def test_where_nothing_can_be_written_nothing_is_recorded(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "file" / "recordings")
    assert recording.cap() == 0
    assert not recording.make_room(1)


def test_a_cap_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE_GB", "much")
    with pytest.raises(BadValue, match="GRAFT_CACHE_GB is 'much'"):
        recording.cap()
