"""Sounds with what is said in them: which tables hold them, and what a person is told."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.load import read
from graft.data.sounds.wave_files import wave_bytes

SAYINGS = ("turn on the light", "turn off the light", "play a song", "stop")


def write_table(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """A table in which `@1` stands for the path of a sound that is written beside it."""
    rng = np.random.default_rng(0)
    with open(folder / "data.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([columns] if columns else [])
        for row in rows:
            names = [f"{cell[1:]}.wav" for cell in row if cell.startswith("@")]
            for name in names:
                sound = rng.uniform(-0.5, 0.5, 4000).astype(np.float32)
                (folder / name).write_bytes(wave_bytes(sound, 8000))
            writer.writerow([f"{c[1:]}.wav" if c.startswith("@") else c for c in row])
    return folder / "data.csv"


def transcripts_of(data: Data) -> list[str]:
    return [sample.roles["transcript"] for part in data.splits.values() for sample in part]


@pytest.mark.parametrize("name", ["transcript", "Transcription", "text", "sentence", "words"])
def test_a_text_beside_a_sound_is_what_is_said_in_it(tmp_path: Path, name: str) -> None:
    rows = [(f"@{i}", text, str(i % 2)) for i, text in enumerate(SAYINGS)]
    data = read(write_table(tmp_path, ("file", name, "speaker"), rows))
    assert data.kind == "transcripts" and transcripts_of(data) == list(SAYINGS)
    assert data.columns == {"audio": ["file"], "transcript": [name], "group": ["speaker"]}


def test_the_form_that_is_read_out_comes_before_the_written_one(tmp_path: Path) -> None:
    rows = [("@a", "Chapter 1.", "chapter one"), ("@b", "At 5 p.m.", "at five in the evening")]
    data = read(write_table(tmp_path, ("file", "text", "normalized_text"), rows))
    assert transcripts_of(data) == ["chapter one", "at five in the evening"]
    assert "The column 'normalized_text' is taken as the transcript" in data.notes[0]


def test_a_column_label_beside_the_texts_makes_classes(tmp_path: Path) -> None:
    rows = [(f"@{i}", text, ("on", "off")[i % 2]) for i, text in enumerate(SAYINGS)]
    path = write_table(tmp_path, ("file", "text", "label"), rows)
    assert read(path).kind == "labels"
    assert read(path, kinds=["transcripts"]).kind == "transcripts"


def test_few_words_that_come_back_are_classes_unless_a_transcript_is_wanted(tmp_path: Path) -> None:
    rows = [(f"@{i}", ("yes", "no")[i % 2]) for i in range(12)]
    path = write_table(tmp_path, ("file", "text"), rows)
    assert read(path).kind == "labels"
    assert read(path, kinds=["transcripts"]).kind == "transcripts"
    assert read(path, columns={"transcript": "text"}).kind == "transcripts"


def test_figures_alone_are_transcripts_where_they_are_wanted(tmp_path: Path) -> None:
    path = write_table(tmp_path, ("file", "transcript"), [("@a", "12"), ("@b", "7")])
    assert transcripts_of(read(path, kinds=["transcripts"])) == ["12", "7"]


@pytest.mark.parametrize(
    ("kinds", "advice"),
    [(None, "of what is said: --columns transcript=text"), (["transcripts"], "or transcript=text")],
)
def test_figures_in_a_column_of_texts_are_said_to_be_transcripts_if_named(
    tmp_path: Path, kinds: list[str] | None, advice: str
) -> None:
    path = write_table(tmp_path, ("file", "text"), [(f"@{i}", str(100 + 37 * i)) for i in range(6)])
    with pytest.raises(DataError, match=advice):
        read(path, kinds=kinds)
    assert read(path, columns={"transcript": "text"}).kind == "transcripts"


def test_sounds_and_sentences_are_known_without_a_header(tmp_path: Path) -> None:
    rows = [(f"@{i}", text) for i, text in enumerate(SAYINGS)]
    data = read(write_table(tmp_path, (), rows))
    assert data.kind == "transcripts" and transcripts_of(data) == list(SAYINGS)


def test_a_column_that_holds_the_sounds_comes_before_one_that_names_files() -> None:
    from graft.data.memory import from_memory

    sound = wave_bytes(np.zeros(80, np.float32), 8000)
    rows = [
        {"file": f"/elsewhere/{i}.flac", "audio": {"bytes": sound, "path": None}, "text": text}
        for i, text in enumerate(SAYINGS)
    ]
    assert from_memory(rows).columns["audio"] == ["audio"]


def test_sounds_alone_can_be_transcribed_and_not_learned_from(tmp_path: Path) -> None:
    path = write_table(tmp_path, ("file",), [("@1",), ("@2",)])
    data = read(path, kinds=["transcripts"], labels=False)
    assert data.kind == "transcripts" and transcripts_of(data) == [None, None]
    with pytest.raises(DataError, match=r"which column of data\.csv is the transcript"):
        read(path, kinds=["transcripts"])


def test_one_sound_with_two_transcripts_is_a_conflict_unless_only_case_differs() -> None:
    from graft.base.records import Sample
    from graft.data.checks.inspect import inspect

    one, other = (wave_bytes(np.full(4000, size, np.float32), 8000) for size in (0.1, 0.2))
    pairs = [(one, "Hello there"), (one, "hello  there"), (other, "yes"), (other, "no")]
    samples = [
        Sample(f"s{i}", {"audio": sound, "transcript": text})
        for i, (sound, text) in enumerate(pairs)
    ]
    (conflict,) = [f for f in inspect(Data({"all": samples})) if f.code == "conflicting-labels"]
    assert "in 1 case: s2 is 'yes' / s3 is 'no'" in conflict.message


def test_class_folders_of_sounds_lack_transcripts(tmp_path: Path) -> None:
    for name in ("yes/1.wav", "no/1.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(wave_bytes(np.zeros(80, np.float32), 8000))
    with pytest.raises(DataError, match=r"2 sounds have no transcript.*1\.txt beside 1\.wav"):
        read(tmp_path, kinds=["transcripts"])
    assert len(read(tmp_path, kinds=["transcripts"], labels=False).splits["all"]) == 2


def test_a_table_of_common_voice_has_its_speakers(tmp_path: Path) -> None:
    columns = ("client_id", "path", "sentence", "up_votes", "gender")
    rows = [(f"c{i // 2}", f"@{i}", text, "2", "f") for i, text in enumerate(SAYINGS)]
    data = read(write_table(tmp_path, columns, rows))
    assert data.kind == "transcripts" and transcripts_of(data) == list(SAYINGS)
    assert [sample.roles["group"] for sample in data.splits["all"]] == ["c0", "c0", "c1", "c1"]
