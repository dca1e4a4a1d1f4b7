"""Sounds: files of any rate and width, folders and tables of them, and what a check says."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.checks.inspect import inspect
from graft.data.data import Data
from graft.data.load import load_data, read
from graft.data.sounds.open import open_sound, read_sound_header, sound_digest
from graft.data.sounds.wave_files import wave_bytes
from tests.unit.data.test_folder_cases import write_rows

RATE = 8000


def tone(seconds: float = 0.25, rate: int = RATE, peak: float = 0.5) -> np.ndarray:
    return (peak * np.sin(np.arange(int(seconds * rate)) / rate * 2 * np.pi * 440)).astype("f4")


def encoded(samples: np.ndarray, rate: int = RATE, **form: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, **{"format": "WAV", **form})
    return buffer.getvalue()


def blank_out(raw: bytes, count: int) -> bytes:
    """The file with so many zeros in its middle."""
    half = len(raw) // 2
    return raw[:half] + bytes(count) + raw[half + count :]


def of(raw: bytes) -> np.ndarray:
    return open_sound(raw, "a", RATE)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "AIFF"])
def test_lossless_files_give_their_samples(form):
    # 16 bits round by at most half a step of 2 ** -15; tools scale by 2 ** 15 or one less.
    assert np.abs(of(encoded(tone(), format=form)) - tone()).max() <= 2 / 2**15


@pytest.mark.parametrize("form", ["OGG", "MP3"])
def test_lossy_files_are_read(form):
    sound = of(encoded(tone(1.0), format=form))
    assert len(sound) == pytest.approx(RATE, rel=0.2)  # MP3 has whole frames
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.1)


def test_sounds_of_datasets_are_read_whether_decoded_or_not():
    samples = np.linspace(-0.5, 0.5, 400, dtype=np.float32)
    decoded = {"array": samples.astype(float), "sampling_rate": 8000, "path": None}
    np.testing.assert_array_equal(open_sound(decoded, "a", 8000), samples)
    whole = {"bytes": wave_bytes(samples, 8000), "path": "gone.wav"}
    np.testing.assert_allclose(open_sound(whole, "a", 8000), samples, atol=2**-15)


@pytest.mark.parametrize(("wrong", "words"), [
    ({"sampling_rate": 0}, "its sampling_rate is 0"),
    ({"sampling_rate": -8000}, "its sampling_rate is -8000"),
    ({"sampling_rate": None}, "its sampling_rate is None"),
    ({"sampling_rate": "8000"}, "its sampling_rate is '8000'"),
    ({"sampling_rate": 2**40}, "its sampling_rate is 1099511627776"),
    ({"array": np.zeros((2, 400))}, r"its array has the shape \(2, 400\)"),
    ({"array": "zero"}, "its array is no array of numbers"),
    ({"array": [[0.0], [0.0, 1.0]]}, "its array is no array of numbers"),
    ({"array": None}, "its array is no array of numbers"),
])  # fmt: skip
def test_a_decoded_cell_that_is_no_sound_is_refused_by_row(wrong, words):
    right = {"array": [0.0, 0.1, 0.2], "sampling_rate": 8000}
    rows = [{"audio": {**right, **extra}, "label": "a"} for extra in ({}, wrong)]
    with pytest.raises(DataError, match=rf"1 of 2 rows of .* rows:1 \({words}\)\. A decoded"):
        load_data(rows)
    with pytest.raises(DataError, match=rf"The sound of a cannot be read: {words}\. A decoded"):
        open_sound(rows[1]["audio"], "a", RATE)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("cell", "words"), [
    ({"bytes": None, "path": None}, "have no sound|has no sound"),
    ({"bytes": b"", "path": "a.wav"}, r"it is empty \(0 bytes\)"),
])  # fmt: skip
def test_a_cell_without_a_file_is_refused_by_name(tmp_path, first, cell, words):
    put(tmp_path, "a.wav")
    cells = [cell, {"bytes": (tmp_path / "a.wav").read_bytes(), "path": "a.wav"}]
    cells = cells if first else cells[::-1]
    pq.write_table(pa.table({"audio": cells, "label": ["a", "b"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=words):
        data = read(tmp_path / "t.parquet")
        for sample in data.splits["all"]:
            open_sound(sample.roles["audio"], sample.id, RATE)


def test_another_rate_is_resampled_to_the_same_sound():
    sound = of(encoded(tone(0.5, 44_100), 44_100))
    middle = slice(400, -400)  # the filter rings at both ends
    np.testing.assert_allclose(sound[middle], tone(0.5)[middle], atol=2e-3)


def test_channels_are_averaged_but_for_silent_ones():
    left, silence = tone(), np.zeros_like(tone())
    both = of(encoded(np.stack([left, -left / 2], 1)))
    assert np.abs(both).max() == pytest.approx(0.125, abs=1e-3)
    one = of(encoded(np.stack([left, silence], 1)))
    np.testing.assert_allclose(one, left, atol=1e-4)


def test_floats_beyond_one_are_scaled_down():
    sound = of(encoded(tone(peak=3.0), subtype="FLOAT"))
    np.testing.assert_allclose(sound, tone(peak=1.0), atol=1e-3)


def test_large_floats_do_not_overflow():
    loud = np.full((800, 2), 3e38, "f4")
    np.testing.assert_allclose(of(encoded(loud, subtype="FLOAT")), 1.0, atol=1e-6)


def test_a_sound_that_is_shorter_than_a_sample_at_the_rate_is_refused():
    with pytest.raises(DataError, match="shorter than one sample at 8,000 Hz"):
        of(encoded(tone(1 / 48_000, 48_000), 48_000))


def test_of_a_long_sound_the_beginning_is_read():
    raw = encoded(tone(2.0))
    assert len(open_sound(raw, "a", RATE, most_seconds=0.5)) == RATE // 2 + 1
    assert read_sound_header(raw, "a").seconds == 2


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty (0 bytes)"),
        (encoded(np.zeros((0, 1), "f4")), "no samples (0 seconds)"),
        (encoded(np.array([0.1, np.nan], "f4"), subtype="FLOAT"), "NaN or infinite"),
        (b"no sound at all", "unknown format"),
        (encoded(tone(), format="FLAC")[:90], "truncated, damaged or of an unknown format"),
        (
            wave_bytes(tone(), RATE)[:24] + bytes(4) + wave_bytes(tone(), RATE)[28:],
            "says 0 samples",
        ),
    ],
    ids=["zero-bytes", "zero-seconds", "nan", "text", "truncated", "rate-of-0"],
)
def test_a_broken_sound_is_refused_by_name(raw, words):
    with pytest.raises(DataError) as caught:
        open_sound(raw, "train/a.wav", RATE)
    assert "The sound of train/a.wav cannot be read" in str(caught.value)
    assert words in str(caught.value)


def test_a_video_and_a_missing_file_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"\.mp4 cannot be decoded here; convert it to FLAC"):
        open_sound(tmp_path / "film.mp4", "film", RATE)
    with pytest.raises(DataError, match="No such file"):
        open_sound(tmp_path / "a.wav", "a", RATE)


def put(folder: Path, *names: str) -> None:
    """Sounds under these names, each other than the rest."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wave_bytes(tone(0.2 + number / 100), RATE))


