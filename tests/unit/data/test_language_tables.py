"""Tables of tagged tokens, of texts with spans, and of questions with answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.formats.format import ReadOptions
from graft.data.load import read
from graft.data.memory import from_memory

CONTEXT = "Ada was born in London. She died\u2028in London, too."
QUESTION = {"question": "Where was Ada born?", "context": CONTEXT}


def write(folder: Path, *rows: dict[str, Any], name: str = "t.jsonl") -> Path:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def first(path: Path, **options: Any) -> Sample:
    return next(iter(read(path, **options).splits.values()))[0]


@pytest.mark.parametrize("names", [("tokens", "tags"), ("words", "ner_tags"), ("tokens", "labels")])
def test_tokens_and_tags(tmp_path: Path, names: tuple[str, str]) -> None:
    file = write(tmp_path, dict(zip(names, (["Ada", "ran\u2028"], ["I-PER", "O"]), strict=True)))
    data = read(file)
    assert data.roles == {"tokens", "tags"} and data.classes == ["PER"]
    assert data.splits["all"] == [
        Sample("t.jsonl:1", {"tokens": ("Ada", "ran\u2028"), "tags": ("I-PER", "O")})
    ]


def test_misaligned_tags_are_named(tmp_path: Path) -> None:
    good, bad = {"tokens": ["a", "b"], "tags": ["O", "O"]}, {"tokens": ["a", "b"], "tags": ["O"]}
    with pytest.raises(
        DataError,
        match=r"2 of 3 rows of t\.jsonl.*tags than of tokens: "
        r"t\.jsonl:2 \(2 tokens, 1 tags\), t\.js",
    ):
        read(write(tmp_path, good, bad, bad))
    with pytest.raises(
        DataError, match=r"1 of 2 rows.*has no tags in the column 'tags': t\.jsonl:2"
    ):
        read(write(tmp_path, good, {"tokens": ["a"]}))
    with pytest.raises(
        DataError, match=r"Cannot tell which column of .* is the tags.*'words'.*--columns tags=NAME"
    ):
        read(write(tmp_path, {"words": ["a"]}), columns={"tokens": "words"})


def test_tags_without_tokens_stay_several_labels(tmp_path: Path) -> None:
    sample = first(write(tmp_path, {"text": "a", "tags": ["x", "y"]}, {"text": "b", "tags": ["x"]}))
    assert sample.roles == {"text": "a", "label": ("x", "y")}


def test_a_label_beside_tokens_stays_a_label(tmp_path: Path) -> None:
    rows = [
        {"text": t, "tokens": t.split(), "tags": ["O", "O"], "label": "ab"[i % 2]}
        for i, t in enumerate(("one two", "a b"))
    ]
    file = write(tmp_path, *rows)
    assert read(file).roles == {"text", "label"}
    assert read(file, columns={"tokens": "tokens", "tags": "tags"}).roles == {"tokens", "tags"}
    bare = write(tmp_path, {"text": "one two", "tokens": ["one", "two"]}, name="bare.jsonl")
    assert read(bare, labels=False).roles == {"text", "label"}


def test_numbers_of_tags_have_the_names_of_the_file(tmp_path: Path) -> None:
    names = {"names": ["O", "B-PER", "I-PER"], "_type": "ClassLabel"}
    table = pa.table(
        {
            "id": ["0", "1"],
            "tokens": [["Ada"], ["a", "b"]],
            "pos_tags": [[3], [1, 1]],
            "ner_tags": [[1], [0, 2]],
        }
    )
    for feature in ({"feature": names, "_type": "Sequence"}, [names]):
        features = {
            "info": {
                "features": {
                    "ner_tags": feature,
                    "tokens": {"feature": {"dtype": "string"}, "_type": "Sequence"},
                }
            }
        }
        pq.write_table(
            table.replace_schema_metadata({"huggingface": json.dumps(features)}),
            tmp_path / "train.parquet",
        )
        data = read(tmp_path)
        assert [s.roles["tags"] for s in data.splits["train"]] == [("B-PER",), ("O", "I-PER")]
        assert any(
            "column 'ner_tags'; for another: --columns tags=pos_tags" in note for note in data.notes
        )
    pq.write_table(table, tmp_path / "train.parquet")
    assert (
        first(tmp_path).roles["tags"] == ("1",)
        and "names are not known" in read(tmp_path).notes[-1]
    )
    (tmp_path / "classes.json").write_text('["O", "B-PER", "I-PER"]')
    assert first(tmp_path).roles["tags"] == ("B-PER",)


@pytest.mark.parametrize(
    "spans",
    [
        [{"start": 0, "end": 3, "label": "PER"}, {"start": 16, "end": 22, "label": "LOC"}],
        [[0, 3, "PER"], [16, 22, "LOC"]],
    ],
)
@pytest.mark.parametrize("name", ["spans", "entities", "labels"])
def test_spans(tmp_path: Path, spans: list[Any], name: str) -> None:
    data = read(write(tmp_path, {"text": CONTEXT, name: spans}, {"text": "", name: []}))
    roles = data.splits["all"][0].roles
    assert (
        data.roles == {"tokens", "tags", "text", "offsets"}
        and data.splits["all"][1].roles["tokens"] == ()
    )
    assert roles["tokens"][:6] == ("Ada", "was", "born", "in", "London", ".")
    assert roles["tags"][:6] == ("B-PER", "O", "O", "O", "B-LOC", "O")
    assert (
        tuple(CONTEXT[a:b] for a, b in roles["offsets"]) == roles["tokens"]
        and "died" in roles["tokens"]
    )


@pytest.mark.parametrize("offsets", [[[0, 1, 2]], [3], [["a", "b"]], "no list", [None]])
def test_offsets_of_another_form_are_refused_by_row(tmp_path: Path, offsets: Any) -> None:
    file = write(
        tmp_path, {"text": "Ada", "tokens": ["Ada"], "tags": ["B-PER"], "offsets": offsets}
    )
    with pytest.raises(
        DataError,
        match=r"1 of 1 rows .*has offsets at which the text does not hold the tokens"
        r".*\[start, end\]",
    ):
        read(file)


@pytest.mark.parametrize("name", ["patient_id", "speaker", "doc_id"])
def test_tagged_words_have_the_groups_of_labeled_texts(tmp_path: Path, name: str) -> None:
    rows = [
        {"tokens": ["some", "words"], "tags": ["O", "B-PER"], name: f"p{i // 2}"} for i in range(4)
    ]
    assert [s.roles["group"] for s in read(write(tmp_path, *rows)).splits["all"]] == [
        "p0",
        "p0",
        "p1",
        "p1",
    ]


def test_a_span_may_hold_blanks_at_its_ends_and_marks_belong_to_letters(tmp_path: Path) -> None:
    text = "Rai\u0301 हिन्दी New York "
    sample = first(write(tmp_path, {"text": text, "spans": [[12, 21, "LOC"], [5, 11, "LANG"]]}))
    assert sample.roles["tokens"] == ("Rai\u0301", "हिन्दी", "New", "York")
    assert sample.roles["tags"] == ("O", "B-LANG", "B-LOC", "I-LOC")


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        (
            [[0, 2, "PER"]],
            r"0 to 2 \(PER, 'Ad'\) cuts a word in two; whole words are 0 to 3, 'Ada'",
        ),
        (
            [[0, 7, "A"], [4, 12, "B"]],
            r"4 to 12 \(B, 'was born'\) overlaps 0 to 7 \(A, 'Ada was'\)",
        ),
        ([[40, 400, "A"]], "outside the text, which has 48 characters"),
        ([[3, 4, "A"]], "holds no word"),
        ([{"start": 0, "end": 3}], "is not a span"),
    ],
)
def test_spans_that_cannot_be_tagged(tmp_path: Path, spans: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=r"t\.jsonl:2: .*" + said):
        read(
            write(
                tmp_path, {"text": "a b", "spans": [[0, 1, "A"]]}, {"text": CONTEXT, "spans": spans}
            )
        )


@pytest.mark.parametrize(
    ("row", "answers"),
    [
        (
            {"answers": ["London", "born in London"], "answer_start": [16, 8]},
            (("London", 16), ("born in London", 8)),
        ),
        ({"answers": {"text": ["London"], "answer_start": [36]}}, (("London", 36),)),
        ({"answers": [{"text": "London", "answer_start": 36}]}, (("London", 36),)),
        ({"answers": [["London", 36]]}, (("London", 36),)),
        ({"answers": ["died\u2028in"]}, (("died\u2028in", 28),)),
        ({"answer": "London"}, (("London", 16),)),
        ({"answer": "London", "answer_start": 36}, (("London", 36),)),
        ({"answers": [], "answer_start": []}, ()),
        ({"answers": {"text": [], "answer_start": []}}, ()),
        ({"answers": "London", "is_impossible": False}, (("London", 16),)),
        ({"answers": [], "is_impossible": True}, ()),
    ],
)
def test_forms_of_answers(tmp_path: Path, row: dict[str, Any], answers: tuple) -> None:
    sample = first(write(tmp_path, {**QUESTION, **row}))
    assert sample.roles == {**QUESTION, "answers": answers} and sample.id == "t.jsonl:1"


def test_ids_and_titles(tmp_path: Path) -> None:
    rows = [{"id": name, "title": "Ada", **QUESTION, "answers": ["London"]} for name in ("x", "y")]
    data = read(write(tmp_path, *rows))
    assert [(s.id, s.roles["group"]) for s in data.splits["all"]] == [("x", "Ada"), ("y", "Ada")]
    assert "2 answers came without a start" in data.notes[0]
    assert [s.id for s in read(write(tmp_path, *rows, rows[0])).splits["all"]] == [
        "t.jsonl:1",
        "t.jsonl:2",
        "t.jsonl:3",
    ]


def test_answers_that_are_not_there_are_named(tmp_path: Path) -> None:
    good, bad = ({**QUESTION, "answers": ["London"], "answer_start": [start]} for start in (16, 17))
    with pytest.raises(
        DataError,
        match=r"1 of 2 rows.*t\.jsonl:2 \('London' at 17, where the context has 'ondon\.'\)",
    ):
        read(write(tmp_path, good, bad))
    with pytest.raises(DataError, match=r"t\.jsonl:2 \('Paris' is nowhere in the context\)"):
        read(write(tmp_path, good, {**QUESTION, "answers": ["Paris"]}))
    with pytest.raises(DataError, match=r"t\.jsonl:2 \(2 answers, 1 starts\)"):
        read(
            write(tmp_path, good, {**QUESTION, "answers": ["London", "Ada"], "answer_start": [16]})
        )
    with pytest.raises(DataError, match=r"has no answers: t\.jsonl:2.*empty list"):
        read(write(tmp_path, good, QUESTION))
    with pytest.raises(DataError, match=r"has no text as context: t\.jsonl:2"):
        read(write(tmp_path, good, {"question": "q", "answers": []}))
    with pytest.raises(DataError, match="is_impossible, but with the answer 'London'"):
        read(write(tmp_path, {**good, "is_impossible": True}))


def test_questions_of_classes_stay_texts(tmp_path: Path) -> None:
    rows = [
        {**QUESTION, "question": f"Is it {i}?", "answer": ("yes", "no")[i % 2]} for i in range(6)
    ]
    assert read(write(tmp_path, *rows), columns={"label": "answer"}).roles == {"text", "label"}
    labeled = [{**QUESTION, "label": i % 2} for i in range(4)]
    assert read(write(tmp_path, *labeled)).roles == {"text", "label"}


def test_questions_to_predict(tmp_path: Path) -> None:
    assert first(write(tmp_path, QUESTION), labels=False).roles == {**QUESTION, "answers": None}


def test_questions_in_a_csv(tmp_path: Path) -> None:
    context = "Ada was born in London"
    answers = {"answer": ["London", ""], "answer_start": [16, None]}
    pd.DataFrame({"question": ["a", "b"], "context": [context] * 2, **answers}).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert [s.roles["answers"] for s in read(tmp_path / "t.csv").splits["all"]] == [
        (("London", 16),),
        (),
    ]


def test_frames_and_rows_and_pairs() -> None:
    rows = [{"tokens": ["Ada", "ran"], "tags": ["B-PER", "O"]}, {"tokens": ["no"], "tags": ["O"]}]
    expected = [
        {"tokens": ("Ada", "ran"), "tags": ("B-PER", "O")},
        {"tokens": ("no",), "tags": ("O",)},
    ]
    tokens, tags = ([row[role] for row in rows] for role in ("tokens", "tags"))
    for data in (from_memory(pd.DataFrame(rows)), from_memory(rows), from_memory((tokens, tags))):
        assert [s.roles for s in data.splits["all"]] == expected
    assert from_memory({"train": rows, "test": rows}).splits["test"][1].roles == expected[1]
    assert from_memory(tokens, ReadOptions(labels=False)).splits["all"][1].roles == {
        "tokens": ("no",),
        "tags": None,
    }
    with pytest.raises(DataError, match="another number of tags than of tokens: array:1"):
        from_memory((tokens, [["O", "O"], ["O", "O"]]))
    by_array = pd.DataFrame(
        {"tokens": [np.array(t) for t in tokens], "tags": [np.array(t) for t in tags]}
    )
    assert from_memory(by_array).splits["all"][0].roles["tags"] == ("B-PER", "O"), (
        "lists of a Parquet table read by pandas"
    )
    asked = from_memory([{**QUESTION, "answers": {"text": ["London"], "answer_start": [16]}}])
    assert asked.splits["all"][0].roles["answers"] == (("London", 16),)
