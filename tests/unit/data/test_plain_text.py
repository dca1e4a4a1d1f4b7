"""Running text is cut into passages and splits; tables of prompts, messages and passages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graft.base.errors import DataError
from graft.data.checks.inspect import inspect
from graft.data.formats.plain_text import LONGEST, passages
from graft.data.load import load_data, read
from graft.data.memory import from_memory

PARAGRAPHS = "".join(
    f"Paragraph {i}. " + f"Line {i} of it, with naïve words.\n" * (3 + i % 9) + "\n"
    for i in range(60)
)


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "t.jsonl"
    file.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return file


@pytest.mark.parametrize(
    "text",
    [
        PARAGRAPHS,
        "x" * 5000,
        "word " * 1000,
        "Line.\n" * 900,
        "\n\n" + PARAGRAPHS + "\n" * 2000,
        "a",
    ],
)
def test_passages_together_are_the_text(text: str) -> None:
    found = passages(text, "book.txt")
    assert "".join(p.roles["passage"] for p in found) == text
    assert all(p.roles["passage"].strip() for p in found)
    assert all(len(p.roles["passage"].rstrip()) <= LONGEST for p in found)
    assert len({p.id for p in found}) == len(found)


def test_passages_end_where_paragraphs_or_words_do() -> None:
    assert all(p.roles["passage"].endswith("\n\n") for p in passages(PARAGRAPHS, "b"))
    assert all(p.roles["passage"].endswith(" ") for p in passages("word " * 1000, "b"))
    second = passages(PARAGRAPHS, "b")[1]
    line = int(second.id.removeprefix("b:"))
    assert PARAGRAPHS.splitlines()[line - 1] == second.roles["passage"].splitlines()[0]


def test_the_end_of_a_text_is_held_out(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(PARAGRAPHS * 5, encoding="utf-8")
    data = load_data(tmp_path)
    count = sum(map(len, data.splits.values()))
    assert data.format == "plain-text" and data.roles == {"passage"}
    assert [len(data.splits[s]) for s in ("val", "test")] == [
        round((count - round(count / 20)) / 20),
        round(count / 20),
    ]
    joined = "".join(
        s.roles["passage"] for split in ("train", "val", "test") for s in data.splits[split]
    )
    assert joined == PARAGRAPHS * 5
    assert any("the last" in note for note in data.notes)
    assert [f.severity for f in inspect(data) if f.code == "counts"] == ["info"]


def test_one_passage_is_not_called_several(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("word " * 2000, encoding="utf-8")
    notes = load_data(tmp_path).notes
    assert any(
        note.startswith("No test split was given: the last 1 passage (")
        and " was cut for it." in note
        for note in notes
    )
    (tmp_path / "book.txt").write_text("A word.", encoding="utf-8")
    with pytest.raises(DataError, match="cut from 1 passage"):
        load_data(tmp_path)


def test_files_that_are_named_by_split(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"wiki.{split}.txt").write_text(PARAGRAPHS + split, encoding="utf-8")
    data = load_data(tmp_path)
    assert {
        split: samples[-1].roles["passage"].rpartition("\n")[2]
        for split, samples in data.splits.items()
    } == {
        "train": "train",
        "val": "valid",
        "test": "test",
    }


def test_what_another_format_is_surer_of(tmp_path: Path) -> None:
    (tmp_path / "table.txt").write_text("a\tb\nc\td\n" * 5)
    assert (
        read(tmp_path / "table.txt", header=False, columns={"text": "0", "label": "1"}).format
        == "tsv"
    )
    for label in ("spam", "ham"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "1.txt").write_text("a text")
    assert read(tmp_path / "texts").format == "text-folder"


def test_nothing_but_white_space(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(" \n" * 9)
    with pytest.raises(DataError, match="white space"):
        read(tmp_path / "book.txt")
    (tmp_path / "book.txt").write_text("one line\n")
    with pytest.raises(DataError, match=r"No test split can be cut from 1 passage\."):
        load_data(tmp_path / "book.txt")


def test_prompts_and_completions(tmp_path: Path) -> None:
    rows = [{"id": i, "prompt": f"Say {i}", "completion": str(i)} for i in range(3)]
    data = read(write(tmp_path, *rows))
    assert [s.roles for s in data.splits["all"]] == [
        {"prompt": f"Say {i}", "completion": str(i)} for i in range(3)
    ]
    (tmp_path / "t.csv").write_text("email,subject\nHello there,greeting\nBye now,farewell\n")
    named = read(tmp_path / "t.csv", columns={"prompt": "email", "completion": "subject"})
    assert named.splits["all"][1].roles == {"prompt": "Bye now", "completion": "farewell"}
    with pytest.raises(DataError, match=r"no completion .*'completion': t\.jsonl:2"):
        read(write(tmp_path, rows[0], {"prompt": "Say 5", "completion": None}))
    with pytest.raises(DataError, match=r"no text as prompt: t\.jsonl:1 \(True\)"):
        read(write(tmp_path, {"prompt": True, "completion": "a"}, *rows))
    digits = read(write(tmp_path, {"prompt": "Three times four?", "completion": 12}))
    assert digits.splits["all"][0].roles["completion"] == "12"
    bare = read(write(tmp_path, {"prompt": "Say 5"}), labels=False)
    assert bare.splits["all"][0].roles == {"prompt": "Say 5", "completion": None}


def test_messages(tmp_path: Path) -> None:
    user, assistant = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello!"}
    (sample,) = read(write(tmp_path, {"messages": [user, assistant, user, assistant]})).splits[
        "all"
    ]
    assert sample.roles == {"prompt": (user, assistant, user), "completion": "Hello!"}
    (asked,) = read(write(tmp_path, {"messages": [user]}), labels=False).splits["all"]
    assert asked.roles == {"prompt": (user,), "completion": None}
    with pytest.raises(DataError, match=r"t\.jsonl:2 \(the last is of 'user'\)"):
        read(write(tmp_path, {"messages": [user, assistant]}, {"messages": [user]}))
    with pytest.raises(DataError, match="no list of messages"):
        read(write(tmp_path, {"messages": [user, assistant]}, {"messages": [{"role": "user"}]}))
    with pytest.raises(DataError, match="no message before"):
        read(write(tmp_path, {"messages": [assistant]}))


def test_equal_prompts_stay_in_one_split() -> None:
    rows = [{"prompt": f"Say {i // 4}", "completion": f"{i}"} for i in range(40)]
    data = load_data(rows)
    asked = [{s.roles["prompt"] for s in data.splits[split]} for split in ("train", "val", "test")]
    assert not asked[0] & asked[1] and not asked[0] & asked[2]
    assert {f.code for f in inspect(data) if f.severity == "warning"} == set()


def test_passages_of_a_table(tmp_path: Path) -> None:
    data = from_memory([{"passage": f"Text {i}"} for i in range(3)])
    assert data.roles == {"passage"}
    asked = read(
        write(tmp_path, {"question": "Is it?", "passage": "It is.", "answer": True}), labels=False
    )
    assert "passage" not in asked.roles
