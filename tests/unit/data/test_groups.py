from __future__ import annotations

from graft.base.records import Sample
from graft.data.groups import groups


def question(i: int, context: str, **more: str) -> Sample:
    return Sample(
        f"q:{i}", {"question": f"Why {i}?", "context": context, "answers": ["so"], **more}
    )


def test_questions_of_one_text_are_a_group_named_by_its_first():
    samples = [question(1, "a"), question(2, "b"), question(3, "a")]
    assert groups(samples, "answers") == ["q:1", "q:2", "q:1"]


def test_what_shares_different_things_is_joined_through_others():
    samples = [
        question(1, "a", group="x"),
        question(2, "b", group="x"),
        question(3, "b"),
        question(4, "c"),
    ]
    assert groups(samples, "answers") == ["q:1", "q:1", "q:1", "q:4"]


def test_samples_that_share_nothing_are_groups_of_their_own():
    assert groups(
        [Sample(f"{i}.jpg", {"image": b"same", "label": "a"}) for i in range(3)], "labels"
    ) == [
        "0.jpg",
        "1.jpg",
        "2.jpg",
    ]
    assert groups([], "labels") == []


def test_a_group_has_the_name_that_the_data_give_it():
    samples = [
        Sample(f"{i}.wav", {"audio": b"", "label": "a", "group": name})
        for i, name in enumerate(["Ada", "Ben", "Ada"])
    ]
    assert groups(samples, "labels") == ["Ada", "Ben", "Ada"]


def test_a_group_that_is_called_like_a_sample_is_not_joined_with_it():
    samples = [
        Sample("0.wav", {"audio": b"", "label": "a"}),
        Sample("1.wav", {"audio": b"", "label": "a", "group": "0.wav"}),
        Sample("2.wav", {"audio": b"", "label": "a", "group": "0.wav"}),
    ]
    assert groups(samples, "labels") == ["0.wav", "1.wav", "1.wav"]
