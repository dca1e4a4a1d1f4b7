from __future__ import annotations

import numpy as np
import pytest
from torchmetrics.functional.text import squad

from graft.metrics.answers import answer_f1, exact_match, normalize_text

CASES = [
    # prediction, accepted answers, exact match, F1
    ("Paris", ["Paris"], 1, 1),
    ("paris", ["PARIS"], 1, 1),
    ("Paris.", ["Paris"], 1, 1),
    ("the Eiffel Tower", ["Eiffel Tower"], 1, 1),
    ("The Eiffel Tower", ["an Eiffel Tower"], 1, 1),
    ("a an the cat", ["cat"], 1, 1),
    ("theatre", ["atre"], 0, 0),
    ("another", ["other"], 0, 0),
    ("  two   words ", ["two words"], 1, 1),
    ("two\nwords\t", ["two words"], 1, 1),
    ("two words", ["twowords"], 0, 0),
    ("U.S.A.", ["USA"], 1, 1),
    ("$5.50", ["550"], 1, 1),
    ("well-known", ["well known"], 0, 0),
    ("well-known", ["wellknown"], 1, 1),
    ("it's", ["its"], 1, 1),
    ("rock 'n' roll", ["rock n roll"], 1, 1),
    ("a-b", ["ab"], 1, 1),
    ("red, green and blue", ["red green blue"], 0, 6 / 7),
    ("red", ["red green blue"], 0, 0.5),
    ("red green blue", ["red"], 0, 0.5),
    ("red red red", ["red"], 0, 0.5),
    ("red red", ["red red blue"], 0, 0.8),
    ("blue red", ["red blue"], 0, 1),
    ("yellow", ["red"], 0, 0),
    ("in 1999", ["1999"], 0, 2 / 3),
    ("1,999", ["1999"], 1, 1),
    ("1999", ["the year 1999", "1999"], 1, 1),
    ("year 1999", ["1999", "in the year 1999"], 0, 0.8),
    ("green", ["red", "blue", "Green!"], 1, 1),
    ("old green", ["red", "green", "very old"], 0, 2 / 3),
    ("café", ["Café"], 1, 1),
    ("cafe", ["café"], 0, 0),
    ("ΑΘΗΝΑ", ["αθηνα"], 1, 1),
    ("“Hamlet”", ["Hamlet"], 0, 0),  # quotation marks beyond ASCII count
    ("10–12", ["1012"], 0, 0),
    ("東京 タワー", ["東京 タワー"], 1, 1),
    ("東京\u3000タワー", ["東京 タワー"], 1, 1),
    ("l'été", ["lété"], 1, 1),
    ("", ["Paris"], 0, 0),
]
NO_ANSWER = [
    ("", [], 1, 1),
    ("Paris", [], 0, 0),
    ("the", [], 1, 1),  # nothing is left of it, as of the missing answer
    ("...", [], 1, 1),
    ("Paris", ["the", "Paris"], 1, 1),
    (
        "",
        ["the", "Paris"],
        0,
        0,
    ),  # an accepted answer without words is left out where another has some
    ("", ["the"], 1, 1),
    ("Paris", ["the", "..."], 0, 0),
]


def measured(prediction: str, accepted: list[str]) -> tuple[float, float]:
    scores, targets = np.empty(1, object), np.empty(1, object)
    scores[0], targets[0] = prediction, tuple(accepted)
    return exact_match(scores, targets), answer_f1(scores, targets)


@pytest.mark.parametrize(("prediction", "accepted", "exact", "f1"), [*CASES, *NO_ANSWER])
def test_by_hand(prediction, accepted, exact, f1):
    assert measured(prediction, accepted) == pytest.approx((exact, f1))


@pytest.mark.parametrize(("prediction", "accepted"), [case[:2] for case in CASES])
def test_equal_to_the_official_script_as_torchmetrics_has_it(prediction, accepted):
    told = [{"prediction_text": prediction, "id": "1"}]
    found = squad(
        told, [{"answers": {"answer_start": [0] * len(accepted), "text": accepted}, "id": "1"}]
    )
    exact, f1 = measured(prediction, accepted)
    assert (100 * exact, 100 * f1) == pytest.approx(
        (float(found["exact_match"]), float(found["f1"])), abs=1e-4
    )


def test_the_mean_is_over_questions():
    scores, targets = np.empty(4, object), np.empty(4, object)
    scores[:] = ["Paris", "red", "", "x"]
    targets[:] = [("Paris",), ("red green blue",), (), ("y", "z")]
    assert exact_match(scores, targets) == 0.5
    assert answer_f1(scores, targets) == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    assert np.isnan(exact_match(scores[:0], targets[:0]))


def test_articles_are_words_of_their_own():
    assert normalize_text("The theatre, an  answer to A. B.") == "theatre answer to b"
