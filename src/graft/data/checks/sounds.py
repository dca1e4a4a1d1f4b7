"""Findings about sounds: how long they are, and which are silent, clipped, one-sided or cut off."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.base.counts import plural
from graft.base.errors import listed
from graft.data.checks.finding import Finding
from graft.data.checks.sound_copies import SoundPrint, make_print
from graft.data.sounds.loudness import Loudness
from graft.data.sounds.mel_spectrum import RATE
from graft.data.sounds.open import (
    SILENT,
    check_length,
    check_samples,
    missing_frames,
    read_blocks,
    read_sound_header,
)

FULL = 0.999
"""The amplitude from which a sample counts as at full scale; 16 bits reach 0.99997."""
CLIPPED = 1e-3
"""The share of samples at full scale from which a sound counts as clipped."""
CANCELED = 0.01
"""The power of the mix, as a share of that of its channels, below which these cancel: 20 dB."""
SHORT, LONG = 0.1, 30.0
"""Seconds below which there is hardly a sound, and from which Whisper hears the beginning alone."""


@dataclass(frozen=True)
class Heard:
    """A sound in numbers."""

    seconds: float
    rate: int
    channels: int
    peak: float
    clipped: float
    """The share of its samples at full scale."""
    silent_channels: int
    missing: float
    """Seconds by which it is shorter than its file says."""
    mix: float
    """The power of the mean of its sounding channels, as a share of their mean power."""
    print: SoundPrint | None
    """What copies of it are known by; None if it is too short or even."""


def listen(value: Any, name: str) -> Heard:
    """Measure a sound, block by block; raises DataError and MissingExtra."""
    header = read_sound_header(value, name)
    frames, at_full, power, mixed_power = 0, 0, 0.0, 0.0
    peaks = np.zeros(header.channels, np.float32)
    loudness = Loudness(header.rate)
    for block in read_blocks(value, name):
        check_samples(block, name)
        sizes = np.abs(block)
        peaks = np.maximum(peaks, sizes.max(0))
        at_full += int((sizes.max(1) >= FULL).sum())
        frames += len(block)
        power += float(np.square(block, dtype=np.float64).sum())
        mixed_power += float(np.square(block.sum(1, dtype=np.float64)).sum())
        loudness.add(block)
    if not frames:
        check_samples(np.zeros((0, 1), np.float32), name)
    check_length(frames, header.rate, RATE, name)
    missing = max(header.frames - frames, missing_frames(value, name), 0)
    silent = int((peaks == 0).sum())
    return Heard(
        frames / header.rate,
        header.rate,
        header.channels,
        float(peaks.max()),
        at_full / frames,
        silent,
        missing / header.rate,
        mixed_power / (power * (header.channels - silent)) if power else 1.0,
        make_print(loudness.frames, frames / header.rate),
    )


_WARNINGS: dict[str, tuple[Callable[[Heard], bool], str]] = {
    "silent": (
        lambda heard: heard.peak < SILENT,
        "are silent: their peak is more than 60 dB below full scale",
    ),
    "clipped": (
        lambda heard: heard.clipped >= CLIPPED,
        f"are clipped: at least {CLIPPED:.1%} of their samples are at full scale",
    ),
    "truncated": (
        lambda heard: heard.missing > 0,
        "are cut off or damaged: fewer samples can be read than their files promise",
    ),
    "silent-channel": (
        lambda heard: 0 < heard.silent_channels < heard.channels,
        "have a silent channel, which is left out of the mix",
    ),
    "opposite-channels": (
        lambda heard: heard.peak >= SILENT and heard.mix < CANCELED,
        "have opposite channels, which cancel in the mix: turn one of them over, or remove it",
    ),
    "short-sounds": (
        lambda heard: heard.seconds < SHORT,
        f"are shorter than {SHORT:g} seconds",
    ),
    "long-sounds": (
        lambda heard: heard.seconds > LONG,
        f"are longer than {LONG:g} seconds: networks read the beginning alone, and recognition of "
        "speech leaves them out of training. Cut them into parts",
    ),
}
"""Code -> whether a sound has the property, and what is said of those that have it."""
LOSSES = frozenset({"silent", "truncated", "opposite-channels"})
"""The codes of sounds that lack what a network should hear."""


def sound_findings(heard: Mapping[str, Heard]) -> list[Finding]:
    """Report lengths, rates and channels, and warn of sounds with little in them; by sample id."""
    if not heard:
        return []
    findings = [Finding("sounds", "info", _describe(list(heard.values())))]
    for code, (applies, words) in _WARNINGS.items():
        ids = tuple(name for name, sound in heard.items() if applies(sound))
        if ids:
            message = f"{len(ids):,} of {plural(len(heard), 'sound')} {words}: {listed(ids, 5)}."
            findings.append(Finding(code, "warning", message, ids))
    return findings


def loss_findings(heard: Mapping[str, Heard]) -> list[Finding]:
    """Warn of sounds of which little or not all is heard, so that nothing said of them holds."""
    return [finding for finding in sound_findings(heard) if finding.code in LOSSES]


def _describe(sounds: list[Heard]) -> str:
    lengths = sorted(sound.seconds for sound in sounds)
    rates = Counter(f"{sound.rate:,} Hz" for sound in sounds)
    channels = Counter(_CHANNELS.get(s.channels, f"{s.channels} channels") for s in sounds)
    return (
        f"Sounds: {lengths[0]:.2f} to {lengths[-1]:.2f} seconds, median "
        f"{statistics.median(lengths):.2f}, {sum(lengths) / 60:,.1f} minutes in total; "
        f"{_count(rates)}; {_count(channels)}."
    )


_CHANNELS = {1: "mono", 2: "stereo"}


def _count(names: Counter[str]) -> str:
    """`16,000 Hz`, or with their numbers if they differ: `16,000 Hz (3), 8,000 Hz (2)`."""
    if len(names) == 1:
        return next(iter(names))
    return ", ".join(f"{name} ({count:,})" for name, count in names.most_common(4))
