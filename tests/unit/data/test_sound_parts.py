"""Parts of sounds: what a table names of a recording, and what is heard of it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from graft.base.errors import BadValue, DataError
from graft.base.records import Sample
from graft.data.checks.inspect import inspect
from graft.data.checks.sounds import listen
from graft.data.data import Data
from graft.data.load import read
from graft.data.sounds.open import (
    open_bytes,
    open_sound,
    read_blocks,
    read_sound_header,
    sound_digest,
)
from graft.data.sounds.part import SoundPart
from graft.data.sounds.play import sound_uri
from graft.data.sounds.wave_files import wave_bytes

RATE = 8000


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of which each is louder than the one before: 0.1, 0.2, 0.3."""
    samples = np.repeat(np.float32([0.1, 0.2, 0.3]), RATE)
    (tmp_path / "long.wav").write_bytes(wave_bytes(samples, RATE))
    return tmp_path / "long.wav"


def write_rows(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with open(folder / "data.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return folder / "data.csv"


def parts_of(data: Data) -> list[tuple[float, float | None]]:
    sounds = [sample.roles["audio"] for part in data.splits.values() for sample in part]
    return [(sound.start, sound.end) for sound in sounds]


def test_only_the_part_is_heard(recording: Path) -> None:
    part = SoundPart(recording, 1.0, 2.0)
    sound = open_sound(part, "a", RATE)
    assert len(sound) == RATE and np.allclose(sound, 0.2, atol=1e-4)
    assert len(open_sound(part, "a", 2 * RATE, 0.25)) == 2 * RATE // 4 + 2  # one sample more
    assert read_sound_header(part, "a").seconds == 1
    assert np.allclose(np.concatenate(list(read_blocks(part, "a"))), 0.2, atol=1e-4)
    assert listen(part, "a").seconds == 1 and listen(part, "a").missing == 0
    assert np.allclose(open_sound(open_bytes(part, "a"), "a", RATE), 0.2, atol=2e-4)
    assert sound_uri(part, "a").startswith("data:audio/mpeg")


def test_a_part_without_an_end_reaches_to_that_of_its_file(recording: Path) -> None:
    assert np.allclose(open_sound(SoundPart(recording, 2.0), "a", RATE), 0.3, atol=1e-4)
    assert np.array_equal(
        open_sound(SoundPart(recording), "a", RATE), open_sound(recording, "a", RATE)
    )


def test_equal_parts_have_equal_digests_and_others_have_others(recording: Path) -> None:
    one, other = SoundPart(recording, 0, 1), SoundPart(recording, 1, 2)
    assert sound_digest(one) == sound_digest(SoundPart(recording.read_bytes(), 0.0, 1.0))
    assert len({sound_digest(one), sound_digest(other), sound_digest(recording)}) == 3
    data = [Data({"all": [Sample("a", {"audio": part, "label": "a"})]}) for part in (one, other)]
    assert data[0].fingerprint() != data[1].fingerprint()


def test_a_part_that_begins_behind_its_file_is_refused_and_one_that_ends_there_is_named(
    recording: Path,
) -> None:
    with pytest.raises(DataError, match=r"row 7 .*: it begins at 3 seconds, and its file lasts 3"):
        open_sound(SoundPart(recording, 3.0, 4.0), "row 7", RATE)
    assert listen(SoundPart(recording, 2.0, 3.05), "a").missing == 0, "seconds may be rounded"
    assert listen(SoundPart(recording, 2.0, 5.0), "a").missing == 2


@pytest.mark.parametrize("end", [("end", "1", "3"), ("end_time", "1.0", "3.0")])
def test_rows_of_one_sound_are_its_parts(recording: Path, end: tuple[str, str, str]) -> None:
    name, first, second = end
    rows = [("long.wav", "one two", 0, first), ("long.wav", "three four", 1.5, second)]
    data = read(write_rows(recording.parent, ("file", "text", "start", name), rows))
    assert data.kind == "transcripts" and parts_of(data) == [(0, 1), (1.5, 3)]
    assert f"Each row is the part of its sound that 'start' and '{name}' say" in data.notes[1]
    assert not [finding for finding in inspect(data) if finding.severity == "error"]


def test_a_manifest_of_nemo_has_offsets_and_durations(recording: Path) -> None:
    rows = [
        {"audio_filepath": "long.wav", "text": "one two", "offset": 0.5, "duration": 1.5},
        {"audio_filepath": str(recording), "text": "two three", "offset": 2, "duration": 0.5},
    ]
    manifest = recording.parent / "manifest.json"
    manifest.write_text("\n".join(map(json.dumps, rows)))
    data = read(manifest)
    assert data.kind == "transcripts" and parts_of(data) == [(0.5, 2), (2, 2.5)]


def test_labels_of_parts_are_read_too(recording: Path) -> None:
    rows = [("long.wav", "quiet", 0, 1), ("long.wav", "loud", 2, 3)]
    data = read(write_rows(recording.parent, ("file", "label", "start", "end"), rows))
    assert data.kind == "labels" and parts_of(data) == [(0, 1), (2, 3)]


def test_sounds_that_were_cut_before_are_whole_unless_parts_are_asked_for(recording: Path) -> None:
    (recording.parent / "other.wav").write_bytes(recording.read_bytes())
    rows = [("long.wav", "dog", 57.5, 59.0), ("other.wav", "cat", 1, 2)]
    path = write_rows(recording.parent, ("slice_file_name", "class", "start", "end"), rows)
    data = read(path)
    assert [type(s.roles["audio"]) for s in data.splits["all"]] == [type(recording)] * 2
    assert "--columns start=start --columns end=end" in data.notes[1]
    asked = read(path, columns={"start": "start", "end": "end"})
    assert parts_of(asked) == [(57.5, 59), (1, 2)]
    (error,) = [finding for finding in inspect(asked) if finding.severity == "error"]
    assert "data.csv:2 cannot be read: it begins at 57.5 seconds" in error.message


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (2, 1, r"1 of 2 rows of data\.csv has a part that ends where it starts, or before: "
               r"data\.csv:3 \(from 2 to 1\)"),
        (-1, 1, r"has a start that is not a number of seconds from 0 on: data\.csv:3 \('-1'\)"),
        (0, "1:05", r"has an end that is not a number of seconds.*'1:05'.*such as 12\.5"),
    ],
)  # fmt: skip
def test_impossible_parts_are_refused(
    recording: Path, start: float, end: float | str, words: str
) -> None:
    rows = [("long.wav", "one two", 0, 1), ("long.wav", "three four", start, end)]
    path = write_rows(recording.parent, ("file", "text", "start", "end"), rows)
    with pytest.raises(DataError, match=words):
        read(path, columns={"start": "start", "end": "end"})


