"""Bad input: a message on stderr, exit code 2, no traceback, and nothing left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Graft


def assert_refused(result, *words: str) -> None:
    """The command ended as a user's mistake, and its message holds `words`."""
    assert result.exit_code == 2, result.output
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.output
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("verb", ["check", "fit", "compare"])
def test_a_missing_folder(graft: Graft, verb: str) -> None:
    assert_refused(graft(verb, "nowhere"), "nowhere", "No such file or folder")


def test_an_empty_folder(graft: Graft, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_refused(graft("fit", "empty"), "empty", "class folders")


def test_one_class(graft: Graft, photos: Path) -> None:
    shutil.rmtree(photos / "bee")
    assert_refused(graft("fit", photos), "only one class", "'ant'")


def test_a_class_with_one_image_is_said_and_kept(graft: Graft, photos: Path) -> None:
    for image in list((photos / "bee").iterdir())[1:]:
        image.unlink()
    found = graft("check", photos)
    assert found.exit_code == 0
    assert "bee" in found.stdout
    assert any(line.startswith("warning:") and "bee" in line for line in found.stdout.splitlines())


def test_a_truncated_jpeg_and_a_file_of_no_bytes_stop_the_training(
    graft: Graft, photos: Path
) -> None:
    whole = (photos / "ant" / "3.jpg").read_bytes()
    (photos / "ant" / "3.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "bee" / "5.jpg").write_bytes(b"")
    assert_refused(
        graft("fit", photos, "-b", "tiny:cnn", "-o", "run"), "ant/3.jpg", "bee/5.jpg", "0 bytes"
    )
    assert not Path("run").exists()
    found = graft("check", photos)
    assert found.exit_code == 1
    assert "ant/3.jpg" in found.stdout
    assert "bee/5.jpg" in found.stdout


def test_a_text_in_an_image_folder_is_said(graft: Graft, photos: Path) -> None:
    (photos / "ant" / "notes.txt").write_text("not a picture")
    found = graft("check", photos)
    assert found.exit_code == 0
    assert "ant/notes.txt" in found.stdout


TABLES = {
    "no label column": (
        "text,length\nhello,1.5\nyou,2.5\nme,3.25\nwe,4.125\n",
        ("label", "'text', 'length'", "--columns"),
    ),
    "ragged rows": ("text,label\na b,x\nc,d,y,z,w\ne,y\n", ("table.csv:3",)),
    "a missing label": (
        "text,label\nhi there,x\nmy dear,\ngood bye,y\nand so,x\non,y\n",
        ("table.csv:3", "label"),
    ),
    "only a header": ("text,label\n", ("table.csv",)),
    "nothing": ("", ("table.csv", "empty")),
}


@pytest.mark.parametrize("what", TABLES)
def test_a_bad_table(graft: Graft, what: str) -> None:
    text, words = TABLES[what]
    Path("table.csv").write_text(text)
    assert_refused(graft("fit", "table.csv"), *words)


WRONG = {
    "technique": (
        ["-t", "lorra"],
        ["Unknown technique 'lorra'", "'lora'", "graft list techniques"],
    ),
    "parameter": (["-t", "lora:q=3"], ["'q'", "graft info lora"]),
    "value": (["-t", "lora:r=x"], ["whole number", "'x'"]),
    "spec": (["-t", "lora:r"], ["key=value"]),
    "technique for others": (
        ["-t", "zero-shot", "-b", "tiny:cnn"],
        ["'zero-shot'", "tiny:cnn", "Use 'nearest-prototypes'"],
    ),
    "backbone": (["-b", "efficientnet-lite"], ["Unknown backbone", "'efficientnet-lite0'"]),
    "network of a source": (["-b", "tiny:nonet"], ["'nonet'"]),
    "folder of a network": (["-b", "./none"], ["./none"]),
    "network for texts": (["-b", "tiny:bert"], ["tiny:bert", "image-classification"]),
    "task": (["--task", "image-clasification"], ["Unknown task", "'image-classification'"]),
    "task of other data": (["--task", "text-classification"], ["needs text"]),
    "format": (["--format", "npzz"], ["Unknown format", "'npz'"]),
    "precision": (["--precision", "fp7"], ["'fp7'", "fp32"]),
    "column": (["--columns", "label"], ["ROLE=NAME"]),
    "fraction": (["--fraction", "2"], ["fraction must be a number more than 0 and at most 1", "2"]),
    "no fraction": (
        ["--fraction", "0"],
        ["fraction must be a number more than 0 and at most 1", "0"],
    ),
    "epochs": (["--epochs", "-1"], ["epochs", "more than 0", "-1"]),
    "endless epochs": (["--epochs", "inf"], ["epochs", "more than 0", "inf"]),
    "epochs that are none": (["--epochs", "nan"], ["epochs", "more than 0", "nan"]),
    "seed": (["--seed", "-1"], ["seed", "from 0 to", "-1"]),
    "batch size": (["--batch-size", "0"], ["batch_size must be a whole number from 1 on", "0"]),
    "checkpoint seconds": (
        ["--checkpoint-seconds", "nan"],
        ["checkpoint_seconds", "from 0 on", "nan"],
    ),
    "learning rate": (["-t", "lora:lr=nan"], ["lr of 'lora'", "more than 0", "nan"]),
    "shots": (["--shots", "0"], ["shots must be a whole number from 1 on", "0"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_word(graft: Graft, photos: Path, what: str) -> None:
    options, words = WRONG[what]
    assert_refused(graft("fit", photos, *options), *words)


@pytest.mark.parametrize(
    ("option", "name"), [("--seeds", "seeds"), ("--jobs", "jobs"), ("--shots", "shots")]
)
def test_a_number_of_a_comparison_out_of_range(
    graft: Graft, photos: Path, option: str, name: str
) -> None:
    assert_refused(graft("compare", photos, option, "-1"), name, "from 1 on", "-1")


def test_a_list_of_fractions_that_is_none(graft: Graft, photos: Path) -> None:
    assert_refused(
        graft("compare", photos, "--fractions", "0.1;1"), "0.1;1", "--fractions 0.1,0.3,1"
    )


@pytest.mark.parametrize("verb", ["resume", "report"])
def test_a_folder_that_is_no_run(graft: Graft, photos: Path, verb: str) -> None:
    assert_refused(graft(verb, photos), "photos", "spec.json")


def test_a_folder_that_is_no_model(graft: Graft, photos: Path) -> None:
    assert_refused(graft("predict", photos, photos / "ant" / "1.jpg"), "photos", "graft.json")
    assert_refused(graft("evaluate", photos, photos), "photos", "graft.json")


def test_an_input_that_is_not_there(graft: Graft, run: Path) -> None:
    assert_refused(graft("predict", run, "new.jpg"), "No such file or folder: new.jpg")


def test_a_form_of_predictions_that_is_not_known(graft: Graft, run: Path) -> None:
    assert_refused(
        graft("predict", run, run.parent / "photos", "-o", "rows.xls"), "rows.xls", ".csv"
    )
    assert not Path("rows.xls").exists()


def test_a_folder_that_holds_another_run(graft: Graft, run: Path) -> None:
    before = (run / "result.json").read_bytes()
    assert_refused(
        graft("fit", run.parent / "photos", "-b", "tiny:cnn", "--seed", "5", "-o", run),
        "another run",
        "--out",
    )
    assert (run / "result.json").read_bytes() == before


def test_an_out_that_is_inside_a_file(graft: Graft, photos: Path) -> None:
    Path("file").write_text("")
    assert_refused(graft("fit", photos, "-b", "tiny:cnn", "-o", "file/run"), "file/run", "--out")


def test_names_that_nothing_has(graft: Graft) -> None:
    assert_refused(graft("info", "lorra"), "'lora'")
    assert_refused(graft("list", "tecniques"), "'techniques'")
    assert_refused(graft("pull", "minilm"), "'minilm-l6'")
    assert_refused(graft("fitt"), "fitt")


def test_debug_shows_the_traceback_wherever_it_stands(graft: Graft) -> None:
    for words in (["--debug", "check", "nowhere"], ["check", "nowhere", "--debug"]):
        assert graft(*words).exception.__class__.__name__ == "DataError"
