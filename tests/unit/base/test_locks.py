"""A folder has one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from graft.base.errors import FolderError
from graft.base.locks import hold_lock

HOLD = """
import sys, time
from pathlib import Path
from graft.base.locks import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_one_is_told_the_folder_the_process_and_what_to_do(tmp_path):
    with hold_lock(tmp_path), pytest.raises(FolderError) as refused, hold_lock(tmp_path):
        pass
    message = str(refused.value)
    assert message.startswith(f"{tmp_path} is in use by process {os.getpid()} on ")
    assert "Wait" in message
    assert "--out" in message


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(FolderError, match=f"in use by process {holder.pid} "), hold_lock(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with hold_lock(tmp_path):
        assert (tmp_path / ".process").read_text().startswith(f"process {os.getpid()} ")


def test_a_folder_that_is_left_names_no_process(tmp_path):
    with hold_lock(tmp_path):
        pass
    assert not (tmp_path / ".process").exists()