def test_a_time_among_seconds_is_refused(recording: Path) -> None:
    rows = [("long.wav", 0, 1, "a"), ("long.wav", "0:01", 2, "b"), ("long.wav", 2, 3, "a")]
    path = write_rows(recording.parent, ("file", "start", "end", "label"), rows)
    with pytest.raises(
        DataError, match=r"1 of 3 rows of data\.csv has a start that is not a number"
    ):
        read(path)


def test_parts_in_another_form_than_seconds_are_noted(recording: Path) -> None:
    rows = [("long.wav", f"0:0{i}", f"0:0{i + 1}", label) for i, label in enumerate("aba")]
    path = write_rows(recording.parent, ("file", "start", "end", "label"), rows)
    notes = " ".join(read(path).notes)
    assert "Each row is a whole sound, since 'start' and 'end' are no seconds." in notes


@pytest.mark.parametrize(
    ("start", "end"), [(2.0, 1.0), (1, 1), (-0.5, 1.0), (math.nan, None), (0.0, math.inf), ("1", 2)]
)
def test_a_part_that_is_none_is_refused_where_it_is_made(start: object, end: object) -> None:
    with pytest.raises(BadValue, match="starts at 0 seconds or later, and ends after it starts"):
        SoundPart("a.wav", start, end)