def test_class_folders_of_sounds(tmp_path):
    put(
        tmp_path,
        *(f"{split}/{c}/{i}.wav" for split in ("train", "test") for c in "ab" for i in "12"),
    )
    data = read(tmp_path)
    assert (data.format, data.kind, data.classes) == ("audio-folder", "labels", ["a", "b"])
    assert {split: len(part) for split, part in data.splits.items()} == {"train": 4, "test": 4}


def test_sounds_without_classes_are_refused_unless_they_are_predicted(tmp_path):
    put(tmp_path, "1.wav", "2.wav")
    with pytest.raises(DataError, match="holds 2 sounds but no class folders"):
        read(tmp_path)
    assert len(read(tmp_path, labels=False).splits["all"]) == 2


@pytest.mark.parametrize("column", ["file", "audio", "utterance"])
def test_a_table_of_sounds_with_their_speakers(tmp_path, column):
    put(tmp_path, *(f"audio/audio{i}.wav" for i in range(12)))
    row = "audio{i}.wav,the words of number {i},speaker {label},{label}"
    write_rows(tmp_path / "labels.csv", f"{column},text,speaker,label", row, count=12)
    data = read(tmp_path)
    assert data.splits["all"][0].roles == {
        "audio": tmp_path / "audio" / "audio0.wav", "label": "a", "group": "speaker a",
    }  # fmt: skip
    asked = read(tmp_path, columns={"text": "text", "label": "speaker"})
    assert "text" in asked.splits["all"][0].roles, "who asks for other columns gets them"


