"""Speech recognition at the command line: from sounds with transcripts to texts with times."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from graft.base import plugins
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

FIT = ("--task", "automatic-speech-recognition", "-b", "tiny:whisper", "-t", "zero-shot", "-q")


@pytest.fixture
def tunes(tmp_path: Path) -> Path:
    """Sounds by split, and a table of their names and transcripts."""
    data = plugins.load("task", "automatic-speech-recognition").tiny_data()
    rows = []
    for split, samples in data.splits.items():
        for number, sample in enumerate(samples):
            name = f"{split}{number}.wav"
            (tmp_path / "tunes" / "sounds").mkdir(parents=True, exist_ok=True)
            (tmp_path / "tunes" / "sounds" / name).write_bytes(sample.roles["audio"])
            transcript = sample.roles["transcript"]
            rows.append({"file": f"sounds/{name}", "split": split, "transcript": transcript})
    pd.DataFrame(rows).to_csv(tmp_path / "tunes" / "tunes.csv", index=False)
    return tmp_path / "tunes"


def test_sounds_are_transcribed_with_and_without_times(graft: Graft, tunes: Path) -> None:
    done = graft("fit", tunes / "tunes.csv", *FIT, "-o", "run")
    assert done.exit_code == 0, done.output
    result = json.loads(Path("run/result.json").read_text())
    assert result["primary_metric"] == "wer"
    assert set(result["baseline"]["constant-transcript"]) == {"wer", "cer"}
    assert result["data"]["cut"] == {"train": 0, "val": 0, "test": 0}
    assert result["data"]["counts"] == {"train": 20, "val": 7, "test": 12}
    left_out = "4 of 24 train and 1 of 8 val sounds are longer than the 2 seconds"
    assert left_out in " ".join(done.stdout.split()) and left_out in result["warnings"][0]
    sounds = [tunes / "sounds" / f"test{number}.wav" for number in range(2)]
    rows = json.loads(graft("predict", "run", *sounds, "--json").stdout)
    assert [row["id"] for row in rows] == [str(sound) for sound in sounds]
    assert all(isinstance(row["prediction"], str) for row in rows)
    of_folder = json.loads(graft("predict", "run", tunes / "sounds", "--json").stdout)
    assert len(of_folder) == 44
    timed = json.loads(graft("predict", "run", *sounds, "--timestamps", "--json").stdout)
    for row in timed:
        assert row["prediction"] == " ".join(part["text"] for part in row["segments"])
        assert all(0 <= part["start"] <= part["end"] <= 2 for part in row["segments"])
    shown = graft("predict", "run", *sounds, "--timestamps")
    assert shown.exit_code == 0 and "start" in shown.stdout
    written = json.loads(graft("generate", "run", *sounds, "--json").stdout)
    assert [row["prompt"] for row in written] == [str(sound) for sound in sounds]
    assert f"> {sounds[1]}" in graft("generate", "run", *sounds).stdout
    worst = Path("run/mistakes.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert any(true != written for true, written in json.loads(worst)["edits"])


def test_times_are_of_models_that_write_what_is_said(graft: Graft, run: Path) -> None:
    done = graft("predict", run, "photo.png", "--timestamps")
    assert_refused(done, "timestamps are of models that write what is said in a sound")
