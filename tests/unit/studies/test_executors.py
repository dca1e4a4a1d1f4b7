"""Items in processes of their own: results, errors, and a process that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from graft.base import env
from graft.studies.executors import each_in_a_process, share_of_cores


def work(item):
    if item == "raise":
        raise ValueError("a broken item")
    if item == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return item, os.getpid(), torch.get_num_threads()


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_item_that_fails_or_dies_costs_no_other(jobs):
    items = ["a", "raise", "die", "b", "c"]
    found = {
        items[index]: (result, error)
        for index, result, error in each_in_a_process(work, items, jobs)
    }
    assert set(found) == set(items)
    assert [found[name][0][0] for name in ("a", "b", "c")] == ["a", "b", "c"]
    assert isinstance(found["raise"][1], ValueError)
    assert "process died" in str(found["die"][1])


def test_each_item_has_a_process_and_its_share_of_the_cores():
    results = [result for _, result, _ in each_in_a_process(work, ["a", "b", "c"], 2)]
    assert len({pid for _, pid, _ in results}) == 3
    assert os.getpid() not in {pid for _, pid, _ in results}
    assert {threads for _, _, threads in results} == {share_of_cores(2)}


@pytest.mark.parametrize(
    ("asked", "threads"), [(None, 4), ("", 4), ("1", 1), ("3", 3), ("16", 4), ("0", 4), ("2,1", 4)]
)
def test_no_process_has_more_threads_than_were_asked_for(asked, threads, monkeypatch):
    monkeypatch.setattr(env, "cores", lambda: 8)
    if asked is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert share_of_cores(2) == threads


WORKS = """
import os, time
from pathlib import Path

def work(path):
    Path(path + ".part").write_text(str(os.getpid()))
    os.replace(path + ".part", path)
    time.sleep(600)
"""
ASKS = """
import sys
from graft.base import env
from graft.studies.executors import each_in_a_process, share_of_cores
from works import work

if __name__ == "__main__":
    list(each_in_a_process(work, sys.argv[1:], 1))
"""


def test_a_run_ends_with_the_process_that_asked_for_it(tmp_path):
    script, told = tmp_path / "asks.py", tmp_path / "pid"
    script.write_text(ASKS)
    (tmp_path / "works.py").write_text(WORKS)
    asking = subprocess.Popen([sys.executable, str(script), str(told)])
    assert until(lambda: told.exists() or asking.poll() is not None) and told.exists()
    running = int(told.read_text())
    asking.kill()
    asking.wait()
    assert until(lambda: not psutil.pid_exists(running))


def until(happened, seconds=60):
    ends = time.monotonic() + seconds
    while not happened() and time.monotonic() < ends:
        time.sleep(0.1)
    return happened()
