"""Sounds, each with what is said in it, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graft.base.counts import plural
from graft.base.records import Sample
from graft.data.checks.finding import Finding
from graft.data.checks.texts import character_counts, text_findings
from graft.data.checks.transcripts import writing_findings
from graft.data.data import Data
from graft.data.kinds.kind import GROUP, Kind, make_splits, normalize_text
from graft.data.sounds.open import holds_sounds
from graft.data.sounds.wave_files import wave_bytes
from graft.data.tables.cells import are_texts, are_words, present
from graft.data.tables.columns import Columns, Fit, Match, sound_columns
from graft.data.tables.inputs import is_label_like, read_inputs
from graft.data.tables.rows import Rows
from graft.data.tables.sounds import AUDIO, PARTS, find_parts

TRANSCRIPT = ("transcript", "transcription", "transcripts", "transcriptions")
"""Names of columns that are transcripts beyond doubt."""
SAID = ("normalized_text", "normalized_transcript", *TRANSCRIPT)
"""Names of columns that hold nothing but what is said, the form that is read out first."""
TEXT = ("text", "sentence", "utterance", "words", "raw_transcription", "raw_text", "txt")
"""Names of columns of texts, which beside a sound are what is said if they read like speech."""


ID = ("id", "utterance_id", "utt_id", "segment_id")
"""Names of columns that name each sound."""


class Transcripts(Kind):
    """A sound (`audio`) and its `transcript`: what is said in it, a str, None if not known."""

    inputs: ClassVar = (frozenset({"audio"}),)
    target: ClassVar = "transcript"
    columns: ClassVar = {"audio": AUDIO, "transcript": (*SAID, *TEXT), **PARTS}
    groups: ClassVar = (*GROUP, "client_id", "spk", "spk_id", "reader")
    blanks: ClassVar = ({"transcript": ""}, {"transcript": " "})

    def match(self, columns: Columns) -> Match | None:
        """Match a column of sounds beside one of texts; for its task also one of sounds alone."""
        asked = columns.asked.get("transcript")
        transcript = asked or _find_named(columns) or _find_by_content(columns)
        roles = {"audio": _find_sounds(columns), "transcript": transcript}
        if not (asked or (columns.for_task and roles["audio"])) and not all(roles.values()):
            return None
        figures = columns.first((*SAID, *TEXT), are_texts) if roles["audio"] else []
        advice = f", or transcript={figures[0]} if its figures are what is said" if figures else ""
        needed = ["audio", "transcript"] if columns.needs_target else ["audio"]
        columns.require(roles, needed, advice)
        is_named = bool(columns.header and transcript)
        is_certain = asked or not transcript or transcript[0].strip().lower() in TRANSCRIPT
        notes = [] if is_certain else [_note(columns, *transcript)]
        parts, part_notes = find_parts(columns, roles["audio"])
        fit = Fit.TWO_COLUMNS if is_named else Fit.CONTENT
        roles |= {**parts, "id": columns.find_named(ID)[:1]}
        return Match(roles, fit, [*notes, *part_notes])

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        return [
            [
                {**value, "transcript": transcript}
                for value, transcript in zip(
                    read_inputs(rows), _read_transcripts(rows), strict=True
                )
            ]
            for rows in tables
        ]

    def describe_lack(self, data: Data) -> str | None:
        samples = [sample for part in data.splits.values() for sample in part]
        if not all("audio" in sample.roles for sample in samples):
            return None
        return (
            f"{plural(len(samples), 'sound')} have no transcript: nothing says what is said in "
            "them. Give a table with a column of sounds and one named transcript, or put a text "
            "beside each sound: 1.txt beside 1.wav."
        )

    def findings(self, data: Data) -> list[Finding]:
        return [
            character_counts(data, "sounds with transcripts", "transcript"),
            *text_findings(data, {"transcript": "Transcripts"}, has_word=_has_letter),
            *writing_findings(data),
        ]

    def difference(self, one: Sample, other: Sample) -> str | None:
        """Say how two transcripts of one sound differ, if not in case and blanks alone."""
        first, second = (sample.roles["transcript"] for sample in (one, other))
        if normalize_text(first) == normalize_text(second):
            return None
        return f"{one.id} is {first!r:.60} / {other.id} is {second!r:.60}"

    def tiny(self) -> dict[str, Data]:
        rng = np.random.default_rng(0)
        sayings = ("one two three", "Zwölf, „bitte“!", "it's five o'clock", "今 何時 です か")

        def spoken(split: str, i: int) -> dict[str, Any]:
            samples = rng.uniform(-0.5, 0.5, 4000 + 400 * i).astype(np.float32)
            return {"audio": wave_bytes(samples, 8000), "transcript": f"{sayings[i % 4]} {i}"}

        def grouped(split: str, i: int) -> dict[str, Any]:
            return {**spoken(split, i), "group": f"speaker {i % 3}"}

        return {
            "sounds": Data(make_splits(spoken, 4), kind=self.name),
            "unsplit": Data(make_splits(spoken, 9, ["all"]), kind=self.name),
            "speakers": Data(make_splits(grouped, 9, ["all"]), kind=self.name),
        }


def _has_letter(text: str) -> bool:
    """Whether there is a letter or a figure; signs alone are no word that is said."""
    return any(map(str.isalnum, text))


def _note(columns: Columns, name: str) -> str:
    """A note that a column was taken for the transcript, and the options that say otherwise."""
    classes = "" if columns.for_task else ", for classes of sounds: --columns label=NAME"
    other = f"for another: --columns transcript=NAME{classes}"
    return f"The column {name!r} is taken as the transcript; {other}."


def _find_sounds(columns: Columns) -> list[str]:
    """The column of sounds, by its name first: `file` beside `audio` may name what is not there."""
    return (
        columns.asked.get("audio")
        or columns.first(AUDIO, lambda values: holds_sounds(present(values)))
        or sound_columns(columns)[:1]
    )


def _find_named(columns: Columns) -> list[str]:
    """The column of transcripts by its name; for its task, a text need not read like speech.

    Then a column that holds nothing else may also have figures alone.
    """
    reads_like_it = are_words if columns.for_task else _are_sentences
    named = columns.first(SAID, are_texts if columns.for_task else are_words)
    return named or columns.first(TEXT, reads_like_it)


def _find_by_content(columns: Columns) -> list[str]:
    """The one column of sentences beside one of sounds where no header names them."""
    if columns.header or not columns.needs_target:
        return []
    sounds = sound_columns(columns)
    texts = [name for name in columns if name not in sounds and _are_sentences(columns[name])]
    return texts if len(texts) == 1 else []


def _are_sentences(values: Sequence[Any]) -> bool:
    """Whether these are texts of several words each, or hardly any of them comes back."""
    texts = [value for value in present(values) if isinstance(value, str)]
    several = sum(len(text.split()) > 1 for text in texts)
    return are_words(texts) and (2 * several > len(texts) or not is_label_like(texts))


def _read_transcripts(rows: Rows) -> list[str | None]:
    rows.require(["transcript"] if rows.needs_target else [])
    return rows.texts("transcript")
