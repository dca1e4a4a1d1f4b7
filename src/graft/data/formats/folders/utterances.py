"""Sounds and their transcripts from lists and files of several forms, made into samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, split_word, splits_of
from graft.data.listing import note_left_out, subfolders
from graft.data.sounds.open import UNREADABLE
from graft.data.sounds.part import SoundPart
from graft.data.tables.encodings import read_text
from graft.data.tables.objects import object_table
from graft.data.tables.rows import to_data


@dataclass(frozen=True)
class Utterance:
    """A sound and what is said in it, None if that is not known."""

    id: str
    audio: Path | SoundPart
    transcript: str | None
    speaker: str | None = None


def to_transcripts(
    path: Path, splits: Mapping[str, Sequence[Utterance]], options: ReadOptions
) -> Data:
    """The samples of utterances by split; those without a transcript are left out with a note.

    Where nothing is learned from them, these are samples too. Raises DataError if there are none.
    """
    silent = []
    tables = {}
    for split, utterances in splits.items():
        missing = [u.id for u in utterances if u.transcript is None]
        if options.labels and split != "unlabeled":
            silent += missing
            utterances = [u for u in utterances if u.transcript is not None]
        speakers = {u.speaker for u in utterances}
        rows = [
            {"id": u.id, "audio": u.audio, "transcript": u.transcript}
            | ({} if speakers == {None} else {"speaker": u.speaker})
            for u in utterances
        ]
        if rows:
            name = path.name if split == "all" else f"{path.name}/{split}"
            tables[split] = [object_table(name, rows, range(1, len(rows) + 1))]
    if not tables:
        some = f", but sounds without one: {listed(silent, 5)}" if silent else ""
        raise DataError(f"{path} holds no sound with a transcript{some}.")
    texts = [u.transcript for part in splits.values() for u in part if u.transcript is not None]
    if options.labels and not "".join(texts).strip():
        raise DataError(
            f"No transcript of {path} has a word: all of {len(texts):,} are empty. Write what is "
            "said in each sound."
        )
    data = to_data(tables, options, "transcripts")
    notes = note_left_out(silent, "they have no transcript")
    return replace(data, columns={}, notes=[*data.notes, *notes])


def note_unreadable(names: Sequence[str]) -> list[str]:
    """Note the sounds among these files whose codec is not read here."""
    endings = sorted({Path(name).suffix.lower() for name in names} & UNREADABLE)
    return [
        note
        for ending in endings
        for note in note_left_out(
            [name for name in names if name.lower().endswith(ending)],
            f"sounds ending in {ending} cannot be read here, convert them to FLAC or WAV",
        )
    ]


def split_folders(path: Path, is_one: Callable[[Path], bool]) -> dict[str, list[Path]]:
    """Split -> the folders that hold it: `train-clean-100` and `train-other-500` are both training.

    `{"all": [path]}` if the path itself is such a folder. Raises DataError if `dev` and `valid`
    are both there.
    """
    if is_one(path):
        return {"all": [path]}
    words = {folder: split_word(folder.name)[0] for folder in subfolders(path) if is_one(folder)}
    meaning = splits_of({word for word in words.values() if word})
    splits: dict[str, list[Path]] = {}
    for folder, word in words.items():
        if word:
            splits.setdefault(meaning[word], []).append(folder)
    return splits


def note_outside(
    path: Path, lists: Iterable[Path], splits: Mapping[str, Sequence[Path]]
) -> list[str]:
    """Note the lists below `path` that were not read, since they are in no folder of a split."""
    folders = [folder for part in splits.values() for folder in part]
    outside = [file for file in lists if not any(map(file.is_relative_to, folders))]
    names = [file.relative_to(path).as_posix() for file in outside]
    return note_left_out(names, "they are in no split folder")


def read_list(file: Path) -> dict[str, str]:
    """The first word of each line -> the rest of it. Raises DataError if a word comes twice."""
    # str.splitlines would cut at U+2028 inside a text.
    lines = [line.split(None, 1) for line in read_text(file)[0].split("\n") if line.strip()]
    check_unique((line[0] for line in lines), file)
    return {line[0]: line[1].strip() if len(line) > 1 else "" for line in lines}


def check_unique(names: Iterable[str], where: Path | str) -> None:
    """Raise DataError if a name comes twice."""
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"{where} has several lines of one name: {listed(twice, 5)}. Keep one of each."
        )
