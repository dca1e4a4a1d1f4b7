"""Errors of transcripts, in words or in characters."""

from __future__ import annotations

import numpy as np
import pytest

from graft.tasks.speech import units
from graft.tasks.speech.units import CHARACTER, WORD
from graft.tasks.task import objects


def test_rates_are_listed_by_the_length_of_transcripts() -> None:
    true = objects(["do", "do mi so " * 3, "do " * 50])
    table = WORD.table(objects(["do", "do mi so " * 2, "mi " * 50]), true)
    assert {name: row["wer"] for name, row in table.rows.items()} == {
        "up to 5 words": 0.0,
        "6 to 10 words": pytest.approx(1 / 3),
        "over 40 words": 1.0,
    }
    assert table.rank == "wer"
    by_character = CHARACTER.table(objects(["今天"]), objects(["今天好"]))
    assert by_character.rows["up to 10 characters"]["cer"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("unit", "nearest"), [(WORD, "yes no"), (CHARACTER, "yes no")])
def test_the_constant_is_nearest_to_all(unit: units.Unit, nearest: str) -> None:
    assert unit.choose_constant(["yes no", "yes no", "no no", "a much longer thing"]) == nearest


def test_the_constant_of_many_transcripts_is_chosen_by_a_part_of_them(monkeypatch) -> None:
    texts = ["a a a", "b b b", "a a a", "b b b", "c c c", "b b b"]
    assert WORD.choose_constant(texts) == "b b b"
    # The candidates have nine words, so each is compared with three transcripts: every other one.
    monkeypatch.setattr(units, "ROWS", 27)
    assert WORD.choose_constant(texts) == "a a a"


def test_wrong_characters_are_shown_together() -> None:
    assert CHARACTER.align("今天天气", "今日日气") == (("今", "今"), ("天天", "日日"), ("气", "气"))
    assert WORD.align("do mi", "do so") == (("do", "do"), ("mi", "so"))


def test_an_empty_transcript_has_its_added_words_as_errors() -> None:
    assert WORD.error_rate("", "do mi") == 2
    assert np.isclose(CHARACTER.error_rate("ab", "b"), 0.5)
