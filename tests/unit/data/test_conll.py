from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.data.checks.inspect import inspect
from graft.data.data import Data
from graft.data.load import read

IOB1 = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
calls NNS I-NP O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER

-DOCSTART- -X- O O

In IN I-PP O
Paris NNP I-NP I-LOC
Berlin NNP I-NP B-LOC
"""


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def rows(data: Data, split: str = "all") -> list[tuple]:
    return [(s.roles["tokens"], s.roles["tags"]) for s in data.splits[split]]


def test_iob1_with_documents(tmp_path: Path) -> None:
    data = read(write(tmp_path, "train.txt", IOB1))
    assert (
        data.format == "conll"
        and data.roles == {"tokens", "tags", "group"}
        and data.classes == ["LOC", "ORG", "PER"]
    )
    assert rows(data)[2] == (("In", "Paris", "Berlin"), ("O", "I-LOC", "B-LOC")), (
        "tags are as the file has them"
    )
    assert [s.id for s in data.splits["all"]] == ["train.txt:3", "train.txt:7", "train.txt:12"]
    assert [s.roles["group"] for s in data.splits["all"]] == [
        "train.txt:1",
        "train.txt:1",
        "train.txt:10",
    ]
    counts = next(f.message for f in inspect(data) if f.code == "classes")
    assert counts == "all: LOC 2, ORG 1, PER 1.", "Paris and Berlin are two places"


def test_other_columns(tmp_path: Path) -> None:
    data = read(write(tmp_path, "train.txt", IOB1), columns={"tags": "1"})
    assert rows(data)[0][1] == ("NNP", "VBZ", "NNS") and data.classes == ["IN", "NNP", "NNS", "VBZ"]
    assert rows(read(tmp_path / "train.txt", columns={"tokens": "0", "tags": "2"}))[0][1] == (
        "I-NP",
        "I-VP",
        "I-NP",
    )
    assert "--columns tags=1" in read(tmp_path / "train.txt").notes[0]
    with pytest.raises(DataError, match=r"columns 0 to 3\. Got tags=4"):
        read(tmp_path / "train.txt", columns={"tags": "4"})
    with pytest.raises(DataError, match="Unknown role label"):
        read(tmp_path / "train.txt", columns={"label": "3"})


def test_wnut_style(tmp_path: Path) -> None:
    text = (
        "#Fall\tO\r\n# \tO\r\n@you\tO\r\nNew York\tB-location\r\n\t\r\n"
        "yes\u2028no\tO\r\n\r\n\r\n\u00a0\tO\r\n"
    )
    for name in ("train.conll", "dev.conll", "test.conll"):
        write(tmp_path, name, text)
    data = read(tmp_path)
    assert {split: len(samples) for split, samples in data.splits.items()} == {
        "train": 3,
        "val": 3,
        "test": 3,
    }
    assert rows(data, "val") == [
        (("#Fall", "#", "@you", "New York"), ("O", "O", "O", "B-location")),
        (("yes\u2028no",), ("O",)),
        (("\u00a0",), ("O",)),
    ]
    assert data.roles == {"tokens", "tags"}


def test_conll_u(tmp_path: Path) -> None:
    words = [
        ("1-2", "vámonos", "_"),
        ("1", "vamos", "VERB"),
        ("2", "nos", "PRON"),
        ("2.1", "ya", "ADV"),
        ("3", "#", "SYM"),
    ]
    lines = [f"{number}\t{word}\t_\t{tag}" + "\t_" * 6 for number, word, tag in words]
    text = (
        "# newdoc id = a\n# text = vámonos #\n"
        + "\n".join(lines)
        + "\n\n# a comment\n"
        + lines[1]
        + "\n"
    )
    data = read(write(tmp_path, "es.conllu", text))
    assert rows(data) == [(("vamos", "nos", "#"), ("VERB", "PRON", "SYM")), (("vamos",), ("VERB",))]
    assert (
        data.splits["all"][0].id == "es.conllu:3"
        and data.splits["all"][0].roles["group"] == "es.conllu:1"
    )


def test_ragged_lines_and_empty_tokens_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"2 columns, but 2 of its lines.*a\.bio:2 \(1\), a\.bio:5 \(3\)"
    ):
        read(write(tmp_path, "a.bio", "one O\ntwo\n\nthree O\nfour x O\nfive O\nsix O\n"))
    with pytest.raises(DataError, match=r"1 lines of b\.bio have no token or no tag: b\.bio:2"):
        read(write(tmp_path, "b.bio", "one\tO\n\tO\nthree\tO\n"))
    with pytest.raises(DataError, match="one column only"):
        read(write(tmp_path, "c.bio", "one\ntwo\n"))
    with pytest.raises(DataError, match="no rows"):
        read(write(tmp_path, "d.bio", "\n\n"))


def test_tokens_without_tags(tmp_path: Path) -> None:
    file = write(tmp_path, "new.conll", "one\ntwo\n\nthree\n")
    assert rows(read(file, labels=False)) == [(("one", "two"), None), (("three",), None)]
    file.unlink()
    write(tmp_path, "train.conll", "a O\nb B-X\n")
    write(tmp_path, "unlabeled.conll", "one\ntwo\n")
    assert rows(read(tmp_path), "unlabeled") == [(("one", "two"), None)]


def test_only_columns_of_tags_are_claimed(tmp_path: Path) -> None:
    tagged = write(
        tmp_path, "tags.tsv", "".join(f"word{i}\tNN\nis\tVB\ngood\tJJ\n\n" for i in range(9))
    )
    assert read(tagged).format == "conll"
    table = write(
        tmp_path, "table.tsv", "".join(f"great{i}\tgood\nawful{i}\tbad\n" for i in range(9))
    )
    assert read(table).format == "tsv"
    phrases = write(tmp_path, "phrases.tsv", "a fine film\tO\na dull film\tB-X\n" * 3)
    assert read(phrases).format == "tsv"
    prose = write(tmp_path, "prose.txt", "Two words\nor three here\n\nand more of them\n")
    assert read(prose).format == "plain-text"


def test_a_folder_of_tsv_files(tmp_path: Path) -> None:
    for name in ("train.tsv", "test.tsv"):
        write(tmp_path, name, "EU\tB-ORG\nsays\tO\nno\tO\n")
    write(tmp_path, "README.md", "about")
    assert read(tmp_path).format == "conll" and list(read(tmp_path).splits) == ["train", "test"]
