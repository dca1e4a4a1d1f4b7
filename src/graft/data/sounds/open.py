"""Open the sound of a sample as mono at a rate, through soundfile and soxr."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.base.errors import DataError, MissingExtra
from graft.data.sounds.part import SoundPart
from graft.data.sounds.wave_files import wave_bytes

SUFFIXES = frozenset((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"))
"""The file names that are taken for sounds."""
UNREADABLE = frozenset((
    ".m4a", ".aac", ".wma", ".amr", ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm",
))  # fmt: skip
"""Suffixes of sounds and videos whose codecs libsndfile does not have."""
_BEGINNINGS = (
    b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3", b"FORM", b".snd", b"\xff\xfb", b"\xff\xf3",
)  # fmt: skip
"""How files of sound begin. RIFF is also how WebP pictures begin: see `is_sound`."""
MAX_RATE = 2**31 - 1
"""Samples a second that the header of a file has room for."""
DECODED = (
    'A decoded sound is {"array": samples, "sampling_rate": samples a second}: numbers of the '
    "shape (samples,) or (samples, channels), and a whole number from 1 on."
)
_NO_RATE = "its header says 0 samples a second, or 0 channels"
BLOCK = 1 << 20
"""Frames that are read at a time, so that an hour of sound is never in memory as a whole."""
_DATA_SIZE = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
"""What libsndfile notes about a WAV file whose header promises more bytes than follow."""
STREAMED = 2**31 - 1
"""A size from here on is that of a stream, whose writer did not know how long it would be."""
SILENT = 1e-3
"""The peak below which a sound counts as silent: 60 dB below full scale."""
ROUNDED_SECONDS = 0.1
"""A part may end so long after its file: tables round seconds, and MP3 has whole frames only."""


def holds_sounds(values: Sequence[Any]) -> bool:
    """Whether these are sounds: paths that end as theirs do, files, or as datasets has both.

    Empty files may be among them, which are refused when they are opened.
    """
    filled = [value for value in values if not _is_empty(value)]
    return bool(filled) and all(map(_is_one, filled))


def _is_empty(value: Any) -> bool:
    """Whether a cell is a file of 0 bytes."""
    raw = value.get("bytes") if isinstance(value, dict) else value
    return isinstance(raw, bytes) and not raw


def _is_one(value: Any) -> bool:
    if _is_decoded(value):
        return True
    value = unwrap_cell(value)
    if isinstance(value, bytes):
        return is_sound(value)
    if isinstance(value, SoundPart):
        return True
    return isinstance(value, str | Path) and has_sound_suffix(value)


def unwrap_cell(value: Any) -> Any:
    """The bytes or the path in a cell of Hugging Face's datasets; anything else as it is.

    Such a cell is `{"bytes", "path"}`, or decoded `{"array", "sampling_rate"}`, which stays as it
    is where `describe_wrong_cell` has something to say of it.
    """
    if not isinstance(value, dict):
        return value
    if not _is_decoded(value):
        return value.get("path") if value.get("bytes") is None else value["bytes"]
    if describe_wrong_cell(value):
        return value
    file = io.BytesIO()
    samples, rate = np.asarray(value["array"], np.float32), int(value["sampling_rate"])
    _import_soundfile().write(file, samples, rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def describe_wrong_cell(value: Any) -> str | None:
    """Say why a decoded cell is no sound; None of one that is, and of all other values."""
    if not _is_decoded(value):
        return None
    try:
        samples = np.asarray(value["array"])
    except ValueError:  # lists of several lengths
        return "its array is no array of numbers"
    rate = value.get("sampling_rate")
    if samples.dtype.kind not in "fiu":
        return "its array is no array of numbers"
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > len(samples)):
        return f"its array has the shape {samples.shape}"
    is_number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
    if not is_number or not 1 <= rate <= MAX_RATE or rate != int(rate):
        return f"its sampling_rate is {rate!r}"
    return None


def _is_decoded(value: Any) -> bool:
    """Whether a cell has samples, not a file: `array` may be null beside one."""
    if not isinstance(value, dict) or "array" not in value:
        return False
    return value["array"] is not None or (value.get("bytes") or value.get("path")) is None


@dataclass(frozen=True)
class SoundHeader:
    """What a file of sound, or a part of it, says about itself, without its samples."""

    frames: int
    rate: int
    channels: int

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def has_sound_suffix(name: str | Path) -> bool:
    """Whether a name ends as those of sounds do, be they readable here or not."""
    return Path(name).suffix.lower() in SUFFIXES | UNREADABLE


def is_sound(raw: bytes) -> bool:
    """Whether bytes begin as a file of sound does."""
    return raw.startswith(_BEGINNINGS) and raw[8:12] != b"WEBP"


def open_sound(
    value: Any, name: str, rate: int, most_seconds: float | None = None
) -> NDArray[np.float32]:
    """The samples (T,) of a sound as mono at `rate` samples a second, between -1 and 1.

    `value` is a path, the bytes of a file, or a SoundPart. Channels are averaged, except silent
    ones. Floats beyond 1 are scaled down to 1. Of a sound longer than `most_seconds` the beginning
    is read. Raises DataError, naming the sample `name` and what is wrong with it, and
    MissingExtra.
    """
    with _open(value, name) as file:
        most = None if most_seconds is None else int(most_seconds * file.rate) + 1
        samples, own_rate = file.read(most), file.rate
    check_samples(samples, name)
    check_length(len(samples), own_rate, rate, name)
    mono = _mix(samples)
    peak = float(np.abs(mono).max())
    mono = mono / peak if peak > 1 else mono
    return mono if own_rate == rate else _resample(mono, own_rate, rate)


def read_sound_header(value: Any, name: str) -> SoundHeader:
    """The length, rate and channels of a sound; raises DataError and MissingExtra."""
    with _open(value, name) as file:
        return SoundHeader(file.frames, file.rate, file.channels)


def read_blocks(value: Any, name: str) -> Iterator[NDArray[np.float32]]:
    """Yield the samples (T, channels) of a sound, block by block; raises DataError."""
    with _open(value, name) as file:
        while len(block := file.read(BLOCK)):
            yield block


def missing_frames(value: Any, name: str) -> int:
    """The frames by which a WAV file is shorter than its header says; 0 for all else."""
    if isinstance(value, SoundPart):
        return 0
    with _open(value, name) as file:
        sizes = _DATA_SIZE.search(file.log)
        promised, present = map(int, sizes.groups()) if sizes else (0, 0)
        frame_bytes = max(1, present // max(1, file.frames))
    return (promised - present) // frame_bytes if present < promised < STREAMED else 0


def open_bytes(value: Any, name: str) -> bytes:
    """The bytes of a file of sound, from its path or as they are; raises DataError.

    A part becomes a WAV file of its own, mono.
    """
    if isinstance(value, SoundPart):
        rate = read_sound_header(value, name).rate
        return wave_bytes(open_sound(value, name, rate), rate)
    source = _source(value, name)
    return Path(source).read_bytes() if isinstance(source, str) else source.getvalue()


def sound_digest(value: Any) -> str | None:
    """Hash the bytes of a file of sound, of a part its samples; None if it cannot be read."""
    try:
        if isinstance(value, SoundPart):
            digest = hashlib.sha256()
            for block in read_blocks(value, ""):
                digest.update(block)
            return digest.hexdigest()
        return hashlib.sha256(open_bytes(value, "")).hexdigest()
    except (OSError, DataError):
        return None


def check_samples(samples: NDArray[np.float32], name: str) -> None:
    """Raise DataError for a sound without samples, or with NaN or infinite ones."""
    if not len(samples):
        raise _cannot_read(name, "it has a header, but no samples (0 seconds)")
    if not np.isfinite(samples).all():
        raise _cannot_read(name, "some of its samples are NaN or infinite")


def check_length(frames: int, own_rate: int, rate: int, name: str) -> None:
    """Raise DataError for a sound of which no sample is left at `rate` samples a second."""
    if frames * rate < own_rate:
        raise _cannot_read(name, f"it is shorter than one sample at {rate:,} Hz")


class _Stream:
    """The samples of an open file, or of a part of it, to be read in turn."""

    def __init__(self, file: Any, part: SoundPart, name: str):
        self.rate, self.channels, self.log = file.samplerate, file.channels, file.extra_info
        self._file = file
        start = round(part.start * self.rate)
        if start >= file.frames > 0:
            lasts = f"its file lasts {file.frames / self.rate:g} seconds"
            raise _cannot_read(name, f"it begins at {part.start:g} seconds, and {lasts}")
        end = file.frames if part.end is None else round(part.end * self.rate)
        is_rounded = 0 < end - file.frames <= ROUNDED_SECONDS * self.rate
        self.frames = (file.frames if is_rounded else end) - start
        """The number that the header or the part promises."""
        self._left = min(end, file.frames) - start
        if start:
            file.seek(start)

    def read(self, most: int | None = None) -> NDArray[np.float32]:
        """The next samples (T, channels), at most so many; none at the end or behind damage."""
        count = self._left if most is None else min(most, self._left)
        samples = self._file.read(count, dtype="float32", always_2d=True)
        # Behind a damaged page of OGG libsndfile would go on, with samples of another time.
        self._left = self._left - count if len(samples) == count else 0
        return samples


@contextmanager
def _open(value: Any, name: str) -> Iterator[_Stream]:
    """Open a sound; what libsndfile raises on a broken file becomes a DataError."""
    part = value if isinstance(value, SoundPart) else SoundPart(value)
    soundfile = _import_soundfile()
    source = _source(part.source, name)
    try:
        with soundfile.SoundFile(source) as file:
            yield _Stream(file, part, name)
    except soundfile.SoundFileError as error:
        reason = str(error).rpartition(": ")[2].strip().rstrip(".") or "unknown error"
        if "SF_INFO" in reason:
            raise _cannot_read(name, _NO_RATE) from error
        words = f"it is truncated, damaged or of an unknown format ({reason})"
        raise _cannot_read(name, words) from error


def _source(value: Any, name: str) -> Any:
    """What soundfile opens: the path as it is, or the bytes as a file. Raises DataError."""
    if wrong := describe_wrong_cell(value):
        raise DataError(f"The sound of {name} cannot be read: {wrong}. {DECODED}")
    value = unwrap_cell(value)
    if _is_bytes(value):
        if not len(value):
            raise _cannot_read(name, "it is empty (0 bytes)")
        return io.BytesIO(value)
    if not isinstance(value, str | Path):
        raise DataError(
            f"The sound of {name} is of type {type(value).__name__}. "
            "Give the path of a file, or its bytes."
        )
    suffix = Path(value).suffix.lower()
    if suffix in UNREADABLE:
        raise _cannot_read(name, f"{suffix} cannot be decoded here; convert it to FLAC or WAV")
    try:
        size = Path(value).stat().st_size
    except (OSError, ValueError) as error:  # a path with a NUL byte is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise _cannot_read(name, f"{value}: {reason}") from error
    if not size:
        raise _cannot_read(name, "it is empty (0 bytes)")
    return str(value)


def _cannot_read(name: str, reason: str) -> DataError:
    return DataError(f"The sound of {name} cannot be read: {reason}. Fix or remove it.")


def _mix(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average the channels (T, C) to (T,), leaving out silent ones, which would halve the rest."""
    sounding = np.abs(samples).max(0) > 0
    chosen = samples[:, sounding] if sounding.any() else samples
    return chosen.mean(1, dtype=np.float64).astype(np.float32)  # a sum of large floats overflows


def _resample(samples: NDArray[np.float32], own_rate: int, rate: int) -> NDArray[np.float32]:
    try:
        import soxr
    except ImportError as error:
        raise MissingExtra.of("Reading sound of another rate", "soxr", "audio") from error
    return soxr.resample(samples, own_rate, rate)


def _import_soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # an OSError if the system lacks libsndfile
        raise MissingExtra.of("Reading sound", "soundfile", "audio") from error
    return soundfile


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes | bytearray | memoryview)
