"""A run that is killed at any moment goes on to the very same weights."""

from __future__ import annotations

import json
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from benchmarks import kills
from safetensors.torch import load_file

COMMAND = [sys.executable, "-m", "graft.cli"]
FIT = shlex.split(
    "--technique full-fine-tuning --shots 24 --epochs 4 --seed 3 --quiet --checkpoint-seconds 0.2"
)


def kill_after(command: list[str], folder: Path, lines: int, wait: float) -> None:
    """Start the command, and SIGKILL it some time after so many epochs are written."""
    history = folder / "history.jsonl"
    deadline = time.monotonic() + 300
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and time.monotonic() < deadline:
            if history.exists() and len(history.read_text().splitlines()) >= lines:
                time.sleep(wait)
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.02)
    assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"


@pytest.mark.slow
def test_three_kills_and_the_weights_are_those_of_the_run_left_alone(real, tmp_path):
    data = str(real("hymenoptera"))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run([*COMMAND, "fit", data, *FIT, "--out", str(whole)], check=True)
    moments = random.Random(0)
    kill_after(
        [*COMMAND, "fit", data, *FIT, "--out", str(broken)], broken, 2, moments.uniform(0, 1)
    )
    for lines in (3, 4):
        kill_after(
            [*COMMAND, "resume", str(broken), "--quiet", "--checkpoint-seconds", "0.2"],
            broken,
            lines,
            moments.uniform(0, 1),
        )
    assert not (broken / "result.json").exists()
    assert (broken / "checkpoints" / "last.safetensors").exists()
    subprocess.run([*COMMAND, "resume", str(broken), "--quiet"], check=True)
    left, right = (load_file(folder / "model" / "model.safetensors") for folder in (whole, broken))
    assert set(left) == set(right)
    assert all(torch.equal(left[name], right[name]) for name in left)
    results = [json.loads((folder / "result.json").read_text()) for folder in (whole, broken)]
    assert results[0]["metrics"] == results[1]["metrics"]


@pytest.mark.slow
def test_runs_killed_at_random_instants_end_as_those_left_alone(tmp_path):
    rows = kills.campaign(tmp_path, 20)
    assert [row for row in rows if row["different"] or row["error"]] == []
    assert {row["kind"] for row in rows} == set(kills.KINDS)
