"""Recordings on disk: what is read is what was written, also under kill, contention and lack of room."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from graft.base.errors import BadValue, FolderError
from graft.training import recording


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")


def _write(key, tensors, lengths=(0,), mask=None, order=None):
    rows = order or list(range(len(tensors[0])))
    with recording.making(key, len(rows), {"backbone": "b", "before": "x"}) as writer:
        writer.add(rows, tensors, lengths, mask)


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
    with pytest.raises(recording.ShapeChanged, match=r"\(2,\) to \(3,\)"), recording.making("k", 2, {}) as writer:
        writer.add([0], [torch.zeros(1, 2)], [0], None)
        writer.add([1], [torch.zeros(1, 3)], [0], None)
    assert recording.find("k") is None
    assert not list(recording.home().glob("k*/"))


def _slow(folder, key, started, made):
    recording.home = lambda: Path(folder) / "recordings"
    with recording.making(key, 1, {"backbone": "b", "before": "x"}) as writer:
        if writer is not None:
            with made.get_lock():
                made.value += 1
            writer.add([0], [torch.ones(1, 4)], [0], None)
            started.set()
            time.sleep(1.5)


def test_two_processes_that_record_at_once_record_once(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    started, made = spawn.Event(), spawn.Value("i", 0)
    both = [spawn.Process(target=_slow, args=(str(tmp_path), "k", started, made)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert made.value == 1
    assert torch.equal(recording.find("k").read([0])[0], torch.ones(1, 4))


def test_what_a_killed_process_left_is_not_used(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    started, made = spawn.Event(), spawn.Value("i", 0)
    process = spawn.Process(target=_slow, args=(str(tmp_path), "k", started, made))
    process.start()
    started.wait()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert recording.find("k") is None
    assert recording.everything() == []
    _write("k", [torch.zeros(1, 4)])
    assert torch.equal(recording.find("k").read([0])[0], torch.zeros(1, 4))


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


def test_a_recording_that_lost_bytes_is_refused():
    _write("k", [torch.zeros(4, 100)])
    with open(recording.home() / "k" / "0.bin", "rb+") as file:
        file.truncate(100)
    with pytest.raises(FolderError, match="damaged"):
        recording.find("k")


def test_where_nothing_can_be_written_nothing_is_recorded(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "file" / "recordings")
    assert recording.cap() == 0
    assert not recording.make_room(1)


def test_a_cap_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE_GB", "much")
    with pytest.raises(BadValue, match="GRAFT_CACHE_GB is 'much'"):
        recording.cap()
