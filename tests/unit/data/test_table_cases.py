"""Tables as practitioners have them: each was read wrongly, or refused without the way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graft.api import load_data as for_task
from graft.api import read_for
from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.load import load_data, read

TEXTS = [f"the words of a text, number {i}" for i in range(12)]
LABELS = ["pos", "neg"] * 6


def write(folder: Path, name: str, *lines: str, encoding: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes("".join(line + "\n" for line in lines).encode(encoding))
    return folder / name


def objects(folder: Path, *rows: Any, name: str = "t.jsonl") -> Path:
    return write(folder, name, *(json.dumps(row, ensure_ascii=False) for row in rows))


def pairs(data: Data) -> list[tuple[Any, Any]]:
    return [(s.roles["text"], s.roles["label"]) for part in data.splits.values() for s in part]


def quoted(text: str) -> str:
    return f'"{text}"'


ROWS = [f"{quoted(text)},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
EXPECTED = list(zip(TEXTS, LABELS, strict=True))


def test_the_columns_that_are_asked_for_are_the_header(tmp_path: Path) -> None:
    file = write(tmp_path, "t.csv", "English,German", *(f"one {i},eins {i}" for i in range(6)))
    data = read(file, columns={"source": "English", "target": "German"})
    assert len(data.splits["all"]) == 6 and data.splits["all"][0].roles == {
        "source": "one 0",
        "target": "eins 0",
    }


def test_the_line_by_which_spreadsheets_say_the_delimiter(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.csv", "sep=;", "text;label", *(f"{t};{x}" for t, x in EXPECTED)))
    assert pairs(data) == EXPECTED and data.splits["all"][0].id == "t.csv:3"


def test_a_header_with_empty_cells(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.csv", "v1,v2,,,", *(f"{x},{quoted(t)},,," for t, x in EXPECTED)))
    assert pairs(data) == EXPECTED


def test_lines_of_two_encodings_are_read_right_and_named(tmp_path: Path) -> None:
    lines = [
        f"le café {i},{x}".encode("utf-8" if i % 2 else "cp1252") for i, x in enumerate(LABELS)
    ]
    (tmp_path / "t.csv").write_bytes(b"\n".join([b"text,label", *lines]))
    data = read(tmp_path / "t.csv")
    assert [text for text, _ in pairs(data)] == [f"le café {i}" for i in range(12)]
    assert (
        data.notes[0].startswith("6 lines of t.csv are not UTF-8")
        and "lines 2, 4, 6" in data.notes[0]
    )


@pytest.mark.parametrize("closes", ["", "14"], ids=["nothing", "a later quote"])
@pytest.mark.parametrize("row", [3, 19])
def test_an_open_quote_in_the_last_column_swallows_no_rows(
    tmp_path: Path, row: int, closes: str
) -> None:
    rows = [f"{i % 2},text number {i}" for i in range(20)]
    rows[row] = f'{row % 2},"text number {row}'
    if closes:
        rows[int(closes)] = f'0,"text number {closes}, quoted"'
    words = rf"a quote on line {row + 2} is not closed there, so that lines {row + 2} to \d+ would"
    with pytest.raises(DataError, match=words):
        read(write(tmp_path, "t.csv", "label,text", *rows))


def test_an_open_quote_of_a_table_of_tabs_swallows_no_rows(tmp_path: Path) -> None:
    rows = ["a\tone", "b\ttwo", 'a\t"thr\tee', "b\tfour", "a\tfive"]
    with pytest.raises(DataError, match="a quote on line 4 is not closed there"):
        read(write(tmp_path, "t.tsv", "label\ttext", *rows))


def test_a_quote_that_is_not_closed_swallows_no_rows(tmp_path: Path) -> None:
    rows = [f"{t.replace(',', '')},{x}" for t, x in EXPECTED]
    rows[3] = '"' + rows[3]
    rows[8] = '"' + rows[8]
    with pytest.raises(
        DataError,
        match=r"quote on line 5 is not closed there, so that lines 5 to 1\d would be one row",
    ):
        read(write(tmp_path, "t.csv", "text,label", *rows))
    whole = read(
        write(
            tmp_path,
            "u.csv",
            "text,label",
            *ROWS[:4],
            '"a text, of',
            'two lines",pos',
            '"and, so',
            'on",neg',
        )
    )
    assert pairs(whole)[4] == ("a text, of\ntwo lines", "pos"), "a text of two lines is one text"


def test_columns_without_names_are_no_references(tmp_path: Path) -> None:
    file = write(tmp_path, "t.txt", *(f"one {i}\teins {i}\tfrom example.org" for i in range(6)))
    data = read(file, columns={"source": "0", "target": "1"})
    assert (
        data.splits["all"][0].roles == {"source": "one 0", "target": "eins 0"} and data.notes == []
    )


def test_text_files_with_tabs_are_tables_by_split(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path, f"{split}.txt", *(f"{t} {split}\t{x}" for t, x in EXPECTED))
    data = read(tmp_path)
    assert (
        data.format == "tsv"
        and data.classes == ["neg", "pos"]
        and list(data.splits) == ["train", "test"]
    )


def test_printed_lists_of_tokens_and_tags(tmp_path: Path) -> None:
    row = "\"['Ada', 'ran']\",\"['B-PER', 'O']\""
    data = read(write(tmp_path, "t.csv", "tokens,ner_tags", row, row))
    assert data.splits["all"][0].roles == {"tokens": ("Ada", "ran"), "tags": ("B-PER", "O")}


def test_one_word_a_row_is_named_with_the_forms_there_are(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "t.csv",
        "Sentence #,Word,Tag",
        "Sentence: 1,Ada,B-PER",
        ",ran,O",
        "Sentence: 2,Bob,B-PER",
        ",sat,O",
    )
    with pytest.raises(
        DataError,
        match=r"one word a row \('Word' with its 'Tag'\).*list of tokens.*\.conll.*label=Tag",
    ):
        read(file)
    assert read(file, columns={"text": "Word", "label": "Tag"}).kind == "labels"


def test_null_and_nan_are_words(tmp_path: Path) -> None:
    data = read(
        write(tmp_path, "t.csv", "text,label", "null,pos", "nan,neg", "NULL,null", "more,pos")
    )
    assert pairs(data) == [("null", "pos"), ("nan", "neg"), ("NULL", "null"), ("more", "pos")]


@pytest.mark.parametrize(
    ("first", "second"), [(("1.0", "0.0"), ("1", "0")), (("True", "False"), ("TRUE", "FALSE"))]
)
def test_labels_that_are_spelled_in_two_ways_are_one(
    tmp_path: Path, first: tuple[str, str], second: tuple[str, str]
) -> None:
    for split, names in {"train": first, "test": second}.items():
        write(
            tmp_path,
            f"{split}.csv",
            "text,label",
            *(f"{split} {i},{names[i % 2]}" for i in range(8)),
        )
    data = read(tmp_path)
    assert len(data.classes) == 2 and any("spelled in two ways" in note for note in data.notes)


def test_chats_of_from_and_value(tmp_path: Path) -> None:
    row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]}
    (sample,) = read(objects(tmp_path, row)).splits["all"]
    assert sample.roles == {"prompt": ({"role": "user", "content": "Hi"},), "completion": "Hello!"}


def test_a_message_that_calls_a_tool_is_named(tmp_path: Path) -> None:
    user, called = (
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    )
    with pytest.raises(
        DataError,
        match=r"without a text as content: t\.jsonl:2 \(message 2 of 'assistant' calls a tool\)",
    ):
        read(
            objects(
                tmp_path,
                {"messages": [user, {"role": "assistant", "content": "a"}]},
                {"messages": [user, called]},
            )
        )


def test_translations_under_a_key(tmp_path: Path) -> None:
    rows = [{"translation": {"en": f"one {i}", "de": f"eins {i}"}} for i in range(4)]
    data = read(objects(tmp_path, *rows))
    assert data.splits["all"][1].roles == {"source": "one 1", "target": "eins 1"}
    assert "--columns source=de --columns target=en" in data.notes[0]
    turned = read(tmp_path / "t.jsonl", columns={"source": "de", "target": "en"})
    assert turned.splits["all"][1].roles == {"source": "eins 1", "target": "one 1"}


@pytest.mark.parametrize("key", [None, "data"])
def test_a_list_of_objects_in_one_file(tmp_path: Path, key: str | None) -> None:
    rows = [{"text": text, "label": label} for text, label in EXPECTED]
    write(tmp_path, "t.json", json.dumps(rows if key is None else {key: rows}, indent=1))
    data = read(tmp_path / "t.json")
    assert data.format == "json" and pairs(data) == EXPECTED


def test_tags_without_a_type_mark_entities_of_one(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.conll", "Ada B", "Bell I", "ran O", "", "Bob B", "sat O"))
    assert data.classes == ["entity"] and data.splits["all"][0].roles["tags"] == (
        "B-entity",
        "I-entity",
        "O",
    )
    assert any("have no type" in note for note in data.notes)


def test_a_line_without_a_tag_is_named_and_the_file_not_taken_for_prose(tmp_path: Path) -> None:
    lines = [line for i in range(40) for line in (f"Ada{i} B-PER", "ran O", "")]
    lines[58] = "alone"
    with pytest.raises(
        DataError, match=r"2 columns, but 1 of its lines have another number: t\.txt:59 \(1\)"
    ):
        read(write(tmp_path, "t.txt", *lines))


def test_a_class_of_the_test_split_that_training_lacks_stops(tmp_path: Path) -> None:
    write(tmp_path, "train.csv", "text,label", *(f"train {i},{'ab'[i % 2]}" for i in range(20)))
    write(tmp_path, "test.csv", "text,label", "more,a", "and more,c")
    with pytest.raises(DataError, match=r"test has classes that do not occur in training: c\."):
        load_data(tmp_path)


def test_the_task_that_is_asked_for_steers_the_reading(tmp_path: Path) -> None:
    file = objects(tmp_path, *({"text": text} for text in TEXTS))
    data = for_task(file, task="text-generation")
    assert data.kind == "passages" and data.splits["train"][0].roles == {"passage": TEXTS[0]}
    with pytest.raises(
        DataError,
        match=r"Cannot tell which columns of .* are source, target.*'text'.*--columns source=NAME",
    ):
        read_for(file, "translation")


def test_a_header_that_comes_back_is_no_row(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.csv", "text,label", *ROWS[:6], "text,label", *ROWS[6:]))
    assert pairs(data) == EXPECTED
    assert data.notes == ["The header of t.csv comes back, it is no row there: lines 8."]


def test_two_columns_of_one_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"several columns named 'label'\. Rename them"):
        read(write(tmp_path, "t.csv", "text,label,label", *(f"{row},x" for row in ROWS)))


def test_a_row_that_comes_back_is_no_header(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.csv", *ROWS, *ROWS))
    assert pairs(data) == EXPECTED * 2


def test_instructions_with_their_inputs(tmp_path: Path) -> None:
    row = {"instruction": "Name it.", "input": "A round fruit", "output": "An apple"}
    file = objects(tmp_path, row, {**row, "input": ""})
    data = read(file)
    first, second = (sample.roles for sample in data.splits["all"])
    assert first == {"prompt": "Name it.\n\nA round fruit", "completion": "An apple"}
    assert second == {"prompt": "Name it.", "completion": "An apple"}
    assert data.notes == ["The columns 'instruction' and 'input' are joined into the prompt; "
                          "for one alone: --columns prompt=instruction."]  # fmt: skip
    alone = read(file, columns={"prompt": "instruction"})
    assert alone.splits["all"][0].roles["prompt"] == "Name it."


def test_prompts_with_responses(tmp_path: Path) -> None:
    (sample,) = read(objects(tmp_path, {"prompt": "Hi", "response": "Hello!"})).splits["all"]
    assert sample.roles == {"prompt": "Hi", "completion": "Hello!"}


BLANKS = ("\u200b", "\ufeff", "  ", "\ufeff\u200b")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.jsonl", "t.conll"])
def test_lines_of_marks_without_width_are_blank_lines(tmp_path: Path, name: str) -> None:
    if name == "t.jsonl":
        lines = [json.dumps({"text": text, "label": label}) for text, label in EXPECTED]
    elif name == "t.conll":
        lines = [f"{word} {tag}" for word, tag in (("Ada", "B-PER"), ("ran", "O"))] * 12
    else:
        mark = "," if name == "t.csv" else "\t"
        lines = [f"{text.replace(',', '')}{mark}{label}" for text, label in EXPECTED]
    data = read(write(tmp_path, name, *lines[:6], *BLANKS, *lines[6:], *BLANKS))
    if name == "t.conll":
        assert [len(sample.roles["tokens"]) for sample in data.splits["all"]] == [6, 18]
    else:
        assert [label for _, label in pairs(data)] == LABELS


def test_a_blank_text_in_a_table_of_one_column_is_a_row(tmp_path: Path) -> None:
    write(tmp_path, "train.csv", "text,label", *ROWS)
    write(tmp_path, "unlabeled.csv", "text", "one", quoted(" "), "two")
    assert [s.roles["text"] for s in read(tmp_path).splits["unlabeled"]] == ["one", " ", "two"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"He said \"hi\"", 'He said "hi"'),
        (r"A \"b, c\" d", 'A "b, c" d'),
        (r"a path C:\new", r"a path C:\new"),
        (r"5\" wide", '5" wide'),
    ],
)
def test_quotes_that_a_backslash_escapes(tmp_path: Path, text: str, expected: str) -> None:
    rows = [f'"{text} {i}",{label}' for i, label in enumerate(LABELS)]
    data = read(write(tmp_path, "t.csv", "text,label", *rows))
    assert pairs(data) == [(f"{expected} {i}", label) for i, label in enumerate(LABELS)]
    assert bool(data.notes) == (text != expected)


def test_a_backslash_at_the_end_of_a_text_escapes_nothing(tmp_path: Path) -> None:
    rows = [f'"C:\\dir{i}\\",{label}' for i, label in enumerate(LABELS)]
    data = read(write(tmp_path, "t.csv", "text,label", *rows))
    assert pairs(data)[3] == ("C:\\dir3\\", LABELS[3])
