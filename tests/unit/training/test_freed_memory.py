"""Freed memory is given back once more is held than was needed, and not before."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

LOOKS = """
import psutil, torch
from graft.base import env
from graft.training import freed_memory

def held():
    return psutil.Process().memory_info().rss // 2**20

env.keep_freed_memory()
freed_memory.SECONDS = 0
freed = freed_memory.FreedMemory()
freed.check()  # what is held now is needed
few = [torch.ones(2**22) for _ in range(2)]
del few
before = held()
freed.check()
print(before - held())
many = [torch.ones(2**22) for _ in range(64)]
del many
before = held()
freed.check()
print(before - held())
many = [torch.ones(2**22) for _ in range(64)]
freed.check()  # and now so much is
del many
before = held()
freed.check()
print(before - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_only_what_grew_beyond_the_need_is_given_back():
    little, grown, needed = map(
        int, subprocess.check_output([sys.executable, "-c", LOOKS], text=True).split()
    )
    assert little < 10
    assert grown > 900
    assert needed < 10
