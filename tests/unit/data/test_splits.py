from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from graft.base.errors import BadValue, DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.data.splits import make_splits


def samples(counts: dict[str, int], start: str = "s") -> list[Sample]:
    return [
        Sample(f"{start}{c}{i}", {"text": f"{start} {c} {i}", "label": c})
        for c, n in counts.items()
        for i in range(n)
    ]


def counts(data: Data) -> dict[str, dict[str, int]]:
    return {
        split: dict(sorted(Counter(s.roles["label"] for s in part).items()))
        for split, part in data.splits.items()
    }


def ids(data: Data) -> dict[str, list[str]]:
    return {split: [s.id for s in part] for split, part in data.splits.items()}


def test_cuts_in_proportion() -> None:
    data = make_splits(Data({"all": samples({"a": 100, "b": 50, "c": 10})}))
    assert counts(data) == {
        "train": {"a": 68, "b": 34, "c": 7},
        "val": {"a": 12, "b": 6, "c": 1},
        "test": {"a": 20, "b": 10, "c": 2},
    }
    assert sorted(i for part in ids(data).values() for i in part) == sorted(
        s.id for s in samples({"a": 100, "b": 50, "c": 10})
    )
    assert (
        "32 samples (20% of all samples) were cut" in data.notes[0]
        and "19 samples (15% of the training" in data.notes[1]
    )


def test_many_small_classes_still_add_up_to_the_share() -> None:
    data = make_splits(Data({"all": samples({f"c{i}": 8 for i in range(50)})}))
    assert len(data.splits["test"]) == 80 and set(counts(data)["test"].values()) == {1, 2}


def test_depends_on_the_seed_and_not_on_the_order() -> None:
    whole = samples({"a": 40, "b": 30})
    shuffled = [whole[i] for i in np.random.default_rng(5).permutation(len(whole))]
    first, again, other = (
        make_splits(Data({"all": part}), seed=seed)
        for part, seed in ((whole, 3), (shuffled, 3), (whole, 4))
    )
    assert ids(first) == ids(again) != ids(other)
    assert counts(first) == counts(other)


@pytest.mark.parametrize("name", ["val", "test"])
def test_one_held_out_split_is_the_test_split(name: str) -> None:
    data = make_splits(
        Data({"train": samples({"a": 20, "b": 20}), name: samples({"a": 5, "b": 5}, "h")})
    )
    assert counts(data) == {
        "train": {"a": 17, "b": 17},
        "val": {"a": 3, "b": 3},
        "test": {"a": 5, "b": 5},
    }
    assert all(s.id.startswith("h") for s in data.splits["test"])
    assert ("The one held-out split, 'val', is the test split." in data.notes) == (name == "val")


def test_given_splits_are_kept() -> None:
    given = {
        "train": samples({"a": 9, "b": 1}),
        "val": samples({"a": 2}, "v"),
        "test": samples({"b": 2}, "t"),
        "unlabeled": [],
    }
    data = make_splits(Data(given))
    assert data.splits == {k: v for k, v in given.items() if v} and data.notes == []


def test_train_alone_is_cut_like_anything() -> None:
    assert set(make_splits(Data({"train": samples({"a": 20, "b": 20})})).splits) == {
        "train",
        "val",
        "test",
    }
    assert set(make_splits(Data({"all": samples({"a": 20, "b": 20})}), val=0).splits) == {
        "train",
        "test",
    }


def test_unlabeled_stays() -> None:
    bare = [Sample("u1", {"text": "u", "label": None})]
    assert (
        make_splits(Data({"train": samples({"a": 20, "b": 20}), "unlabeled": bare})).splits[
            "unlabeled"
        ]
        == bare
    )


def test_small_classes_keep_one_in_train() -> None:
    data = make_splits(
        Data({"all": samples({"many": 40, "four": 4, "three": 3, "two": 2, "one": 1})})
    )
    assert counts(data)["train"] | {"many": 0} == {
        "many": 0,
        "four": 2,
        "three": 2,
        "two": 1,
        "one": 1,
    }
    assert (
        counts(data)["test"]["three"]
        == counts(data)["test"]["two"]
        == counts(data)["val"]["four"]
        == 1
    )
    assert "all left in train: one." in data.notes[0] + data.notes[1]


def test_equal_samples_stay_together() -> None:
    texts = [f"text {i % 40}" for i in range(120)] + [f" TEXT  {i} " for i in range(20)]
    whole = [
        Sample(f"s{i}", {"text": text, "label": "ab"[int(text.split()[1]) % 2]})
        for i, text in enumerate(texts)
    ]
    for seed in range(5):
        data = make_splits(Data({"all": whole}), seed=seed)
        keys = {
            split: {kind_named("labels").key(s) for s in part}
            for split, part in data.splits.items()
        }
        assert not any(keys[a] & keys[b] for a, b in combinations(keys, 2))
        assert 20 <= len(data.splits["test"]) <= 36
        assert any("kept in one split" in note for note in data.notes)


