"""Sources and targets: parallel files, and the columns of tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.data.load import load_data, read


def lines(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        stem, _, language = name.rpartition("_")
        (folder / f"{stem}.{language}").write_bytes(text.encode())
    return folder


def table(file: Path, *rows: dict) -> Path:
    file.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return file


def pairs(data, split: str = "all") -> list[tuple[str, str]]:
    return [(sample.roles["source"], sample.roles["target"]) for sample in data.splits[split]]


def test_a_line_ends_at_a_line_feed_only(tmp_path):
    folder = lines(
        tmp_path / "a", one_de="ein\u2028s\r\n\nzwei\x85", one_en="o\x0cne\nnothing\ntwo\n"
    )
    data = read(folder)
    assert pairs(data) == [("ein\u2028s", "o\x0cne"), ("", "nothing"), ("zwei\x85", "two")]
    assert [sample.id for sample in data.splits["all"]] == ["one.de:1", "one.de:2", "one.de:3"]


def test_the_source_is_the_language_that_the_name_of_the_folder_has_first(tmp_path):
    text = {"train_de": "eins\nzwei\n", "train_en": "one\ntwo\n"}
    assert pairs(read(lines(tmp_path / "data", **text)), "train")[0] == ("eins", "one")
    named = read(lines(tmp_path / "news_en_de", **text))
    assert pairs(named, "train")[0] == ("one", "eins")
    assert any("source=de" in note for note in named.notes)
    for columns in ({"source": "de"}, {"target": "en"}, {"source": "de", "target": "en"}):
        assert pairs(read(tmp_path / "news_en_de", columns=columns), "train")[0] == ("eins", "one")


def test_uneven_files_are_named_with_their_lines(tmp_path):
    folder = lines(tmp_path / "a", train_de="eins\nzwei\n", train_en="one\ntwo\nthree\n")
    with pytest.raises(DataError, match=r"train\.de has 2 lines and .*train\.en has 3"):
        read(folder)


def test_more_languages_than_two_are_chosen_from(tmp_path):
    folder = lines(tmp_path / "a", train_de="eins\n", train_en="one\n", train_cs="jedna\n")
    with pytest.raises(DataError, match=r"\.cs, \.de, \.en.*--columns source="):
        read(folder)
    with pytest.raises(DataError, match="Cannot tell which languages"):
        read(folder, columns={"source": "fr", "target": "en"})
    with pytest.raises(DataError, match="Cannot tell which languages"):
        read(folder, columns={"source": "en", "target": "en"})
    assert pairs(read(folder, columns={"source": "cs", "target": "en"}), "train") == [
        ("jedna", "one")
    ]


def test_a_second_pair_for_a_split_is_told_and_left_out(tmp_path):
    text = {
        f"{name}_{language}": "a\nb\n"
        for name in ("train", "test_2016", "test_2017", "val")
        for language in ("en", "de")
    }
    data = read(lines(tmp_path / "a", **text))
    assert [sample.id for sample in data.splits["test"]] == ["test_2016.de:1", "test_2016.de:2"]
    assert any("test_2017.de, test_2017.en" in note for note in data.notes)
    lines(tmp_path / "a", other_en="a\n", other_de="a\n")
    with pytest.raises(DataError, match="other"):
        read(tmp_path / "a")


def test_a_folder_of_programs_is_not_parallel(tmp_path):
    (tmp_path / "main.py").write_text("")
    (tmp_path / "main.js").write_text("")
    with pytest.raises(DataError, match="no known format"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("source", "target"),
    [("src", "tgt"), ("source", "target"), ("document", "summary"), ("article", "highlights")],
)
def test_the_columns_are_known_by_their_names(tmp_path, source, target):
    rows = [{"id": i, source: f"a long text {i}", target: f"short {i}"} for i in range(3)]
    assert pairs(read(table(tmp_path / "t.jsonl", *rows)))[2] == ("a long text 2", "short 2")


def test_columns_can_be_named(tmp_path):
    file = table(tmp_path / "t.jsonl", {"en": "one", "de": "eins"})
    assert pairs(read(file, columns={"source": "en", "target": "de"})) == [("one", "eins")]


def test_a_text_with_a_class_beside_its_subject_is_for_classification(tmp_path):
    rows = [{"email": f"text {i}", "subject": "s", "label": "ab"[i % 2]} for i in range(4)]
    assert "label" in read(table(tmp_path / "t.jsonl", *rows)).roles
    rows = [{"text": f"text {i}", "target": i % 2} for i in range(4)]
    assert "label" in read(table(tmp_path / "u.jsonl", *rows)).roles


def test_numbered_columns_and_lists_are_references(tmp_path):
    row = {
        "dialogue": "A: hi",
        "summary1": "they greet",
        "summary2": "a greeting",
        "summary3": None,
    }
    table(tmp_path / "train.jsonl", {"dialogue": "B: bye", "summary": "they part"})
    table(tmp_path / "test.jsonl", row)
    data = read(tmp_path)
    assert data.splits["train"][0].roles == {"source": "B: bye", "target": "they part"}
    assert data.splits["test"][0].roles == {
        "source": "A: hi",
        "target": "they greet",
        "references": ("a greeting",),
    }
    file = table(tmp_path / "t.jsonl", {"email": "a", "subject": "b", "extra_subjects": ["c", "d"]})
    assert read(file).splits["all"][0].roles["references"] == ("c", "d")


@pytest.mark.parametrize("columns", [{}, {"references": "extra_subjects"}])
def test_references_of_the_test_table_alone_count(tmp_path, columns):
    table(tmp_path / "train.jsonl", {"email": "a", "subject": "b"})
    table(
        tmp_path / "test.jsonl",
        {"email": "c", "subject": "d", "extra_subjects": ["e", "f"], "note": "g"},
    )
    data = read(tmp_path, columns=columns)
    assert data.splits["train"][0].roles == {"source": "a", "target": "b"}
    assert data.splits["test"][0].roles == {"source": "c", "target": "d", "references": ("e", "f")}
    with pytest.raises(DataError, match=r"no column 'others' \(asked for as references\)"):
        read(tmp_path, columns={"references": "others"})
    with pytest.raises(DataError, match=r"train\.jsonl has no column 'note'"):
        read(tmp_path, columns={"source": "note", "target": "subject"})


def test_what_is_no_text_is_refused_with_its_row(tmp_path):
    good = {"source": "a", "target": "b"}
    for row, said in (
        ({"source": "a", "target": None}, r"t\.jsonl:2"),
        ({"source": "a", "target": [3]}, r"no text as target: t\.jsonl:2 \(\[3\]\)"),
        ({"source": None, "target": "b"}, "no text as source"),
        ({"source": "a", "target": "b", "references": [1]}, "references that are not texts"),
    ):
        with pytest.raises(DataError, match=said):
            read(table(tmp_path / "t.jsonl", {**good, "references": ["c"]}, row))


def test_pairs_of_one_source_stay_in_one_split(tmp_path):
    rows = [{"source": f"text {i % 10}", "target": f"t {i}"} for i in range(30)]
    data = load_data(table(tmp_path / "t.jsonl", *rows))
    sources = {
        split: {sample.roles["source"] for sample in part} for split, part in data.splits.items()
    }
    assert not sources["train"] & sources["test"]
    assert any("10 sources" in note for note in data.notes)
