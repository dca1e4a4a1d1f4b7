"""What is wrong in a call from Python: each is a GraftError that names the argument."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graft
from graft.base.errors import BadValue, DataError, FolderError, GraftError, UnknownName

TEXTS = [f"{'good' if i % 2 else 'bad'} film, number {i}" for i in range(40)]
FRAME = pd.DataFrame({"text": TEXTS, "label": ["pos" if i % 2 else "neg" for i in range(40)]})


def fit(**options: object) -> object:
    return graft.fit(FRAME, **{"backbone": "tiny:bert", "dry_run": True, **options})


WRONG = {
    "an option": ({"epoch": 5}, "Unknown option of graft.fit: 'epoch'. Did you mean 'epochs'"),
    "an option of reading": ({"colums": {}}, "'colums'. Did you mean 'columns'"),
    "an option of ours": ({"must_split": False}, "Unknown option of graft.fit: 'must_split'"),
    "several techniques": ({"technique": ["lora"]}, r"technique must be a text.*\['lora'\]"),
    "several backbones": ({"backbone": ["tiny:bert"]}, "backbone must be a text"),
    "a task": ({"task": 5}, "task must be a text.*5"),
    "a share": ({"val": "x"}, "val must be a number from 0 to less than 1. Got 'x'"),
    "unlabeled texts": ({"unlabeled": TEXTS[:2]}, "unlabeled must be a path"),
    "a folder": ({"out": 5}, "out must be a path. Got 5"),
    "a word for a flag": ({"weighted": "no"}, "weighted must be True or False. Got 'no'"),
    "a word for a header": ({"header": "no"}, "header must be True or False. Got 'no'"),
    "a delimiter": ({"delimiter": 5}, "delimiter must be a text. Got 5"),
    "a separator": ({"label_separator": 5}, "label_separator must be a text. Got 5"),
    "columns": ({"columns": ["text"]}, "columns must be a dict"),
    "a format of a frame": ({"format": "csv"}, "format only count for files"),
    "shots of a fraction": ({"shots": 2, "fraction": 0.5}, "shots=2 and a fraction of 0.5"),
    "epochs beyond counting": ({"epochs": 1e300}, "epochs must be .* at most 1,000,000"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_argument_is_named(what):
    options, words = WRONG[what]
    with pytest.raises(GraftError, match=words):
        fit(**options)


def test_options_of_reading_do_not_count_for_data_that_are_read():
    data = graft.load_data(FRAME)
    with pytest.raises(BadValue, match=r"columns only count where data are read"):
        graft.fit(data, columns={"label": "zz"})
    with pytest.raises(BadValue, match="columns only count for files"):
        graft.load_data(data, columns={"label": "zz"})


def test_a_backbone_may_be_the_path_of_a_folder(tmp_path):
    with pytest.raises(GraftError, match=str(tmp_path / "none")):
        fit(backbone=tmp_path / "none")


@pytest.mark.parametrize("columns", [["text", "label", "label"], ["text", 1, "1"]])
def test_columns_of_one_name_are_refused(columns):
    frame = pd.DataFrame([["a", "b", "c"]], columns=pd.Index(columns, dtype=object))
    with pytest.raises(DataError, match=f"several columns of the name '{columns[-1]}'"):
        graft.load_data(frame)


def test_keys_of_one_name_are_refused():
    with pytest.raises(DataError, match="several columns of the name '1'"):
        graft.load_data([{"text": "a", 1: "x", "1": "y"}])


def test_check_takes_data_as_fit_does(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    for data in (FRAME, tmp_path / "t.csv", graft.load_data(FRAME)):
        assert any(finding.code == "classes" for finding in graft.check(data))
    with pytest.raises(DataError, match="Data cannot be made of a int"):
        graft.check(5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: graft.load(None),
        lambda: graft.resume(None),
        lambda: graft.embed(5, TEXTS),
        lambda: graft.compare(FRAME, [None]),
        lambda: graft.compare(FRAME, backbones=5),
        lambda: graft.compare(FRAME, seeds=1_001),
        lambda: graft.compare(FRAME, shots=2, fractions=(0.5, 1.0)),
    ],
)
def test_what_is_no_path_no_name_and_no_number_is_refused(call):
    with pytest.raises(BadValue, match=r"must be|both say"):
        call()


def test_a_file_is_no_model(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(FolderError, match=r"t.csv is a file. Give the folder of a run"):
        graft.load(tmp_path / "t.csv")


def test_a_study_is_no_model(tmp_path):
    (tmp_path / "study.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FolderError, match=r"is a study.* Give the folder of one of its runs"):
        graft.load(tmp_path)


def test_an_option_that_reading_does_not_have_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'val'"):
        graft.load_data(FRAME, vall=0.2)


def test_half_a_sign_is_named_with_its_row(tmp_path):
    rows = "".join(f'{{"text": "a \\ud83d {i}", "label": "{i % 2}"}}\n' for i in range(20))
    (tmp_path / "t.jsonl").write_text(rows)
    with pytest.raises(DataError, match=r"20 texts of t.jsonl hold half a sign.*t.jsonl:1"):
        graft.load_data(tmp_path / "t.jsonl")
    with pytest.raises(DataError, match=r"half a sign.*text:1"):
        graft.embed("tiny:sentence-bert", ["a\udc80b"])


@pytest.mark.parametrize("value", [None, 5, np.zeros(2)])
def test_what_is_no_text_is_named(value):
    with pytest.raises(DataError, match=r"1 of 2 texts are none: input:2 \(text\)"):
        graft.embed("tiny:sentence-bert", [{"text": "a"}, {"text": value}])


def test_texts_without_a_word_are_named(caplog):
    graft.embed("tiny:sentence-bert", ["good", "", "  "])
    assert "2 texts without a word, of 3: text:2 (text), text:3 (text)." in caplog.messages


def test_options_of_files_do_not_count_for_texts():
    with pytest.raises(BadValue, match="columns only count for files"):
        graft.embed("tiny:sentence-bert", "good film", columns={"text": "zz"})
    with pytest.raises(UnknownName, match="'nonsense'"):
        graft.embed("tiny:sentence-bert", "good film", format="nonsense")


def test_a_column_without_a_value_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\n" + ",0\n,1\n" * 20)
    with pytest.raises(DataError, match="Without a single value: 'text'"):
        graft.load_data(tmp_path / "t.csv")


def other_files(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def a_study(folder: Path) -> None:
    (folder / "study.json").write_text("{}")


@pytest.mark.parametrize(
    ("write", "words"), [(other_files, "holds other files: notes.txt"), (a_study, "holds a study")]
)
def test_a_run_is_not_written_among_other_things(tmp_path, write, words):
    write(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FolderError, match=words):
        fit(out=tmp_path, dry_run=False)
    assert sorted(tmp_path.iterdir()) == before


def test_a_study_is_not_written_into_a_run(tmp_path):
    (tmp_path / "spec.json").write_text("{}")
    with pytest.raises(FolderError, match="holds a run"):
        graft.compare(FRAME, "bitfit", "tiny:bert", out=tmp_path)


NAMED = {graft.fit: "backbone", graft.compare: "backbones"}


@pytest.mark.parametrize("out", [".", "run", "pos/run"])
def test_nothing_is_written_into_the_data(tmp_path, out):
    for name in ("pos", "neg"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(10):
            (tmp_path / "data" / name / f"{i}.txt").write_text(f"{name} {i}")
    for verb in (graft.fit, graft.compare):
        with pytest.raises(FolderError, match="lies in the data"):
            verb(tmp_path / "data", out=tmp_path / "data" / out, **{NAMED[verb]: "tiny:bert"})
