from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graft.base.errors import DataError
from graft.data.load import read

CONTEXT = "Köln lies on\u2028the Rhine."


def squad(*asked: dict[str, Any], title: str = "Köln") -> str:
    paragraph = {
        "context": CONTEXT,
        "qas": [{"id": f"q{i}", "question": "Where?", **q} for i, q in enumerate(asked)],
    }
    return json.dumps(
        {"version": "v2.0", "data": [{"title": title, "paragraphs": [paragraph]}]},
        ensure_ascii=False,
    )


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8", newline="")
    return file


RHINE = {
    "answers": [{"text": "the Rhine", "answer_start": 13}, {"text": "Rhine", "answer_start": 17}]
}


def test_both_versions(tmp_path: Path) -> None:
    impossible = {
        "answers": [],
        "is_impossible": True,
        "plausible_answers": [{"text": "Köln", "answer_start": 0}],
    }
    write(tmp_path / "train-v2.0.json", squad({**RHINE, "is_impossible": False}, impossible))
    write(tmp_path / "dev-v2.0.json", squad({**RHINE, "id": "other"}))
    data = read(tmp_path)
    assert data.format == "squad" and data.roles == {"question", "context", "answers", "group"}
    one, two = data.splits["train"]
    answers = (("the Rhine", 13), ("Rhine", 17))
    assert one.roles == {
        "question": "Where?",
        "context": CONTEXT,
        "answers": answers,
        "group": "Köln",
    }
    assert (two.roles["answers"], one.id, two.id) == ((), "q0", "q1") and len(
        data.splits["val"]
    ) == 1


def test_a_file_alone_and_to_predict(tmp_path: Path) -> None:
    file = write(tmp_path / "xquad.en.json", squad(RHINE))
    assert len(read(file).splits["all"]) == 1
    bare = write(tmp_path / "bare.json", squad({}))
    assert read(bare, labels=False).splits["all"][0].roles["answers"] is None


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    wrong = {"answers": [{"text": "Rhine", "answer_start": 16}]}
    with pytest.raises(
        DataError, match=r"a\.json:2 \(id q1\) \('Rhine' at 16, where the context has ' Rhin'\)"
    ):
        read(write(tmp_path / "a.json", squad(RHINE, wrong)))
    with pytest.raises(DataError, match=r"has no answers: b\.json:2 \(id q1\)"):
        read(write(tmp_path / "b.json", squad(RHINE, {})))
    with pytest.raises(DataError, match="is not valid JSON"):
        read(write(tmp_path / "c.json", squad(RHINE)[:-2]))
    with pytest.raises(DataError, match="article 1 has no list 'paragraphs'"):
        read(write(tmp_path / "d.json", '{"data": [{"title": "paragraphs"}]}'), format="squad")
    with pytest.raises(DataError, match=r"entries of the list in .* are not objects"):
        read(write(tmp_path / "e.json", '{"data": [1, 2]}'))
