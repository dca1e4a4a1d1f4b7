"""What every test shares."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Two test processes share two cores: one thread each, unless OMP_NUM_THREADS says otherwise."""
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture(autouse=True)
def _own_recordings(tmp_path_factory, monkeypatch):
    """Recordings and digests of files of one test session are not another's, and none of a user's."""
    from graft.data import digests
    from graft.training.frozen import recording

    folder = tmp_path_factory.getbasetemp() / "recordings"
    monkeypatch.setattr(recording, "home", lambda: folder)
    monkeypatch.setattr(digests, "home", lambda: folder.with_name("file-digests.npy"))
