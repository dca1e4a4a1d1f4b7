"""What is said of tagged tokens and of questions."""

from __future__ import annotations

from typing import Any

import pytest

from graft.base.records import Sample
from graft.base.tags import marks_entities, spans
from graft.data.checks.inspect import Finding, Split, inspect, summarize
from graft.data.data import Data


def tagged(name: str, words: str, tags: str | None, **more: Any) -> Sample:
    return Sample(
        name,
        {
            "tokens": tuple(words.split()),
            "tags": None if tags is None else tuple(tags.split()),
            **more,
        },
    )


def asked(name: str, question: str, context: str, *answers: tuple[str, int], **more: Any) -> Sample:
    return Sample(name, {"question": question, "context": context, "answers": answers, **more})


def of(data: Data, kind: str) -> list[Finding]:
    return [f for f in inspect(data) if f.code == kind]


@pytest.mark.parametrize(
    ("tags", "types"),
    [
        ("I-A I-A O I-A B-A I-B", "A A A B"),
        ("B-A I-A B-A O I-B", "A A B"),
        ("S-A B-A I-A E-A I-A S-B", "A A A B"),
        ("U-A B-A L-A O", "A A"),
        ("O O", ""),
    ],
)
def test_entities_of_every_scheme(tags: str, types: str) -> None:
    assert [kind for kind, _, _ in spans(tags.split(), "bioes")] == types.split()


def test_plain_tags_are_no_entities() -> None:
    assert (
        marks_entities(["O", "B-A", "I-A"])
        and not marks_entities(["NN", "B-A"])
        and not marks_entities(["O", "O"])
    )


def test_tokens() -> None:
    train = [
        tagged("1", "Ada met Bob in York .", "B-PER O B-PER O B-LOC O"),
        tagged("2", "no one", "O O"),
    ]
    data = Data(
        {
            "train": train,
            "test": [tagged("3", "Bob said so", "B-PER O O")],
            "unlabeled": [tagged("4", "x", None)],
        }
    )
    assert of(data, "counts")[0].message == (
        "4 samples with 2 types of entities: "
        "train 2 (8 tokens), test 1 (3 tokens), unlabeled 1 (1 tokens)."
    )
    assert [f.message for f in of(data, "classes")] == ["train: PER 2, LOC 1.", "test: PER 1."]
    assert "1 entity type with one entity in training: LOC" in of(data, "single-example")[0].message
    assert "1 entity type without an entity in test: LOC" in of(data, "missing-class")[0].message
    assert "Samples: 1 to 6 tokens, median 2.5" in of(data, "lengths")[0].message
    assert summarize(data, None, []).splits["train"] == Split(2, {"LOC": 1, "PER": 2})


def test_copies_of_sentences_and_their_tags() -> None:
    words = "Ada met Bob in York today"
    train = [
        tagged("1", words, "B-PER O B-PER O B-LOC O"),
        tagged("2", words, "B-PER O B-PER O B-ORG O"),
        tagged("3", "York", "O"),
    ]
    test = [
        tagged("4", words, "B-PER O B-PER O B-LOC O"),
        tagged("5", "York", "O"),
        tagged("6", words.upper(), "O O O O O O"),
    ]
    data = Data({"train": train, "test": test})
    assert of(data, "duplicates")[0].samples == ("2",) and of(data, "leak")[0].samples == ("1", "4")
    assert (
        "different tags, in 1 case: 1 is 'B-LOC' at 'York' / 2 is 'B-ORG'."
        in of(data, "conflicting-labels")[0].message
    )


def test_groups_on_both_sides() -> None:
    train = [tagged(f"t{i}", f"sentence {i}", "O B-X", group="a") for i in range(3)]
    data = Data({"train": train, "test": [tagged("e", "another one", "O B-X", group="a")]})
    found = of(data, "shared-group")[0]
    assert found.severity == "warning" and set(found.samples) == {"t0", "t1", "t2", "e"}
    assert "1 group of test is in train too, with 1 sample there: 'a'." in found.message


def test_questions() -> None:
    context = "Ada was born in London and died in London ."
    train = [
        asked("1", "Where was Ada born?", context, ("London", 16), ("in London", 13)),
        asked("2", "where was  Ada born?", context),
        asked("3", "Who was she?", context, ("Ada", 0)),
    ]
    data = Data(
        {
            "train": train,
            "test": [asked("4", "When?", context), asked("5", "Where was Ada born?", context)],
        }
    )
    assert of(data, "counts")[0].message == "5 questions: train 3, test 2."
    assert (
        of(data, "answers")[0].message
        == "train: 3 questions on 1 context; 1 (33%) without an answer, 1 with several."
    )
    assert [f.message.partition(":")[0] for f in of(data, "lengths")] == ["Questions", "Contexts"]
    assert of(data, "duplicates")[0].samples == ("2",) and of(data, "leak")[0].samples == ("1", "5")
    assert (
        "1 context of test is in train too, with 2 samples there"
        in of(data, "shared-context")[0].message
    )
    assert (
        "1 is 'London | in London' / 2 is 'no answer'" in of(data, "conflicting-labels")[0].message
    )
    assert not of(data, "near-leak") and data.classes == []


def test_contexts_that_are_nearly_the_same() -> None:
    context = "the first sentence of some report about the match on sunday in the northern town"
    data = Data(
        {
            "train": [asked("1", "Where?", context)],
            "test": [asked("2", "When?", f"{context} again")],
        }
    )
    assert of(data, "near-leak")[0].samples == ("1", "2")


def test_empty_ones_are_said() -> None:
    data = Data({"all": [tagged("1", "", ""), tagged("2", "a b", "O B-X")]})
    assert of(data, "empty")[0].samples == ("1",)
