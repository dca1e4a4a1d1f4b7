"""Sounds are fitted, predicted from files and folders, and cut where the network ends to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graft
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.sounds.wave_files import wave_bytes
from graft.studies.run import build_model
from graft.tasks.audio_classification import AudioClassification


def test_a_folder_is_predicted_and_a_broken_file_is_named_or_skipped(tmp_path: Path) -> None:
    data = AudioClassification.tiny_data()
    run = graft.fit(
        data, technique="feature-extraction", backbone="tiny:whisper", out=tmp_path / "run"
    )
    new = tmp_path / "new"
    new.mkdir()
    for number, sample in enumerate(data.splits["test"][:3]):
        (new / f"{number}.wav").write_bytes(sample.roles["audio"])
    rows = run.model.predict(new)
    assert [row["id"] for row in rows] == ["0.wav", "1.wav", "2.wav"]
    assert run.model.predict(new / "1.wav")[0]["probabilities"] == pytest.approx(
        rows[1]["probabilities"], abs=1e-5
    )
    (new / "3.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"1 of 4 inputs cannot be read\. The sound of 3\.wav"):
        run.model.predict(new)
    assert len(run.model.predict(new, skip_broken=True)) == 3
    other = tmp_path / "other"
    other.mkdir()
    (other / "3.wav").write_bytes((new / "0.wav").read_bytes())
    rows = run.model.predict([new, other], skip_broken=True)
    assert [row["id"] for row in rows] == ["0.wav", "1.wav", "2.wav", "3.wav"]


def test_lost_sound_is_named_where_it_is_predicted(tmp_path: Path, caplog) -> None:
    data = AudioClassification.tiny_data()
    run = graft.fit(
        data, technique="feature-extraction", backbone="tiny:whisper", out=tmp_path / "run"
    )
    whole = data.splits["test"][0].roles["audio"]
    (tmp_path / "whole.wav").write_bytes(whole)
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "silent.wav").write_bytes(wave_bytes(np.zeros(8000), 8000))
    caplog.clear()
    run.model.predict(tmp_path / "whole.wav")
    run.model.evaluate(data)
    assert not caplog.records
    rows = run.model.predict([tmp_path / "cut.wav", tmp_path / "silent.wav"])
    assert len(rows) == 2
    said = [record.getMessage() for record in caplog.records]
    assert any("cut off or damaged" in words and "cut.wav" in words for words in said)
    assert any("silent" in words and "silent.wav" in words for words in said)
    assert not any("longer" in words for words in said)
    (tmp_path / "long.wav").write_bytes(wave_bytes(np.resize([0.1, -0.1], 3 * 8000), 8000))
    caplog.clear()
    run.model.predict([tmp_path / "whole.wav", tmp_path / "long.wav"])
    [said] = [record.getMessage() for record in caplog.records]
    assert said == (
        "1 of 2 sounds are longer than the network reads, and are cut: the first 2 seconds are "
        "heard."
    )


def test_a_sound_of_less_than_a_sample_is_skipped_as_broken(tmp_path: Path) -> None:
    """No sample is left of it at the rate of the network."""
    data = AudioClassification.tiny_data()
    run = graft.fit(
        data, technique="feature-extraction", backbone="tiny:whisper", out=tmp_path / "run"
    )
    (tmp_path / "whole.wav").write_bytes(data.splits["test"][0].roles["audio"])
    (tmp_path / "one.wav").write_bytes(wave_bytes(np.full(1, 0.5), 48_000))
    files = [tmp_path / "whole.wav", tmp_path / "one.wav"]
    with pytest.raises(DataError, match=r"one\.wav cannot be read: it is shorter than one sample"):
        run.model.predict(files)
    rows = run.model.predict(files, skip_broken=True)
    assert [Path(row["id"]).name for row in rows] == ["whole.wav"]


def test_sounds_that_are_longer_than_the_network_reads_are_counted() -> None:
    task = AudioClassification(("a", "b"))
    p = build_model("tiny:whisper", task, pretrained=True, seed=0).backbone.preprocess
    sounds = [
        Sample(str(seconds), {"audio": wave_bytes(np.full(seconds * 8000, 0.1), 8000)})
        for seconds in (1, 2, 3)
    ]
    assert p.seconds == 2
    assert task.count_cut(sounds, p) == 1
    assert [task.length(sound, p) for sound in sounds] == [100, 200, 200]
    assert task.encode(sounds[2], p, None)["input_features"].shape == (16, 200)


def test_measuring_all_of_the_data_is_said(tmp_path: Path, caplog) -> None:
    """Without a test split, examples of training are measured as well."""
    data = AudioClassification.tiny_data()
    run = graft.fit(
        data, technique="feature-extraction", backbone="tiny:whisper", out=tmp_path / "run"
    )
    run.model.evaluate(Data({"all": data.splits["train"]}, "drums"))
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("Without a test split, all of drums is measured (24 examples).")
