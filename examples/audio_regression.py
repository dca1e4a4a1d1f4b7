"""How high is a tone in noise? A number of a sound, by a frozen network and ridge regression.

    python examples/audio_regression.py

It makes ninety tones as WAV files and a table with the pitch of each, adapts whisper-tiny.en to
them by a linear layer, and prints the error with its interval. Needs the extra `audio`.
"""

from __future__ import annotations

import csv
import tempfile
import wave
from pathlib import Path

import numpy as np

import graft

RATE = 16_000


def write_tone(file: Path, pitch: float, rng: np.random.Generator) -> None:
    """Write a tone of a random length and loudness in noise."""
    times = np.arange(int(rng.uniform(0.3, 1.0) * RATE)) / RATE
    sound = np.sin(2 * np.pi * pitch * times) + rng.uniform(-0.3, 0.3, len(times))
    samples = rng.uniform(0.1, 0.7) * sound * (2**15 - 1)
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.astype("<i2").tobytes())


def write_table(folder: Path) -> Path:
    """Write the tones and a table of their pitches in hertz."""
    rng = np.random.default_rng(0)
    table = folder / "tones.csv"
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "pitch"])
        for number in range(90):
            pitch = float(rng.uniform(200, 2000))
            write_tone(folder / f"{number}.wav", pitch, rng)
            rows.writerow([f"{number}.wav", round(pitch, 1)])
    return table


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        table = write_table(Path(name))
        run = graft.fit(
            table,
            columns={"value": "pitch"},
            task="audio-regression:unit=Hz",
            technique="feature-extraction",
            out="runs/tones-example",
        )
        print(run.result["metrics"]["test"]["rmse"])
        print(run.model.predict([Path(name) / "0.wav"]))


if __name__ == "__main__":
    main()