def test_a_class_of_copies_stays_whole() -> None:
    copies = [Sample(f"x{i}", {"text": "the same", "label": "copies"}) for i in range(6)]
    data = make_splits(Data({"all": [*samples({"a": 30, "b": 30}), *copies]}))
    assert counts(data)["train"]["copies"] == 6


def test_a_class_of_large_groups_of_copies_is_in_every_split() -> None:
    copies = [
        Sample(f"x{i}", {"text": f"one of four texts: {i // 5}", "label": "copied"})
        for i in range(20)
    ]
    assert counts(make_splits(Data({"all": [*samples({"a": 30}), *copies]})))["test"]["copied"] == 5


def test_several_labels_are_stratified_by_the_rarest() -> None:
    whole = [
        Sample(
            f"s{i}", {"text": f"t {i}", "label": ("common", "rare") if i % 10 == 0 else ("common",)}
        )
        for i in range(100)
    ]
    whole.append(Sample("none", {"text": "no label applies", "label": ()}))
    data = make_splits(Data({"all": whole}))
    rare = {
        split: sum("rare" in s.roles["label"] for s in part) for split, part in data.splits.items()
    }
    assert rare == {"train": 7, "val": 1, "test": 2}


def test_many_sets_of_labels_do_not_make_the_cut_larger() -> None:
    labels = [f"l{i}" for i in range(20)]
    sets = [(labels[i % 20], labels[(i + 1) % 20]) for i in range(40)] + [("l0",)] * 60
    whole = [Sample(f"s{i}", {"text": f"t {i}", "label": s}) for i, s in enumerate(sets)]
    data = make_splits(Data({"all": whole}))
    # 20 of 100, and at most 15 % of the 80 that are left: sets of two stay in training.
    assert len(data.splits["test"]) == 20 and len(data.splits["val"]) <= 12


def test_few_samples_with_several_labels_are_cut_by_their_share() -> None:
    names = ("joy", "anger", "fear", "love", "calm")
    sets = [(names[i % 5],) if i % 6 else () for i in range(24)]
    whole = [Sample(f"s{i}", {"text": f"t {i}", "label": s}) for i, s in enumerate(sets)]
    data = make_splits(Data({"all": whole}))
    assert len(data.splits["test"]) == 5 and len(data.splits["val"]) <= 3  # 20 % of 24, 15 % of 19


