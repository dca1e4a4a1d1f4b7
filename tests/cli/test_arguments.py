"""What is wrong among the arguments is said before anything is computed or lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graft.cli.main import app
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

PROMPTS = [{"prompt": f"say {i}", "completion": f"{i}."} for i in range(12)]


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a tiny network that writes; its prompts lie beside it."""
    folder = tmp_path_factory.mktemp("writer")
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PROMPTS))
    words = ["fit", str(folder / "p.jsonl"), "-b", "tiny:llama", "-t", "full-fine-tuning"]
    done = CliRunner().invoke(app, [*words, "--epochs", "1", "-q", "-o", str(folder / "run")])
    assert done.exit_code == 0, done.output
    return folder / "run"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("fit", "t.csv", "-b", ""), "--backbone"),
        (("fit", "t.csv", "-t", " "), "--technique"),
        (("fit", "t.csv", "-o", ""), "--out"),
        (("check", "t.csv", "--format", ""), "--format"),
        (("info", ""), "NAME"),
        (("predict", "", "x"), "MODEL"),
        (("resume", ""), "FOLDER"),
    ],
)
def test_an_empty_value_is_refused(graft: Graft, words: tuple[str, ...], name: str) -> None:
    Path("t.csv").write_text("text,label\n" + "a good one,x\na bad one,y\n" * 20)
    assert_refused(graft(*words), f"{name} is empty")
    assert sorted(Path().iterdir()) == [Path("t.csv")]


def test_a_role_given_twice_is_refused(graft: Graft) -> None:
    Path("t.csv").write_text("text,label\n" + "a good one,x\na bad one,y\n" * 20)
    twice = ("--columns", "label=label", "--columns", "label=text")
    assert_refused(graft("check", "t.csv", *twice), "label twice", "label=label+text")


def test_a_source_goes_with_backbones(graft: Graft) -> None:
    assert_refused(graft("list", "tasks", "--source", "tiny"), "graft list backbones --source tiny")


def test_seeds_have_a_limit(graft: Graft) -> None:
    Path("t.csv").write_text("text,label\n" + "a good one,x\na bad one,y\n" * 20)
    words = ("compare", "t.csv", "--seeds", "3000000", "--dry-run")
    assert_refused(graft(*words), "at most 1,000", "3000000")


def test_predictions_do_not_replace_their_input(graft: Graft, run: Path) -> None:
    Path("new.csv").write_text("path\na.jpg\n")
    for verb in ("predict", "embed"):
        out = "./new.csv" if verb == "predict" else "new.csv"
        refused = graft(verb, run, "new.csv", "-o", out)
        assert_refused(refused, "new.csv")
    assert Path("new.csv").read_text() == "path\na.jpg\n"


def test_an_ending_in_capitals_is_known(graft: Graft, run: Path) -> None:
    done = graft("predict", run, run.parent / "photos/ant/0.jpg", "-o", "X.CSV")
    assert done.exit_code == 0, done.output
    assert Path("X.CSV").read_text().startswith("id,prediction,confidence")


def test_beams_are_for_models_that_write(graft: Graft, run: Path) -> None:
    photos = run.parent / "photos"
    assert_refused(graft("evaluate", run, photos, "--num-beams", "5"), "num_beams=5")


def test_data_of_another_kind_are_not_measured(graft: Graft, run: Path, writer: Path) -> None:
    Path("t.csv").write_text("text,label\n" + "a good one,x\na bad one,y\n" * 20)
    for model, data in ((run, "t.csv"), (writer, run.parent / "photos")):
        assert_refused(graft("evaluate", model, data))


def test_every_prompt_of_a_file_is_continued(graft: Graft, writer: Path) -> None:
    words = ("generate", writer, writer.parent / "p.jsonl", "--max-new-tokens", "2")
    done = graft(*words, "--json")
    assert done.exit_code == 0, done.output
    assert [row["prompt"] for row in json.loads(done.stdout)] == [row["prompt"] for row in PROMPTS]
    assert "> say 11\n" in graft(*words).stdout


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--temperature", "1e-300", "temperature must be 0, or a number from 0.0001 on"),
        ("--temperature", "inf", "temperature must be"),
        ("--seed", "18446744073709551616", "seed must be a whole number from 0 to"),
        ("--seed", "-1", "seed must be"),
        ("--max-new-tokens", "0", "max_new_tokens must be a whole number from 1 on"),
    ],
)
def test_numbers_of_generation_have_a_range(
    graft: Graft, writer: Path, option: str, value: str, words: str
) -> None:
    assert_refused(graft("generate", writer, "say 1", option, value), words)


def test_a_run_whose_model_is_gone_is_trained_again(graft: Graft, writer: Path) -> None:
    words = ("fit", writer.parent / "p.jsonl", "-b", "tiny:llama", "-t", "full-fine-tuning")
    assert graft(*words, "--epochs", "1", "-q", "-o", "again").exit_code == 0
    card = Path("again/model/graft.json")
    saved = card.read_text()
    card.unlink()
    assert graft("resume", "again", "-q").exit_code == 0
    assert card.read_text() == saved
    assert "is gone, so the run is trained again" in Path("again/log.txt").read_text()


def test_another_run_in_the_folder_is_told_apart(graft: Graft, writer: Path) -> None:
    words = ("fit", writer.parent / "p.jsonl", "-b", "tiny:llama", "-t", "full-fine-tuning")
    refused = graft(*words, "--epochs", "2", "--seed", "3", "-o", writer)
    assert_refused(refused, "holds another run: seed 0, not 3; epochs 1.0, not 2.0")


@pytest.mark.slow
def test_a_study_without_a_finished_transfer_run_ends_with_1(graft: Graft) -> None:
    rows = [f"a {'bad' if i % 2 else 'good'} one {i},{i % 2}\n" for i in range(40)]
    Path("t.csv").write_text("text,label\n" + "".join(rows))
    words = ("compare", "t.csv", "-t", "full-fine-tuning:lr=1e30", "-b", "tiny:bert")
    done = graft(*words, "--seeds", "1", "--epochs", "1", "-q", "-o", "study")
    assert done.exit_code == 1, done.output
    assert "No verdict" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the shell is that of Unix")
def test_a_closed_pipe_is_no_error() -> None:
    line = f"{sys.executable} -m graft.cli list | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "0", done.stderr
    assert "Traceback" not in done.stderr
