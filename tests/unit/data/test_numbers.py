"""Numbers: when a column of them is a value each, and when its values are classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graft.base.errors import DataError
from graft.data.checks.inspect import inspect
from graft.data.load import load_data, read
from graft.data.memory import from_memory
from graft.data.sounds.wave_files import wave_bytes
from graft.data.tables.numbers import are_values


def table(folder: Path, header: str, *rows: str) -> Path:
    (folder / "t.csv").write_text("".join(row + "\n" for row in (header, *rows)), encoding="utf-8")
    return folder / "t.csv"


def scores(folder: Path) -> Path:
    return table(
        folder, "sentence,score", *(f"the words of row {i},{1 + i % 37 / 10}" for i in range(80))
    )


def test_a_column_of_many_fractions_is_a_value_each(tmp_path: Path) -> None:
    data = read(scores(tmp_path))
    assert data.kind == "numbers" and data.classes == []
    assert data.splits["all"][5].roles == {"text": "the words of row 5", "value": 1.5}
    assert any(
        "'score' holds many different numbers, so a value each; for classes: --columns label=score"
        in n
        for n in data.notes
    )
    assert read(tmp_path / "t.csv", columns={"label": "score"}).kind == "labels", (
        "who asks for classes gets them"
    )


@pytest.mark.parametrize(
    ("values", "so"),
    [
        ([str(i % 5) for i in range(40)], False),
        ([f"{i % 9 / 2}" for i in range(40)], False),
        ([f"{i / 10}" for i in range(40)], True),
        (list(range(40)), True),
        ([i % 100 for i in range(2000)], False),
        ([float(i) for i in range(30)], True),
        (["1.5", "2.5", "some"], False),
        ([True, False] * 20, False),
        (["1.5", None, "nan", *(str(i / 7) for i in range(20))], True),
    ],
)
def test_few_values_that_come_back_are_classes(values: list, so: bool) -> None:
    assert are_values(values) == so


def test_numbers_are_found_without_a_header(tmp_path: Path) -> None:
    file = table(tmp_path, *(f"some words number {i} here,{i / 2 + 3.25}" for i in range(100)))
    data = read(file)
    assert data.kind == "numbers" and data.splits["all"][1].roles["value"] == 3.75


def test_pairs_and_pictures_may_have_numbers(tmp_path: Path) -> None:
    rows = [f"one {i},another {i},{i * 0.1:.1f}" for i in range(30)]
    data = read(table(tmp_path, "sentence1,sentence2,score", *rows))
    assert data.splits["all"][3].roles == {"text": "one 3", "text_pair": "another 3", "value": 0.3}
    pictures = np.random.default_rng(0).integers(0, 255, (30, 8, 8), dtype=np.uint8)
    assert from_memory((pictures, np.linspace(0, 1, 30))).splits["all"][29].roles["value"] == 1.0
    assert from_memory((pictures, [str(i) for i in range(30)])).kind == "labels", (
        "words that look like numbers are classes"
    )


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    file = table(tmp_path, "text,value", "one,1.5", "two,many", "three,inf", "four,")
    with pytest.raises(
        DataError, match=r"1 of 4 rows .* has no value in the column 'value': t\.csv:5"
    ):
        read(file, columns={"value": "value"})
    file = table(tmp_path, "text,value", "one,1.5", "two,many", "three,inf")
    with pytest.raises(
        DataError,
        match=r"2 of 3 rows .*not a finite number: t\.csv:3 \('many'\), t\.csv:4 \('inf'\)",
    ):
        read(file, columns={"value": "value"})


def test_they_are_split_and_described(tmp_path: Path) -> None:
    data = load_data(scores(tmp_path))
    assert {split: len(part) for split, part in data.splits.items()} == {
        "train": 54,
        "val": 10,
        "test": 16,
    }
    found = [f.message for f in inspect(data) if f.code in ("counts", "values")]
    assert found[0] == "80 samples with a number each: train 54, val 10, test 16."
    assert found[1].startswith("train: 1") and "standard deviation" in found[1]


def test_one_number_for_all_cannot_be_learned(tmp_path: Path) -> None:
    file = table(tmp_path, "text,value", *(f"row {i},2.5" for i in range(20)))
    with pytest.raises(DataError, match=r"every value is 2\.5"):
        load_data(file, columns={"value": "value"})


def test_a_category_is_read_only_if_asked_for(tmp_path: Path) -> None:
    rows = (f"row {i},{'ab'[i % 2]},{i / 10}" for i in range(40))
    file = table(tmp_path, "text,category,value", *rows)
    assert "category" not in read(file, columns={"value": "value"}).roles
    data = read(file, columns={"value": "value", "category": "category"})
    assert [s.roles["category"] for s in data.splits["all"][:3]] == ["a", "b", "a"]


def test_one_number_for_all_of_a_split_is_a_warning(tmp_path: Path) -> None:
    rows = [f"row {i},{2.5 if i < 9 else i / 3},{'val' if i < 9 else 'train'}" for i in range(40)]
    rows += [f"test {i},{i / 7},test" for i in range(9)]
    data = load_data(table(tmp_path, "text,value,split", *rows), columns={"value": "value"})
    (found,) = [finding for finding in inspect(data) if finding.code == "constant"]
    assert found.severity == "warning" and len(found.samples) == 9
    assert found.message.startswith("val: all 9 values are 2.5, so no metric can tell")
    assert "remove it and let Graft cut one" in found.message


def test_of_a_split_that_graft_cut_more_samples_are_asked_for(tmp_path: Path) -> None:
    rows = [f"row number {i},{i % 2 / 2}" for i in range(6)]
    data = load_data(table(tmp_path, "text,value", *rows), columns={"value": "value"})
    assert data.cut == ("val", "test")
    messages = [finding.message for finding in inspect(data) if finding.code == "constant"]
    assert messages and all("add samples of other values" in message for message in messages)
    assert not any("let Graft cut" in message for message in messages)


def test_the_largest_numbers_are_described(tmp_path: Path) -> None:
    rows = (f"row {i},{1e308 + i * 1e304},{'train' if i < 30 else 'test'}" for i in range(40))
    file = table(tmp_path, "text,value,split", *rows)
    data = load_data(file, columns={"value": "value"})
    (message,) = [f.message for f in inspect(data) if f.message.startswith("train: 1e+308")]
    assert "median 1.00145e+308, mean 1.001e+308" in message


def test_columns_of_numbers_that_are_passed_over_are_named(tmp_path: Path) -> None:
    rows = [f"row {i},{'ab'[i % 2]},{i + 0.5},{i + 0.25}" for i in range(40)]
    priced = load_data(table(tmp_path, "text,x,price,weight", *rows), columns={"label": "x"})
    assert not any("not read" in note for note in priced.notes)
    guessed = load_data(table(tmp_path, "text,kind,price", *(r.rsplit(",", 1)[0] for r in rows)))
    assert any("'price' of numbers is not read" in note for note in guessed.notes)
    two = (f"row {i},{i + 0.5},{i + 0.25}" for i in range(40))
    notes = read(table(tmp_path, "text,price,weight", *two)).notes
    assert "The column 'price' is taken as the value; for another: --columns value=NAME." in notes
    assert any("'weight' of numbers is not read" in note for note in notes)


def test_a_column_of_one_number_is_offered_as_the_value(tmp_path: Path) -> None:
    rows = [f"row number {i},12.5" for i in range(40)]
    file = table(tmp_path, "text,price", *rows)
    with pytest.raises(DataError, match=r"label=NAME, or .*--columns value=price\."):
        read(file)
    data = load_data(file, columns={"value": "price"}, must_split=False)
    assert data.problem.endswith("every value is 12.5.")
    assert not [finding for finding in inspect(data) if finding.code == "constant"]


def test_numbers_of_sounds_are_asked_for_by_their_column(tmp_path: Path) -> None:
    for i in range(24):
        tone = np.sin(np.arange(800 + i) / 5) / 2
        (tmp_path / f"{i}.wav").write_bytes(wave_bytes(tone, 8000))
    rows = (f"{i}.wav,speaker {i // 4},{i / 7:.3f}" for i in range(24))
    file = table(tmp_path, "file,speaker,score", *rows)
    data = read(file, columns={"value": "score"})
    assert data.kind == "numbers"
    assert data.splits["all"][8].roles == {
        "audio": tmp_path / "8.wav", "group": "speaker 2", "value": 1.143,
    }  # fmt: skip
    assert read(file).kind == "numbers"
