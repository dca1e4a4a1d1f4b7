from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from graft.base.errors import BadValue, DataError
from graft.data.data import Data
from graft.data.images.open import open_image
from graft.data.load import load_data, read

TEXTS = (
    "what a fine film this is",
    "a dull and tiresome thing",
    "nothing new in it at all",
    "warm, clever and very funny",
)


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def rows(data: Data, split: str = "all") -> list[tuple]:
    return [(s.roles["text"], s.roles["label"]) for s in data.splits[split]]


def table(delimiter: str = ",", header: str | None = "text,label", quote: str = '"') -> str:
    lines = [] if header is None else [header.replace(",", delimiter)]
    return (
        "\n".join(
            [
                *lines,
                *(
                    f"{quote}{t}{quote}{delimiter}{'pos' if i in (0, 3) else 'neg'}"
                    for i, t in enumerate(TEXTS)
                ),
            ]
        )
        + "\n"
    )


EXPECTED = [(t, "pos" if i in (0, 3) else "neg") for i, t in enumerate(TEXTS)]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("header", ["text,label", None])
def test_delimiters_with_and_without_header(
    tmp_path: Path, delimiter: str, header: str | None
) -> None:
    data = read(write(tmp_path, "t.csv", table(delimiter, header)))
    assert rows(data) == EXPECTED
    assert [s.id for s in data.splits["all"]] == [
        f"t.csv:{i + (1 if header is None else 2)}" for i in range(4)
    ]
    assert any("delimited by" in n for n in data.notes) == (delimiter != ",")
    assert any("no header row" in n for n in data.notes) == (header is None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    text = end.join(["text,label", "schöne “Grüße”,gut", "naïve façade,schlecht", ""])
    data = read(write(tmp_path, "t.csv", text, encoding))
    assert rows(data) == [("schöne “Grüße”", "gut"), ("naïve façade", "schlecht")]
    assert data.notes == (
        ["t.csv is not UTF-8; it was read as Windows-1252."] if encoding == "cp1252" else []
    )


def test_quoted_fields_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.csv", 'text,label\n"two\nlines, ""said"" he",a\nplain,b\n'))
    assert rows(data) == [('two\nlines, "said" he', "a"), ("plain", "b")]
    assert [s.id for s in data.splits["all"]] == ["t.csv:2", "t.csv:4"], (
        "ids are the lines on which records begin"
    )


def test_quotes_are_text_in_tsv(tmp_path: Path) -> None:
    data = read(
        write(
            tmp_path,
            "t.tsv",
            'ham\t"quoted" at the start\nspam\tan open " quote\n'
            'ham\tnothing "here"\nspam\t"win now\n',
        )
    )
    assert rows(data) == [
        ('"quoted" at the start', "ham"),
        ('an open " quote', "spam"),
        ('nothing "here"', "ham"),
        ('"win now', "spam"),
    ]


def test_tsv_with_quoted_tabs_is_read_with_quoting(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.tsv", 'text\tlabel\n"a\tb"\tx\n"c ""d"""\ty\n'))
    assert rows(data) == [("a\tb", "x"), ('c "d"', "y")] and "quoted fields" in data.notes[0]


def test_header_of_unknown_words_is_told_by_content(tmp_path: Path) -> None:
    text = "Nachricht,Art\n" + "".join(
        f"eine längere Nachricht {i},{'a' if i % 2 else 'b'}\n" for i in range(8)
    )
    data = read(write(tmp_path, "t.csv", text))
    assert len(data.splits["all"]) == 8 and data.classes == ["a", "b"]
    assert any("Row 1 of t.csv was taken for the header" in n for n in data.notes)
    assert len(read(tmp_path / "t.csv", header=False).splits["all"]) == 9


def test_several_text_columns_are_joined_and_said(tmp_path: Path) -> None:
    data = read(write(tmp_path, "t.csv", "label,title,text\na,One,two three\nb,Four,five six\n"))
    assert rows(data) == [("One two three", "a"), ("Four five six", "b")]
    assert "'title', 'text' are joined" in data.notes[0]
    assert rows(read(tmp_path / "t.csv", columns={"text": "text"}))[0] == ("two three", "a")
    assert rows(read(tmp_path / "t.csv", columns={"text": "text+title"}))[0] == (
        "two three One",
        "a",
    )


def test_columns_by_name_and_number(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "t.csv",
        "u,v,w\n" + "".join(f"some words {i},{i % 2},{i % 3}\n" for i in range(9)),
    )
    assert read(file, columns={"text": "u", "label": "w"}).classes == ["0", "1", "2"]
    assert read(file, columns={"text": "0", "label": "1"}).classes == ["0", "1"]
    with pytest.raises(DataError, match=r"no column 'nope' .*'u', 'v', 'w'"):
        read(file, columns={"label": "nope"})
    with pytest.raises(DataError, match="Unknown role color"):
        read(file, columns={"color": "u"})
    with pytest.raises(DataError, match="For speaker write group"):
        read(file, columns={"speaker": "u"})


def test_ambiguous_and_absent_labels_list_the_columns(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "t.csv",
        "u,v,w\n" + "".join(f"some words {i},{i % 2},{i % 3}\n" for i in range(9)),
    )
    with pytest.raises(
        DataError, match=r"'v', 'w' may each be the label.*--columns label=v.*'u', 'v', 'w'"
    ):
        read(file)
    file = write(
        tmp_path, "n.csv", "id,text\n" + "".join(f"{i},some words {i}\n" for i in range(9))
    )
    with pytest.raises(
        DataError,
        match=r"Cannot tell which column of .* is the label.*'id', 'text'.*--columns label=",
    ):
        read(file)
    file = write(tmp_path, "m.csv", "text,category,topic\na b,1,2\nc d,1,3\n")
    with pytest.raises(DataError, match="'category', 'topic'"):
        read(file)


def test_ragged_rows_are_named(tmp_path: Path) -> None:
    file = write(tmp_path, "t.csv", "text,label\none,a\ntwo,b,c\nthree,a\nfour\n")
    with pytest.raises(DataError, match=r"2 of its lines.*t\.csv:3 \(3\), t\.csv:5 \(1\)"):
        read(file)


def test_missing_labels_are_named(tmp_path: Path) -> None:
    file = write(tmp_path, "t.csv", "text,label\none,a\ntwo,\nthree,NaN\nfour,b\n")
    with pytest.raises(DataError, match=r"2 of 4 rows.*'label': t\.csv:3, t\.csv:4"):
        read(file)
    lines = '{"text": "one", "label": null}\n{"text": "two"}\n{"text": "three", "label": "a"}\n'
    with pytest.raises(DataError, match=r"t\.jsonl:1, t\.jsonl:2"):
        read(write(tmp_path, "t.jsonl", lines))


def test_unlabeled_split_needs_no_labels(tmp_path: Path) -> None:
    write(tmp_path, "train.csv", table())
    write(tmp_path, "unlabeled.csv", "text\nsome words\nand more\n")
    data = read(tmp_path)
    assert rows(data, "unlabeled") == [("some words", None), ("and more", None)]
    write(tmp_path, "test.csv", "text\nsome words\n")
    with pytest.raises(DataError, match=r"test\.csv has no column 'label'.*named unlabeled"):
        read(tmp_path)


def test_labels_are_not_asked_for_when_predicting(tmp_path: Path) -> None:
    assert rows(read(write(tmp_path, "t.csv", "text\none\ntwo\n"), labels=False)) == [
        ("one", None),
        ("two", None),
    ]
    assert rows(read(write(tmp_path, "h.csv", table(header=None)), labels=False))[0][0] == TEXTS[0]


def test_tables_named_by_split(tmp_path: Path) -> None:
    for name in ("reviews_train.csv", "reviews_dev.csv", "reviews-test.csv"):
        write(tmp_path, name, table())
    write(tmp_path, "README.md", "about")
    write(tmp_path, "extra.bin", "?")
    data = read(tmp_path)
    assert {s: len(v) for s, v in data.splits.items()} == {"train": 4, "val": 4, "test": 4}
    assert data.notes == ["1 file left out, they are other than the tables read: extra.bin."]
    write(tmp_path, "books_train.csv", table())
    with pytest.raises(DataError, match="several tables whose names do not say which split"):
        read(tmp_path)


def test_two_formats_in_one_folder_must_be_chosen(tmp_path: Path) -> None:
    write(tmp_path, "train.csv", table())
    write(tmp_path, "train.tsv", table("\t", quote=""))
    with pytest.raises(
        DataError,
        match=r"several formats: 'csv' \(train\.csv\), 'tsv' \(train\.tsv\)\. "
        r"Choose with --format csv, or give the path of one of them, as .*train\.csv\.",
    ):
        read(tmp_path)
    assert read(tmp_path, format="tsv").format == "tsv"


def test_split_column(tmp_path: Path) -> None:
    text = "text,label,split\n" + "".join(
        f"words {i},{'ab'[i % 2]},{('train', 'train', 'dev', 'test')[i % 4]}\n" for i in range(16)
    )
    data = read(write(tmp_path, "t.csv", text))
    assert {s: len(v) for s, v in data.splits.items()} == {"train": 8, "val": 4, "test": 4}


def test_several_labels(tmp_path: Path) -> None:
    file = write(tmp_path, "t.csv", "text,labels\none,a|b\ntwo,b\nthree,\nfour,c | a\n")
    assert [label for _, label in rows(read(file, label_separator="|"))] == [
        ("a", "b"),
        ("b",),
        (),
        ("c", "a"),
    ]
    lines = '{"text": "one", "labels": ["a", "b"]}\n{"text": "two", "labels": []}\n'
    assert [label for _, label in rows(read(write(tmp_path, "t.jsonl", lines)))] == [("a", "b"), ()]


def test_jsonl_ends_lines_at_line_feeds_only(tmp_path: Path) -> None:
    lines = "".join(
        json.dumps({"text": f"a\u2028b\x85c {i}", "label": i % 2}, ensure_ascii=False) + "\r\n"
        for i in range(4)
    )
    data = read(write(tmp_path, "t.jsonl", lines))
    assert [t for t, _ in rows(data)] == [
        f"a\u2028b\x85c {i}" for i in range(4)
    ] and data.classes == ["0", "1"]


def test_jsonl_bad_lines_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 lines .*t\.jsonl:2 .*t\.jsonl:4 \(not an object\)"):
        read(write(tmp_path, "t.jsonl", '{"text": "a", "label": 1}\n{"text": \n\n[1]\n'))


def image_bytes(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_parquet_with_inline_images_and_class_names(tmp_path: Path) -> None:
    columns = {
        "image": [image_bytes(i) for i in range(6)],
        "label": [i % 3 for i in range(6)],
        "file": [f"{i}.png" for i in range(6)],
    }
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    pq.write_table(pa.table(columns), tmp_path / "test.parquet")
    assert read(tmp_path).classes == ["0", "1", "2"]
    (tmp_path / "classes.json").write_text('["ant", "bee", "cat"]')
    data = read(tmp_path)
    assert data.classes == ["ant", "bee", "cat"] and "0 = ant" in data.notes[-1]
    assert open_image(data.splits["train"][5].roles["image"], "it").getpixel((0, 0)) == (5, 5, 5)
    pq.write_table(pa.table({**columns, "name": ["A", "B", "C"] * 2}), tmp_path / "train.parquet")
    pq.write_table(pa.table({**columns, "name": ["A", "B", "C"] * 2}), tmp_path / "test.parquet")
    assert read(tmp_path).classes == ["A", "B", "C"]
    pq.write_table(pa.table({**columns, "name": list("ABCDEF")}), tmp_path / "solo.parquet")
    assert read(tmp_path / "solo.parquet").classes == ["ant", "bee", "cat"], (
        "a name column that is not one to one is no name"
    )


def test_class_names_are_read_from_names_to_numbers_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na text,0\nanother,1\nthe third,0\na fourth,1\n")
    (tmp_path / "classes.json").write_text('{"cat": 0, "dog": 1}')
    assert read(tmp_path / "t.csv").classes == ["cat", "dog"]


def test_class_names_in_another_form_are_passed_over_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na text,0\nanother,1\nthe third,0\na fourth,1\n")
    for content in ("5", "[1, 2]", "null"):
        (tmp_path / "classes.json").write_text(content)
        data = read(tmp_path / "t.csv")
        assert data.classes == ["0", "1"]
        assert any(
            "classes.json is not used: it is not a list of class names" in note
            for note in data.notes
        )


def test_parquet_as_hugging_face_writes_it(tmp_path: Path) -> None:
    features = {
        "info": {
            "features": {
                "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
                "image": {"_type": "Image"},
            }
        }
    }
    images = [{"bytes": image_bytes(i), "path": None} for i in range(4)]
    whole = pa.table({"image": images, "label": [0, 1, 0, 1]}).replace_schema_metadata(
        {"huggingface": json.dumps(features)}
    )
    for shard in range(2):
        pq.write_table(whole.slice(2 * shard, 2), tmp_path / f"train-0000{shard}-of-00002.parquet")
    data = read(tmp_path)
    assert [s.roles["label"] for s in data.splits["train"]] == ["neg", "pos", "neg", "pos"]
    assert open_image(data.splits["train"][3].roles["image"], "it").getpixel((0, 0)) == (3, 3, 3)


def test_whole_numbers_stored_as_fractions_are_whole(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a b", "c d"], "label": [1.0, 2.0]}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").classes == ["1", "2"]


def test_image_paths_in_a_table(tmp_path: Path) -> None:
    (tmp_path / "pictures é").mkdir()
    for i in range(4):
        (tmp_path / "pictures é" / f"{i}.png").write_bytes(image_bytes(i))
    inside = "file,label\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(4))
    data = read(write(tmp_path, "labels.csv", inside))
    assert data.splits["all"][1].roles["image"] == tmp_path / "pictures é" / "1.png"
    assert any("0.png is pictures é/0.png" in note for note in data.notes)
    beside = "a column,another\n" + "".join(f"pictures é/{i}.png,{'ab'[i % 2]}\n" for i in range(4))
    assert read(write(tmp_path, "more.csv", beside)).splits["all"][2].roles["image"].is_file()


def test_tables_without_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        read(write(tmp_path, "t.csv", ""))
    with pytest.raises(DataError, match="no rows"):
        read(write(tmp_path, "u.csv", "\n\n"))
    with pytest.raises(DataError, match=r"a header but no rows.*text, label"):
        read(write(tmp_path, "v.csv", "text,label\n"), header=True)
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="no rows"):
        read(tmp_path / "t.parquet")


def test_odd_options(tmp_path: Path) -> None:
    file = write(tmp_path, "t.csv", table())
    with pytest.raises(BadValue, match="one character"):
        read(file, delimiter="::")
    assert rows(read(write(tmp_path, "u.csv", table("#")), delimiter="#")) == EXPECTED
    with pytest.raises(DataError, match="'label'"):
        read(write(tmp_path, "w.csv", "label,label,text\na,b,c\n"), header=True)


def test_one_class_in_a_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only one class, 'x'"):
        load_data(write(tmp_path, "t.csv", "text,label\none,x\ntwo,x\nthree,x\n"))
