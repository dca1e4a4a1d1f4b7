"""What every test shares."""

from __future__ import annotations

import gc
import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Give each process of pytest-xdist processors of its own.

    What is trained in it takes as many threads as there are. Two processes that share two
    processors with two threads each wait for one another most of the time.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None or not hasattr(os, "sched_setaffinity"):
        return
    number = int(worker["workerid"].removeprefix("gw"))
    if share := sorted(os.sched_getaffinity(0))[number :: worker["workercount"]]:
        os.sched_setaffinity(0, share)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Spare the garbage collector what is imported: to look at it costs a tenth of all time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Use one thread, since two test processes share two cores, unless OMP_NUM_THREADS is set."""
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture(autouse=True)
def _own_recordings(tmp_path_factory, monkeypatch):
    """Give each test session a cache of its own, apart from other sessions and the user's."""
    from graft.data import digests
    from graft.training.frozen import recording

    folder = tmp_path_factory.getbasetemp() / "recordings"
    monkeypatch.setattr(recording, "home", lambda: folder)
    monkeypatch.setattr(digests, "home", lambda: folder.with_name("file-digests.npy"))
