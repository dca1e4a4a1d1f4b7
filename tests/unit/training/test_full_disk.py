"""A disk that is full while a checkpoint is written, as a limit on the size of files."""

from __future__ import annotations

import re

import pytest

from graft.base.errors import FolderError
from graft.training.checkpoint import read_position
from graft.training.loop.trainer import checkpoint_path
from graft.training.observers import Observer
from tests.contracts.tiny import trained

resource = pytest.importorskip("resource", reason="Windows has no limit on the size of a file")
TASK = "text-classification"


class FullDisk(Observer):
    """After `after` lines of history no file can exceed 32 kB, as on a full disk."""

    def __init__(self, after: int):
        self.left = after
        self.notes: list[str] = []

    def epoch(self, row):
        self.left -= 1
        if self.left < 0:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**15, hard))

    def note(self, message):
        self.notes.append(message)


@pytest.fixture
def file_sizes():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_the_checkpoint_before_and_the_training_goes_on(tmp_path, file_sizes):
    disk = FullDisk(after=2)
    _, position = trained("full-fine-tuning", TASK, tmp_path, disk, epochs=4)
    assert position.history == 5
    assert len(disk.notes) == 1
    assert re.search(
        r"Cannot write .*last\.safetensors.*MB are free.*Free some space", disk.notes[0]
    )
    assert position.warnings == disk.notes
    assert read_position(checkpoint_path(tmp_path)).history == 2


def test_a_full_disk_before_the_first_checkpoint_ends_the_training(tmp_path, file_sizes):
    with pytest.raises(
        FolderError, match=r"Cannot write .* Free some space .* checkpoint of this run takes"
    ):
        trained("full-fine-tuning", TASK, tmp_path, FullDisk(after=0), epochs=4)
    assert list(checkpoint_path(tmp_path).parent.iterdir()) == []