def test_sets_of_labels_with_too_few_samples_are_named_by_their_rarest_label() -> None:
    sets = [("happy",)] * 30 + [("happy", "sad"), ()]
    whole = [Sample(f"s{i}", {"text": f"t {i}", "label": s}) for i, s in enumerate(sets)]
    assert (
        "Samples whose rarest label is sad or without a label: too few samples for one in test, "
        "all left in train." in make_splits(Data({"all": whole})).notes
    )


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({"test": {"a": 2, "b": 2}}, "no training split, only test"),
        ({"val": {"a": 2, "b": 2}, "test": {"a": 2}}, "no training split, only val, test"),
        ({"train": {"a": 9}}, "only one class, 'a'"),
        ({"all": {"a": 1, "b": 1}}, "No test split can be cut from 2 samples of 2 classes"),
    ],
)
def test_what_cannot_be_split(splits: dict[str, dict[str, int]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        make_splits(Data({name: samples(c, name) for name, c in splits.items()}))


def test_missing_labels_are_named() -> None:
    with pytest.raises(DataError, match="1 sample outside the split unlabeled has no label: u1"):
        make_splits(
            Data({"all": [*samples({"a": 9, "b": 9}), Sample("u1", {"text": "u", "label": None})]})
        )


@pytest.mark.parametrize("shares", [{"val": 1.0}, {"test": -0.1}])
def test_shares_out_of_range(shares: dict[str, float]) -> None:
    with pytest.raises(BadValue, match="at least 0 and less than 1"):
        make_splits(Data({"all": samples({"a": 9, "b": 9})}), **shares)


def sentences(count: int, groups: int | None, start: str = "s") -> list[Sample]:
    told = [
        {} if groups is None else {"group": f"{start} document {i % groups}"} for i in range(count)
    ]
    tokens = [(f"{start}{i}", *["one", "two", "three", "four"]) for i in range(count)]
    return [
        Sample(f"{start}{i}", {"tokens": tokens[i], "tags": ("B-X", *"OOOO"), **told[i]})
        for i in range(count)
    ]


def questions(count: int, contexts: int) -> list[Sample]:
    return [
        Sample(
            f"q{i}",
            {
                "question": f"what is {i}?",
                "context": f"context {i % contexts}",
                "answers": (("context", 0),),
            },
        )
        for i in range(count)
    ]


def test_what_has_no_labels_is_cut_at_random_and_alike_again() -> None:
    whole = sentences(100, None)
    first, again, other = (
        make_splits(Data({"all": part}), seed=s)
        for part, s in ((whole, 1), (whole[::-1], 1), (whole, 2))
    )
    assert ids(first) == ids(again) != ids(other)
    assert {split: len(part) for split, part in first.splits.items()} == {
        "train": 68,
        "val": 12,
        "test": 20,
    }
    assert (
        first.notes[0]
        == "No test split was given: 20 samples (20% of all samples) were cut for it at random."
    )


def test_groups_and_contexts_stay_in_one_split() -> None:
    for role, whole in (("group", sentences(200, 25)), ("context", questions(200, 40))):
        data = make_splits(Data({"all": whole}))
        found = {split: {s.roles[role] for s in part} for split, part in data.splits.items()}
        assert not any(found[a] & found[b] for a, b in combinations(found, 2))
        assert 30 <= len(data.splits["test"]) <= 40
        assert any(
            f"same {role} were kept in one split ({25 if role == 'group' else 40} {role}s)" in note
            for note in data.notes
        )


def test_short_sentences_that_come_back_do_not_join_documents() -> None:
    datelines = [
        Sample(
            f"d{i}",
            {"tokens": ("LONDON", "1996"), "tags": ("B-LOC", "O"), "group": f"s document {i}"},
        )
        for i in range(20)
    ]
    data = make_splits(Data({"all": [*sentences(80, 20), *datelines]}))
    assert len(data.splits["test"]) == 20 and not any(
        "several splits" in note for note in data.notes
    )


def test_one_document_is_cut_all_the_same() -> None:
    data = make_splits(Data({"all": sentences(50, 1)}))
    assert len(data.splits["test"]) == 10 and any(
        "too few or too large to stay whole" in note for note in data.notes
    )


def test_columns_are_advised_for_tables_alone() -> None:
    one_class = Data(
        {"all": [Sample(str(i), {"text": f"text {i}", "label": "a"}) for i in range(9)]}
    )
    for columns, is_advised in (({}, False), ({"label": ["label"]}, True)):
        with pytest.raises(
            DataError, match="cannot be learned from: there is only one class, 'a'"
        ) as refused:
            make_splits(replace(one_class, columns=columns))
        assert ("--columns" in str(refused.value)) == is_advised


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (
            [Sample(f"{i}", {"tokens": (str(i),), "tags": ("O",)}) for i in range(9)],
            "every tag is O",
        ),
        (
            [Sample(f"{i}", {"question": str(i), "context": "c", "answers": ()}) for i in range(9)],
            "no question has an answer",
        ),
        (
            [*sentences(9, None), Sample("bare", {"tokens": ("a",), "tags": None})],
            "has no tags: bare",
        ),
        (
            sentences(1, None),
            "No test split can be cut from 1 sample: there are not 2 different ones",
        ),
    ],
)
def test_what_cannot_be_learned_from(samples: list[Sample], said: str) -> None:
    with pytest.raises(DataError, match=said):
        make_splits(Data({"all": samples}))


def test_groups_that_are_each_a_class_cannot_stay_whole() -> None:
    samples = [
        Sample(f"{i}", {"text": f"text {i}", "label": "ab"[i % 2], "group": f"site {i % 2}"})
        for i in range(40)
    ]
    data = make_splits(Data({"all": samples}))
    assert {s.roles["label"] for s in data.splits["test"]} == {"a", "b"}
    assert any("the groups are too few or too large to stay whole" in note for note in data.notes)


def test_a_class_that_comes_with_a_group_is_not_said_to_be_missing() -> None:
    """Each speaker says all three words; only those by which groups are stratified are few."""
    words = [
        Sample(f"{speaker}{word}", {"text": f"{speaker} {word}", "label": word, "group": speaker})
        for speaker in "abcdefghij"
        for word in ("no", "yes", "maybe")[speaker == "j" :]
    ]
    data = make_splits(Data({"all": words}))
    assert set(counts(data)["test"]) == set(counts(data)["val"]) == {"no", "yes", "maybe"}
    assert not any("too few" in note for note in data.notes)


def test_a_class_that_no_cut_group_has_is_named() -> None:
    """The rare word is never the first of its group, so that it has no stratum of its own."""
    words = [
        Sample(f"{speaker}{word}", {"text": f"{speaker} {word}", "label": word, "group": speaker})
        for speaker in "abcdefghij"
        for word in ("0 no", "1 yes", "2 rare")[: 3 if speaker == "a" else 2]
    ]
    named = "too few samples for one in test, all left in train: 2 rare"
    for seed in range(10):
        data = make_splits(Data({"all": words}), seed=seed)
        assert ("2 rare" in counts(data)["test"]) != any(named in note for note in data.notes)


def test_samples_of_no_known_kind_are_not_taken_for_equal() -> None:
    sounds = [Sample(f"s{i}", {"sound": i, "label": "ab"[i % 2]}) for i in range(20)]
    with pytest.raises(DataError, match="No kind of data has the roles label, sound"):
        make_splits(Data({"all": sounds}))
