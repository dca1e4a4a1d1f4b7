"""Normalizations of transcripts: what is left of a text before errors are counted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Literal

Normalization = Literal["none", "basic", "whisper-english"]
WORDS: dict[Normalization, str] = {
    "none": "as they are but for blanks",
    "basic": "without case and punctuation",
    "whisper-english": "by Whisper's rules for English, without its table of British spellings",
}
"""How transcripts are compared, in words."""
_APOSTROPHES = str.maketrans("’‘ʼ＇`", "'''''")
_LONE_APOSTROPHE = re.compile(r"(?<!\w)'|'(?!\w)")


def normalize(text: str, normalization: Normalization) -> str:
    """Return what is compared of a transcript, its words one blank apart."""
    return " ".join(_RULES[normalization](text).split())


def _basic(text: str) -> str:
    """Lower case without signs, but for apostrophes within words, by which words differ.

    Marks stay, which are vowels in many scripts: Whisper's own rule removes them
    (arXiv:2409.02449).
    """
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    text = _LONE_APOSTROPHE.sub(" ", text)
    return "".join(" " if _is_sign(letter) else letter for letter in text)


def _is_sign(letter: str) -> bool:
    return letter != "'" and unicodedata.category(letter)[0] in "PS"


def _whisper_english(text: str) -> str:
    return _english_rules()(text)


@cache
def _english_rules() -> Callable[[str], str]:
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return EnglishTextNormalizer({})


_RULES: dict[Normalization, Callable[[str], str]] = {
    "none": str,
    "basic": _basic,
    "whisper-english": _whisper_english,
}
