"""What is asked of the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from graft.base import env
if sys.argv[1] == "kept":
    env.keep_freed_memory()
# Larger than 32 MB, the most that glibc keeps by default.
def step():
    layers = [torch.ones(9 * 2**20)]
    for _ in range(3):
        layers.append(layers[-1] * 2)

# While the first blocks find their places the heap still grows: not what is measured.
for _ in range(8):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_memory_of_a_freed_tensor_is_not_cleared_anew():
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", FAULTS, how]))
        for how in ("usual", "kept")
    }
    assert faults["kept"] < faults["usual"] / 10, faults


HELD = """
import psutil, torch
from graft.base import env
env.keep_freed_memory()
layers = [torch.ones(2**22) for _ in range(8)]
del layers
held = psutil.Process().memory_info().rss
env.give_back_freed_memory()
print(held - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_what_was_kept_is_given_back():
    assert int(subprocess.check_output([sys.executable, "-c", HELD])) > 100 * 2**20


@pytest.mark.parametrize("capability", ["default", "avx2"])
def test_bf16_is_not_native_where_torch_is_kept_from_its_instructions(capability):
    asked = "from graft.base import env; print(env.native_precision('cpu'))"
    surroundings = {**os.environ, "ATEN_CPU_CAPABILITY": capability}
    found = subprocess.check_output([sys.executable, "-c", asked], env=surroundings, text=True)
    assert found.strip() == "fp32"
