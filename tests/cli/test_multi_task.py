"""`graft` with several `--task`: what is learned, predicted and measured, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.cli.conftest import Graft
from tests.unit.tasks.test_multi_task import reviews

ASKED = ("--task", "tone", "--task", "words=text-regression", "-b", "tiny:bert")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(reviews(tmp_path / "t.csv"))


def test_check_says_what_each_task_has(table: Path, graft: Graft) -> None:
    shown = graft("check", "t.csv", *ASKED[:4]).stdout
    assert "tone=text-classification + words=text-regression" in shown
    assert "task 'tone': known for" in shown


def test_check_warns_of_a_task_that_a_split_cannot_measure(table: Path, graft: Graft) -> None:
    rows = pd.read_csv(table)
    rows["split"] = ["train", "train", "val", "test"] * (len(rows) // 4)
    rows.loc[rows.split == "test", "tone"] = None
    rows.to_csv("split.csv", index=False)
    shown = " ".join(graft("check", "split.csv", *ASKED[:4]).stdout.split())
    assert "warning: task 'tone': known for" in shown
    assert (
        "0 of 15 in test. It has no label in test, so nothing is known of it there: move some."
        in shown
    )


def test_the_column_of_the_splits_is_no_task(table: Path, graft: Graft) -> None:
    rows = pd.read_csv(table)
    rows["split"] = ["train", "test", "train", "val"] * (len(rows) // 4) + ["train"] * (
        len(rows) % 4
    )
    rows.to_csv("split.csv", index=False)
    for verb in ("check", "fit"):
        refused = graft(verb, "split.csv", "--task", "tone", "--task", "split")
        assert refused.exit_code == 2, refused.output
        assert "names the split of a row is no task" in " ".join(refused.output.split())


def test_a_run_gives_a_column_a_task_and_is_measured_on_the_same_columns(
    table: Path, graft: Graft
) -> None:
    done = graft("fit", "t.csv", *ASKED, "-t", "feature-extraction", "--out", "run", "-q")
    assert done.exit_code == 0, done.output
    assert graft("predict", "run", "t.csv", "--out", "rows.csv").exit_code == 0
    rows = pd.read_csv("rows.csv")
    assert list(rows.columns) == ["id", "tone", "tone confidence", "words"]
    assert set(rows["tone"]) <= {"fine", "awful"}
    shown = graft("predict", "run", "fine fine").stdout
    assert "tone" in shown
    assert "words" in shown
    scores = json.loads(graft("evaluate", "run", "t.csv", "--json").stdout)
    assert {"tone.accuracy", "words.r2", "mean(tone.accuracy, words.r2)"} <= set(scores)
    alone = pd.DataFrame({"text": ["fine fine", "awful"], "label": ["fine", "awful"]})
    alone.to_csv("alone.csv", index=False)
    assert graft("evaluate", "run/models/tone", "alone.csv").exit_code == 0


def test_data_without_a_label_or_a_column_of_a_task_are_not_measured(
    table: Path, graft: Graft
) -> None:
    assert (
        graft("fit", "t.csv", *ASKED, "-t", "feature-extraction", "-o", "run", "-q").exit_code == 0
    )
    nothing = pd.DataFrame({"text": ["fine", "awful"], "tone": None, "words": None})
    nothing.to_csv("nothing.csv", index=False)
    refused = graft("evaluate", "run", "nothing.csv")
    assert refused.exit_code == 2
    assert "None of 2 examples has a label of tone, words" in refused.output
    nothing[["text", "tone"]].to_csv("nothing.csv", index=False)
    assert "add an empty column" in " ".join(graft("evaluate", "run", "nothing.csv").output.split())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["tone"], "Unknown task 'tone'.*--columns label=tone, or one more --task"),
        (["tone", "tone"], "'tone' is asked for twice. Leave out one"),
        (["tone=text-classification"], "one column and its task. Give one more --task"),
        (["tone", "text-regression"], "is a task without a column.*--task COLUMN=text-regression"),
        (["tone", "nope"], "no column 'nope'.*Its columns: 'text', 'tone', 'words'"),
        (["tone", "words=image-regression"], "'words' needs image.*--task words=text-regression"),
        (["tone=nope", "words"], "a column 'tone', but none.*task 'nope'.*--task tone=TASK"),
        (["text", "tone"], "'text' is the text that the network reads.*Leave out --task text"),
        (
            ["tone", "words=text-regression", "--columns", "text=tone"],
            "'tone' is asked for as text",
        ),
        (["tone", "words=text-regression", "--columns", "label=tone"], "names a target.*Leave it"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_the_way_out(
    asked: list[str], words: str, table: Path, graft: Graft
) -> None:
    at = asked.index("--columns") if "--columns" in asked else len(asked)
    tasks = [word for task in asked[:at] for word in ("--task", task)]
    done = graft("fit", "t.csv", *tasks, *asked[at:], "-b", "tiny:bert", "--dry-run")
    assert done.exit_code == 2
    assert re.search(words, done.output.replace("\n", " ")), done.output


def test_too_few_drawn_samples_are_refused_before_anything_is_written(
    table: Path, graft: Graft
) -> None:
    done = graft("fit", "t.csv", *ASKED, "--fraction", "0.001", "--out", "run")
    assert done.exit_code == 2
    assert re.search("from the 1 sample drawn out of.*Use a larger fraction", done.output), (
        done.output
    )
    assert not Path("run").exists()


def test_a_folder_of_classes_has_no_columns_for_several_tasks(table: Path, graft: Graft) -> None:
    for name in ("fine", "awful"):
        Path("texts", name).mkdir(parents=True)
        for number in range(8):
            Path("texts", name, f"{number}.txt").write_text(f"{name} {number}", encoding="utf-8")
    done = graft("fit", "texts", *ASKED[:2], "--task", "words", "--dry-run")
    words = "texts have one label for each sample and no columns.*Give a table with a column"
    assert done.exit_code == 2
    assert re.search(words, done.output), done.output


def test_a_technique_for_one_task_with_classes_names_the_tasks(table: Path, graft: Graft) -> None:
    done = graft("fit", "t.csv", *ASKED, "-t", "mixup", "--dry-run")
    assert done.exit_code == 2
    assert re.search("'mixup' is for a single task.*2 tasks: tone, words", done.output)


def test_a_column_of_masks_is_refused_with_the_task_that_learns_it(
    tmp_path: Path, graft: Graft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = []
    for number in range(12):
        for kind in ("leaf", "mask"):
            pixels = np.full((8, 8, 3), 20 * number if kind == "leaf" else number % 2, np.uint8)
            Image.fromarray(pixels).save(f"{kind}{number}.png")
        rows.append((f"leaf{number}.png", "ab"[number % 2], f"mask{number}.png"))
    pd.DataFrame(rows, columns=["file", "stress", "mask"]).to_csv("t.csv", index=False)
    asked = ("fit", "t.csv", "--columns", "image=file", "--task", "stress", "--dry-run", "--task")
    guessed = graft(*asked, "mask")
    assert guessed.exit_code == 2
    assert re.search(
        "'mask' holds pictures.*train them alone, with --columns mask=mask", guessed.output
    )
    named = graft(*asked, "mask=semantic-segmentation")
    assert named.exit_code == 2
    assert re.search("not learned with other tasks yet.*--columns mask=mask", named.output)
