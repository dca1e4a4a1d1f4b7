"""Plugins of one's own on every axis, one file each, pass the suites untouched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHORT = ("formats", "heads", "kinds", "sources", "tasks", "techniques")
WHOLE = (*SHORT, "frozen_prefix")
"""Every suite; that of recordings takes longest."""


@pytest.mark.parametrize(
    ("suites", "marked"),
    [
        pytest.param(SHORT, "not slow", id="short"),
        pytest.param(WHOLE, "", id="whole", marks=pytest.mark.slow),
    ],
)
def test_one_file_each_passes_the_suites_that_exist(suites, marked):
    files = [str(HERE / f"test_{axis}.py") for axis in suites]
    environment = {**os.environ, "GRAFT_PLUGINS": str(HERE / "toys")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        "-rA",
    ]
    found = subprocess.run(
        [*command, "-m", marked, "-k", "toy", *files],
        env=environment,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr
    for name in (
        "toy-lines",
        "toy-doubled",
        "toy-nets",
        "toy-brightness",
        "toy-capitals",
        "toy-beside",
        "toy-confidence-penalty",
        "toy-marks",
        "toy-boxes",
        "toy-detectors",
        "toy-marked",
        "toy-marking",
    ):
        assert len(re.findall(rf"PASSED .*{name}", found.stdout)) >= 3, (
            f"{name} went through no suite:\n{found.stdout[-4000:]}"
        )
