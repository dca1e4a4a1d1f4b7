"""Low, rising and noisy sounds, told apart by an encoder that has heard English speech.

    python examples/audio_classification.py

It makes two dozen sounds of each class as WAV files, adapts whisper-tiny.en to them by a linear
layer, and prints the accuracy with its interval. Needs the extra `audio`.
"""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

import numpy as np

import graft

RATE = 16_000


def make_sound(name: str, rng: np.random.Generator) -> np.ndarray:
    """A sound of a class (T,), of a random length, pitch and loudness."""
    times = np.arange(int(rng.uniform(0.3, 1.0) * RATE)) / RATE
    pitch = rng.uniform(150, 300)
    if name == "hiss":
        sound = rng.uniform(-1, 1, len(times))
    else:
        slope = 400 if name == "rising" else 0
        sound = np.sin(2 * np.pi * (pitch * times + slope * times**2 / 2))
    return rng.uniform(0.1, 0.6) * sound


def write_sounds(folder: Path) -> None:
    """Write class folders of WAV files."""
    rng = np.random.default_rng(0)
    for name in ("hum", "rising", "hiss"):
        (folder / name).mkdir()
        for number in range(24):
            samples = (make_sound(name, rng) * (2**15 - 1)).astype("<i2")
            with wave.open(str(folder / name / f"{number}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(samples.tobytes())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        write_sounds(Path(name))
        run = graft.fit(name, technique="feature-extraction", out="runs/sounds-example")
        print(run.result["metrics"]["test"]["accuracy"])
        print(run.model.predict([Path(name) / "hum" / "0.wav"]))


if __name__ == "__main__":
    main()
