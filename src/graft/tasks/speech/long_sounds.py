"""Sounds that are longer than what a network reads at once, transcribed in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graft.backbones.preprocess.sound import SoundPreprocess
from graft.base.errors import DataError
from graft.base.records import Sample, Windows
from graft.data.data import Data
from graft.data.sounds.part import SoundPart
from graft.data.sounds.silences import cut_at_silences
from graft.tasks.sounds.read import is_too_long

_ADVICE = "Cut such sounds into parts, each with its transcript."


def cut_sounds(samples: Sequence[Sample], preprocess: SoundPreprocess) -> Windows:
    """Cut each sound in its pauses, into parts that the network reads whole."""

    def parts(sample: Sample) -> list[Sample]:
        cut = cut_at_silences(sample.roles["audio"], sample.id, preprocess.seconds)
        return [Sample(sample.id, {"audio": part}) for part in cut]

    return Windows.of(samples, parts)


def leave_out_long(data: Data, preprocess: SoundPreprocess) -> tuple[Data, list[str]]:
    """Leave sounds out of train and val that are longer than what the network reads at once.

    Nothing says which words of their transcripts are in the part that it would read. Also returns
    a note of them. Raises DataError if a split has no other sounds.
    """
    splits, counts = dict(data.splits), []
    for split in ("train", "val"):
        sounds = data.splits[split]
        splits[split] = [sound for sound in sounds if not is_too_long(sound, preprocess)]
        if num_long := len(sounds) - len(splits[split]):
            counts.append(f"{num_long:,} of {len(sounds):,} {split}")
        if not splits[split]:
            raise DataError(
                f"Every sound in {split} of {data.path or 'the data'} is longer than the "
                f"{preprocess.seconds:g} seconds that the network hears at once. {_ADVICE}"
            )
    if not counts:
        return data, []
    note = (
        f"{' and '.join(counts)} sounds are longer than the {preprocess.seconds:g} seconds that "
        "the network hears at once, so nothing says which words it would hear: they are left out. "
        f"{_ADVICE}"
    )
    return data.with_splits(splits), [note]


def with_transcripts(windows: Windows, texts: Sequence[str]) -> Windows:
    """The parts of sounds with the transcript of each."""
    parts = zip(windows.pieces, texts, strict=True)
    pieces = [Sample(part.id, {**part.roles, "transcript": text}) for part, text in parts]
    return replace(windows, cut=pieces)


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
