"""Sounds that cannot be used, at the terminal: each is named, and nothing is lost."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from graft.data.sounds.wave_files import wave_bytes
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

RATE = 8000


def put(folder: Path, name: str, seed: int, seconds: float = 1.0) -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    sound = rng.uniform(-0.3, 0.3, int(seconds * RATE)).astype(np.float32)
    (folder / name).write_bytes(wave_bytes(sound, RATE))


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """Class folders of sounds, twelve of each."""
    for i in range(24):
        put(tmp_path / "words" / "ab"[i % 2], f"{i}.wav", i)
    return tmp_path / "words"


def check(graft: Graft, path: Path) -> dict[str, str]:
    """Code -> message of the findings that are no infos."""
    findings = json.loads(graft("check", path, "--json").stdout)["findings"]
    return {f["code"]: f["message"] for f in findings if f["severity"] != "info"}


def test_a_check_names_each_sound_that_cannot_be_read(graft: Graft, words: Path) -> None:
    header = wave_bytes(np.zeros(80), RATE)
    (words / "a" / "empty.wav").write_bytes(b"")
    (words / "a" / "film.wav").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(400))
    (words / "a" / "norate.wav").write_bytes(header[:24] + bytes(4) + header[28:])
    message = check(graft, words)["unreadable"]
    assert message.startswith("3 sounds cannot be read.")
    for part in (
        "a/empty.wav cannot be read: it is empty (0 bytes)",
        "a/film.wav cannot be read: it is truncated, damaged or of an unknown format",
        "a/norate.wav cannot be read: its header says 0 samples a second",
    ):
        assert part in message


def test_a_training_on_unreadable_sounds_stops_with_their_names(graft: Graft, words: Path) -> None:
    (words / "a" / "empty.wav").write_bytes(b"")
    result = graft("fit", words, "-b", "tiny:whisper")
    assert_refused(result, "a/empty.wav cannot be read: it is empty")


def write_table(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with open(folder / "t.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return folder / "t.csv"


def test_a_check_names_an_empty_transcript_and_a_part_that_is_not_there(
    graft: Graft, tmp_path: Path
) -> None:
    for i in range(6):
        put(tmp_path, f"{i}.wav", i, 3.0)
    rows = [(f"{i // 2}.wav", f"said in number {i}x", i % 2, 1 + i % 2) for i in range(12)]
    rows[3] = ("1.wav", "", 1, 2)
    rows[5] = ("2.wav", "beyond the end", 7, 8)
    path = write_table(tmp_path, ("file", "text", "start", "end"), rows)
    messages = check(graft, path)
    assert messages["empty"] == "1 transcript without a word: t.csv:5."
    assert (
        "t.csv:7 cannot be read: it begins at 7 seconds, and its file lasts 3"
        in (messages["unreadable"])
    )


def test_a_part_that_ends_before_it_starts_is_refused(graft: Graft, tmp_path: Path) -> None:
    put(tmp_path, "a.wav", 0, 3.0)
    rows = [("a.wav", "one two", 0, 1), ("a.wav", "three four", 2, 1)]
    path = write_table(tmp_path, ("file", "text", "start", "end"), rows)
    assert_refused(graft("check", path), "t.csv:3 (from 2 to 1)")