def test_sounds_inside_a_table(tmp_path):
    sounds = [{"bytes": wave_bytes(tone(0.2 + i / 9), RATE), "path": None} for i in range(4)]
    table = pa.table({"audio": sounds, "label": ["a", "b", "a", "b"]})
    pq.write_table(table, tmp_path / "t.parquet")
    data = read(tmp_path / "t.parquet")
    assert len(of(data.splits["all"][0].roles["audio"])) == len(tone(0.2))


def test_a_task_that_hears_nothing_refuses_a_table_of_sounds(tmp_path):
    put(tmp_path, *(f"{i}.wav" for i in range(4)))
    write_rows(tmp_path / "t.csv", "file,value", "{i}.wav,{i}.5", count=4)
    with pytest.raises(DataError, match=r"t\.csv is a table of sounds \('file'\), which are not"):
        read(tmp_path / "t.csv", kinds=["pairs"])


def test_speakers_are_kept_in_one_split(tmp_path):
    put(tmp_path, *(f"{i}.wav" for i in range(24)))
    rows = "".join(f"{i}.wav,{'ab'[i % 2]},s{i // 4}\n" for i in range(24))
    (tmp_path / "t.csv").write_text("file,label,speaker\n" + rows)
    data = load_data(tmp_path / "t.csv")
    speakers = [{s.roles["group"] for s in part} for part in data.splits.values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 6


def test_a_check_says_how_the_sounds_are():
    stereo = np.stack([tone(), np.zeros_like(tone())], 1)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * RATE).astype("f4")
    sounds = {
        "fine": encoded(tone(1.0)),
        "again": encoded(tone(1.0)),
        "silent": encoded(np.zeros(RATE, "f4")),
        "clipped": encoded(np.clip(tone(peak=4.0), -1, 1)),
        "one-sided": encoded(stereo),
        "short": encoded(tone(0.05)),
        "cut": encoded(tone(1.5))[:-1000],
        "damaged": blank_out(encoded(np.tile(noise, 4), format="OGG"), 500),
        "broken": b"RIFF",
    }
    samples = [
        Sample(n, {"audio": raw, "label": "ab"[i % 2]}) for i, (n, raw) in enumerate(sounds.items())
    ]
    findings = {f.code: f for f in inspect(Data({"train": samples}))}
    named = {code: findings[code].samples for code in findings if findings[code].samples}
    assert named == {
        "unreadable": ("broken",), "silent": ("silent",), "clipped": ("clipped",),
        "silent-channel": ("one-sided",), "short-sounds": ("short",),
        "truncated": ("cut", "damaged"),
        "duplicates": ("again",), "conflicting-labels": ("fine", "again"),
    }  # fmt: skip
    assert "1 sound cannot be read" in findings["unreadable"].message
    assert findings["sounds"].message.startswith("Sounds: 0.05 to ")
    assert "8,000 Hz; mono (7), stereo (1)." in findings["sounds"].message


def test_equal_bytes_have_one_digest(tmp_path):
    put(tmp_path, "a.wav")
    assert sound_digest(tmp_path / "a.wav") == sound_digest((tmp_path / "a.wav").read_bytes())
    assert sound_digest(tmp_path / "none.wav") is None


def test_a_table_of_sounds_without_its_target_is_asked_for_sounds(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.wav").write_bytes(encoded(tone()))
    (tmp_path / "a.csv").write_text("file,score\na.wav,good\nb.wav,bad\nc.wav,\n")
    with pytest.raises(DataError, match=r"Cannot tell which columns of a\.csv are audio, value"):
        read(tmp_path / "a.csv", kinds=["numbers"])
