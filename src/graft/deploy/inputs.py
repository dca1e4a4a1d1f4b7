"""Make samples of the inputs of a trained model: texts, pictures, sounds, files, tables, frames."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from graft.base import files, plugins
from graft.base.counts import plural
from graft.base.env import cores
from graft.base.errors import BadValue, DataError, listed
from graft.base.ranges import check_word
from graft.base.records import Sample
from graft.data.checks.sounds import listen, loss_findings
from graft.data.data import Data
from graft.data.formats.format import endings, read_options
from graft.data.images import open as images
from graft.data.images.open import open_image
from graft.data.kinds.kind import kind_named
from graft.data.load import read
from graft.data.memory import from_memory
from graft.data.sounds import open as sounds
from graft.data.tables.encodings import read_text
from graft.data.tables.surrogates import check_whole

_LOG = logging.getLogger("graft")
NAMED = 5
"""Samples that a message names; their number says how many more there are."""


class _Media(NamedTuple):
    """The files that hold an input each: their suffixes, the format of folders of them, and what
    one is called."""

    suffixes: frozenset[str]
    format: str
    word: str


_MEDIA = {
    "image": _Media(images.SUFFIXES, "image-folder", "picture"),
    "audio": _Media(sounds.SUFFIXES, "audio-folder", "sound"),
}


def read_inputs(inputs: Any, role: str, **reading: Any) -> list[Sample]:
    """Samples of all inputs, in order; `role` is what the network reads: `image`, `audio`, `text`.

    `reading` says how files and frames are read: see `graft.data.load.read`. What was left out or
    guessed is logged, and so are texts without a word. Raises DataError for what cannot be read.
    """
    read_options(**{name: value for name, value in reading.items() if name != "format"})
    if (name := reading.get("format")) is not None:
        plugins.load("format", check_word("format", name))
    if getattr(inputs, "ndim", 0) == 1 and not _holds_numbers(inputs):
        inputs = inputs.tolist()  # a column of pandas, an array of texts
    several = inputs if isinstance(inputs, list | tuple) else [inputs]
    if not several:
        raise DataError("There is nothing to predict: the list of inputs is empty.")
    samples = _as_samples(several, role)
    if samples is None:
        samples = _read_all(inputs, several, role, reading)
    else:
        _refuse_reading(reading)
    _check_medium(samples, role)
    if role == "text":
        _check_texts(samples)
    return samples


def find_broken(samples: Sequence[Sample]) -> dict[int, str]:
    """Find the samples whose picture or sound cannot be read: position -> the reason.

    Ids are no keys: those of two folders may be alike.
    """
    problems = {}
    for place, sample in enumerate(samples):
        try:
            if "audio" in sample.roles:
                listen(sample.roles["audio"], sample.id)
            else:
                open_image(sample.roles["image"], sample.id)
        except DataError as error:
            problems[place] = str(error)
    return problems


def warn_of_lost_sound(samples: Sequence[Sample]) -> None:
    """Log which sounds are silent, cut off, or cancel in the mix of their channels.

    Something is predicted of them all the same. Raises DataError for one that cannot be read.
    """
    sounds = [sample for sample in samples if "audio" in sample.roles]
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        heard = pool.map(lambda sample: listen(sample.roles["audio"], sample.id), sounds)
        measured = {}
        for place, (sample, numbers) in enumerate(zip(sounds, heard, strict=True), 1):
            is_known = sample.id in measured  # ids of two folders may be alike
            measured[f"{sample.id} (input {place})" if is_known else sample.id] = numbers
    for finding in loss_findings(measured):
        _LOG.warning(finding.message)


def are_messages(prompt: Any) -> bool:
    """Whether this is a chat: a list of messages, each a dict with its content."""
    return (
        isinstance(prompt, list | tuple)
        and bool(prompt)
        and all(isinstance(message, Mapping) and "content" in message for message in prompt)
    )


def _as_samples(several: Sequence[Any], role: str) -> list[Sample] | None:
    """Make samples of texts, pairs, dicts or pictures; None if the inputs have to be read."""
    is_alone = len(several) == 1
    if role == "text" and all(map(_is_text, several)):
        if any(_names_a_file(text, is_alone) for text in several):
            return None
        return [Sample(f"text:{i}", {"text": text}) for i, text in enumerate(several, 1)]
    if role == "text" and all(isinstance(one, tuple) and len(one) == 2 for one in several):
        pairs = (dict(zip(("text", "text_pair"), one, strict=True)) for one in several)
        return [Sample(f"text:{i}", pair) for i, pair in enumerate(pairs, 1)]
    if role == "audio":
        _refuse_bare_waves(several)
        if all(map(_is_sound, several)):
            return [Sample(f"input:{i}", {"audio": one}) for i, one in enumerate(several, 1)]
    if all(isinstance(one, Mapping) for one in several):
        return [Sample(f"input:{i}", dict(one)) for i, one in enumerate(several, 1)]
    if role == "image" and all(_is_picture(one) for one in several):
        return [
            Sample(f"image:{i}", {"image": np.asarray(one)})
            for i, one in enumerate(_pictures(several), 1)
        ]
    return None


def _is_sound(value: Any) -> bool:
    """Whether this is a sound: the bytes of a file, or samples with their rate."""
    return isinstance(value, bytes) or (isinstance(value, Mapping) and "array" in value)


def _refuse_bare_waves(several: Sequence[Any]) -> None:
    """Raise DataError for samples of sound alone: arrays of numbers do not say their rate."""
    waves = [one for one in several if hasattr(one, "dtype") and _holds_numbers(one)]
    if waves:
        raise DataError(
            f"An array of the shape {tuple(waves[0].shape)} does not say how many samples a second "
            'has. Give {"array": samples, "sampling_rate": samples a second}, or the path of a '
            "file."
        )


def _holds_numbers(array: Any) -> bool:
    """Whether an array is of numbers, not of texts or objects; tensors always are."""
    return getattr(array.dtype, "kind", "f") in "buif"


def _read_all(
    inputs: Any, several: Sequence[Any], role: str, reading: dict[str, Any]
) -> list[Sample]:
    """The samples of files, folders and tables, be they among texts; or of a frame."""
    if role == "text" and all(map(_is_text, several)):
        is_alone = len(several) == 1
        parts = (_text_or_file(one, i, is_alone, reading) for i, one in enumerate(several, 1))
        return [sample for part in parts for sample in part]
    if all(isinstance(one, str | Path) for one in several):
        return [sample for one in several for sample in _read(Path(one), role, reading)]
    if reading.get("format") is not None:
        raise BadValue(f"format is for files, and the inputs are a {type(inputs).__name__}.")
    options = {name: value for name, value in reading.items() if name != "format"}
    return _samples(from_memory(inputs, read_options(**options, labels=False)))


def _refuse_reading(reading: Mapping[str, Any]) -> None:
    """Raise BadValue for options about files if there are none."""
    asked = [name for name, value in reading.items() if name != "kinds" and value is not None]
    if asked:
        raise BadValue(
            f"{', '.join(asked)} only count for files, folders and tables, and the inputs are "
            "none. Leave them out, or give the path of a file."
        )


def _check_medium(samples: Sequence[Sample], role: str) -> None:
    """Raise DataError for a sample of another medium: a picture in place of a sound."""
    words = {**{name: media.word for name, media in _MEDIA.items()}, "text": "text"}
    for sample in samples:
        held = next((word for name, word in words.items() if name in sample.roles), None)
        if held and words[role] != held and role not in sample.roles:
            column = f", or name the column of the {words[role]}s: --columns {role}=NAME"
            raise DataError(
                f"{sample.id} is a {held}, and this model reads {words[role]}s. Give "
                f"{words[role]}s{column if held == 'text' else ''}."
            )


def _check_texts(samples: Sequence[Sample]) -> None:
    """Raise DataError for values that are not texts; log the texts without a word."""
    held = [
        (f"{sample.id} ({role})", sample.roles[role])
        for sample in samples
        for role in _text_roles() & sample.roles.keys()
    ]
    wrong = [
        f"{place} is {value!r}"
        for place, value in held
        if not _is_text(value) and not are_messages(value)
    ]
    if wrong:
        raise DataError(
            f"{len(wrong):,} of {len(held):,} texts are none: "
            f"{listed(wrong, NAMED)}. Give a text as str."
        )
    texts = [(place, value) for place, value in held if _is_text(value)]
    check_whole(texts, "the inputs")
    if empty := [place for place, text in texts if not text.strip()]:
        _LOG.warning(
            f"{plural(len(empty), 'text')} without a word, of {len(texts):,}: "
            f"{listed(empty, NAMED)}."
        )


@cache
def _text_roles() -> frozenset[str]:
    """The roles that hold a text to predict from, in any kind of data."""
    kinds = map(kind_named, plugins.names("kind"))
    return frozenset(
        role for kind in kinds for inputs in kind.inputs for role in inputs if role in kind.texts
    ) | {"text"}


def _read(path: Path, role: str, reading: dict[str, Any]) -> list[Sample]:
    files.check_exists(path)
    media = _MEDIA.get(role)
    if path.is_file() and media and path.suffix.lower() not in endings() - media.suffixes:
        return [Sample(str(path), {role: path})]
    if path.is_file() and role == "text" and path.suffix.lower() == ".txt":
        return [Sample(str(path), {"text": read_text(path)[0]})]
    if path.is_dir() and media and reading.get("format") is None:
        return _samples(_read_files(path, role, media.format, reading))
    return _samples(read(path, **reading, labels=False))


def _read_files(folder: Path, role: str, format: str, reading: dict[str, Any]) -> Data:
    """The pictures or sounds of a folder: those that a table in it names, else all of them.

    A table or text that lies beside the files is not about them if it names none.
    """
    holds_files = plugins.load("format", format)().sniff(folder) > 0
    try:
        data = read(folder, **reading, labels=False)
    except DataError:
        if not holds_files:
            raise
    else:
        if not holds_files or all(role in s.roles for s in _all_samples(data)):
            return data
    return read(folder, **{**reading, "format": format}, labels=False)


def _all_samples(data: Data) -> list[Sample]:
    return [sample for split in data.splits.values() for sample in split]


def _samples(data: Data) -> list[Sample]:
    for note in data.notes:
        _LOG.warning(note)
    return _all_samples(data)


def _text_or_file(words: str, number: int, is_alone: bool, reading: dict[str, Any]) -> list[Sample]:
    if _names_a_file(words, is_alone):
        return _read(Path(words), "text", reading)
    return [Sample(f"text:{number}", {"text": words})]


def _names_a_file(words: str, is_alone: bool) -> bool:
    """Whether a text is the name of a file, even a mistyped one: a word that looks like one."""
    if not words or len(words) > 4095 or set(words) & {"\n", "\0"}:
        return False
    path, is_word = Path(words), len(words.split()) == 1
    named = path.parts[bool(path.anchor) :]
    is_in_folder = len(named) > 1 and Path(path.anchor, named[0]).is_dir()
    if is_word and (is_in_folder or words.startswith(("./", "../"))):
        return True
    if path.suffix.lower() in endings():
        return is_word or path.exists()
    return is_alone and path.exists()


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_picture(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "getbands")


def _pictures(several: Sequence[Any]) -> list[Any]:
    """Single pictures, out of arrays that may hold many: (N, H, W) and (N, H, W, C)."""
    pictures: list[Any] = []
    for one in several:
        array = np.asarray(one)
        many = array.ndim == 4 or (array.ndim == 3 and array.shape[-1] not in (1, 3, 4))
        pictures.extend(array if many else [array])
    return pictures
