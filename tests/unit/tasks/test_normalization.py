from __future__ import annotations

import pytest

from graft.tasks.speech.normalization import normalize


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("  Mister QUILTER is,\tthe apostle. ", "mister quilter is the apostle"),
        ("It’s five o'clock", "it's five o'clock"),
        ("the dogs' 'quoted' words", "the dogs quoted words"),
        ("well-known: a/b & 50 %", "well known a b 50"),
        ("¿Qué? Zwölf, „bitte“!", "qué zwölf bitte"),
        ("ﬁne", "fine"),
        ("नमस्ते दुनिया।", "नमस्ते दुनिया"),
        ("...", ""),
    ],
)
def test_basic_ignores_case_and_signs_and_nothing_else(text, left):
    assert normalize(text, "basic") == left


def test_none_ignores_blanks_alone():
    assert normalize(" It’s\n 5,  o'clock! ", "none") == "It’s 5, o'clock!"


def test_whisper_english_writes_numbers_and_contractions_one_way():
    assert normalize("Mr. Smith's twenty-one (hm) dogs don't", "whisper-english") == normalize(
        "mister smith is 21 dogs do not", "whisper-english"
    )
