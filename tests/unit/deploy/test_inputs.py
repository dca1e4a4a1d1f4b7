"""What a user gives to a trained model."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from graft.base.errors import DataError, FolderError
from graft.deploy.inputs import read_inputs
from graft.deploy.predictor import Predictor

TEXTS = [f"the words of a text, number {i}" for i in range(30)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ids(inputs: object, role: str = "text", **reading: object) -> list[str]:
    return [sample.id for sample in read_inputs(inputs, role, **reading)]


def texts(inputs: object, **reading: object) -> list[str]:
    return [sample.roles["text"] for sample in read_inputs(inputs, "text", **reading)]


def test_an_empty_text_is_a_text_and_not_the_folder_around(here: Path) -> None:
    (here / "other.csv").write_text("text,label\nnot asked for,a\n")
    for inputs in ("", [""]):
        (sample,) = read_inputs(inputs, "text")
        assert (sample.id, sample.roles) == ("text:1", {"text": ""})


@pytest.mark.parametrize(
    "name",
    [
        "new/reviews.csv",
        "reviews.csv",
        "new.conll",
        "./reviews",
        "here/reviews",
        "../reviews.txt",
        "a.jpg",
    ],
)
def test_the_name_of_a_file_that_is_not_there_is_no_text(here: Path, name: str) -> None:
    (here / "here").mkdir()
    for inputs in (name, [name], ["a text", name], pd.Series(["a text", name])):
        with pytest.raises(DataError, match="No such file or folder"):
            read_inputs(inputs, "text")


@pytest.mark.parametrize(
    "text",
    [
        "and/or",
        "n/a",
        "/s",
        "3.5",
        "good",
        "see reviews.csv",
        "e.g.",
        "http://example.org/a",
        "a\0b",
    ],
)
def test_words_with_slashes_and_dots_are_texts(text: str) -> None:
    assert texts(text) == [text] and texts([text, "another"]) == [text, "another"]


def test_one_word_of_several_that_is_the_name_of_a_folder_is_a_text(here: Path) -> None:
    (here / "good").mkdir()
    assert texts(["good", "bad"]) == ["good", "bad"]


def test_several_files_of_texts_are_read_beside_texts(here: Path) -> None:
    (here / "one.txt").write_bytes("schön".encode("cp1252"))
    (here / "more.csv").write_text("text\na b\nc d\n")
    assert ids(["one.txt", "a text", "more.csv"]) == [
        "one.txt",
        "text:2",
        "more.csv:2",
        "more.csv:3",
    ]
    assert texts("one.txt") == ["schön"]


@pytest.mark.parametrize(
    "wrap",
    [
        pd.Series,
        lambda t: pd.Series(t).to_numpy(),
        np.array,
        tuple,
        lambda t: pd.Series(t, dtype="string"),
    ],
)
def test_a_column_of_pandas_or_an_array_is_a_list_of_texts(wrap) -> None:
    assert texts(wrap(TEXTS)) == TEXTS


def test_a_column_with_a_missing_text_is_refused() -> None:
    with pytest.raises(DataError, match="values of type"):
        read_inputs(pd.Series([*TEXTS, None]), "text")


def test_the_column_that_the_task_reads_is_found_or_named(here: Path) -> None:
    rows = [f'{i},user{i},{text[:12]},"{text}"' for i, text in enumerate(TEXTS)]
    (here / "new.csv").write_text("Id,UserId,Summary,Text\n" + "\n".join(rows))
    kinds = frozenset({"labels", "text-pairs"})
    assert texts("new.csv", kinds=kinds) == TEXTS
    assert texts("new.csv", kinds=kinds, columns={"text": "Summary"})[0] == TEXTS[0][:12]


def test_the_form_of_a_table_can_be_said(here: Path) -> None:
    (here / "new.csv").write_text("".join(f"{i}~{text}\n" for i, text in enumerate(TEXTS)))
    assert (
        texts("new.csv", format="csv", delimiter="~", header=False, columns={"text": "1"}) == TEXTS
    )


def test_files_that_are_left_out_are_said(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.new("L", (8, 8)).save(here / "1.png")
    for name in ("phone.heic", "notes.doc"):
        (here / name).write_bytes(b"\0" * 64)
    with caplog.at_level(logging.WARNING, "graft"):
        assert ids(".", "image") == ["1.png"]
    assert caplog.messages == [
        "1 file left out, they are not images: notes.doc.",
        "1 file left out, images ending in .heic cannot be read here, turn them into JPEG: "
        "phone.heic.",
    ]


def write_pictures(folder: Path) -> None:
    for i in range(2):
        Image.fromarray(np.full((8, 8, 3), 90 * i, np.uint8)).save(folder / f"{i}.png")


@pytest.mark.parametrize(
    ("name", "content"), [("notes.txt", "A day at the sea.\n"), ("t.csv", "text\ngood\nbad\n")]
)
def test_what_lies_beside_pictures_is_named_and_not_predicted(
    here: Path, caplog: pytest.LogCaptureFixture, name: str, content: str
) -> None:
    write_pictures(here)
    (here / name).write_text(content)
    assert ids(here, "image") == ["0.png", "1.png"]
    assert f"1 file left out, they are not images: {name}." in caplog.text


def test_a_table_that_names_pictures_says_which_are_predicted(here: Path) -> None:
    write_pictures(here)
    (here / "metadata.csv").write_text("image,label\n1.png,a\n")
    (sample,) = read_inputs(here, "image")
    assert sample.roles["image"] == here / "1.png"


def test_a_run_without_a_trained_model_says_how_to_go_on(tmp_path):
    (tmp_path / "spec.json").write_text("{}")
    with pytest.raises(FolderError, match=r"no trained model yet\. Resume it: graft resume"):
        Predictor(tmp_path)


def test_samples_of_sound_come_with_their_rate() -> None:
    sound = {"array": np.zeros(800), "sampling_rate": 8000}
    for inputs in (sound, [sound]):
        (sample,) = read_inputs(inputs, "audio")
        assert (sample.id, sample.roles) == ("input:1", {"audio": sound})
    assert ids([b"RIFF", b"fLaC"], "audio") == ["input:1", "input:2"]


@pytest.mark.parametrize(
    "inputs", [np.zeros(800), [np.zeros(800)], (np.zeros((800, 2)), 8000), torch.zeros(800)]
)
def test_samples_of_sound_without_their_rate_are_refused(inputs: object) -> None:
    with pytest.raises(DataError, match=r'does not say how .* Give {"array": samples, "sampling_'):
        read_inputs(inputs, "audio")
