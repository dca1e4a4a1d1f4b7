"""How many runs there are at a time, and which device each sees."""

from __future__ import annotations

import os

import pytest
import torch

from graft import api
from graft.base import env
from graft.studies.executors import _run_on


def pretend(monkeypatch, cuda=0, mps=False, cores=8):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(env, "cores", lambda: cores)


@pytest.mark.parametrize(
    ("machine", "jobs"),
    [
        ({}, 4),
        ({"cores": 1}, 1),
        ({"cuda": 1}, 1),
        ({"cuda": 3, "cores": 4}, 3),
        ({"mps": True}, 1),
    ],
)
def test_one_run_a_device_and_two_cores_a_run_without_one(monkeypatch, machine, jobs):
    pretend(monkeypatch, **machine)
    assert api._jobs() == jobs


def test_runs_take_turns_on_the_devices_that_this_process_sees(monkeypatch):
    pretend(monkeypatch, cuda=2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [env.visible_device(number) for number in range(3)] == ["0", "1", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7")
    assert [env.visible_device(number) for number in range(3)] == ["5", "7", "5"]
    pretend(monkeypatch, cuda=1)
    assert env.visible_device(0) is None


def test_a_run_sees_its_device_alone(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert _run_on("7", os.environ.get, "CUDA_VISIBLE_DEVICES") == "7"
