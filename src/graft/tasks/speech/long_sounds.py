"""Sounds that are longer than what a network reads at once, transcribed in parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graft.backbones.preprocess.sound import SoundPreprocess
from graft.base.records import Sample, Windows
from graft.data.sounds.part import SoundPart
from graft.data.sounds.silences import cut_at_silences


def cut_sounds(samples: Sequence[Sample], preprocess: SoundPreprocess) -> Windows:
    """Cut each sound in its pauses, into parts that the network reads whole."""

    def parts(sample: Sample) -> list[Sample]:
        cut = cut_at_silences(sample.roles["audio"], sample.id, preprocess.seconds)
        return [Sample(sample.id, {"audio": part}) for part in cut]

    return Windows.of(samples, parts)


def join_texts(windows: Windows, texts: Sequence[str]) -> list[str]:
    """Join the transcripts of the parts of each sound."""
    return [" ".join(text for _, text in parts if text) for parts in windows.by_sample(texts)]


def join_segments(
    windows: Windows, timed: Sequence[list[dict[str, Any]]]
) -> list[list[dict[str, Any]]]:
    """Join the segments of the parts of each sound, with times from its beginning."""
    joined = []
    for sample, parts in zip(windows.samples, windows.by_sample(timed), strict=True):
        sound = sample.roles["audio"]
        begin = sound.start if isinstance(sound, SoundPart) else 0.0
        joined.append(
            [
                _shift(segment, part.roles["audio"].start - begin)
                for part, segments in parts
                for segment in segments
            ]
        )
    return joined


def _shift(segment: dict[str, Any], seconds: float) -> dict[str, Any]:
    times = {name: round(segment[name] + seconds, 2) for name in ("start", "end")}
    return {**times, "text": segment["text"]}
