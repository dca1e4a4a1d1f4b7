"""Empty texts at the command line: reported by check, and trained on and predicted as others."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Graft


def test_empty_texts_are_named_learned_and_predicted(graft: Graft, tmp_path: Path) -> None:
    lines = [
        "text,label",
        *(f"{('ant', 'bee')[i % 2]} {i},{('ant', 'bee')[i % 2]}" for i in range(40)),
        ",bee",
        '"  ",ant',
    ]
    (tmp_path / "insects.csv").write_text("\n".join(lines) + "\n")
    checked = graft("check", "insects.csv")
    assert "2 texts without a word: insects.csv:42, insects.csv:43." in " ".join(
        checked.output.split()
    )
    done = graft(
        "fit",
        "insects.csv",
        "-b",
        "tiny:bert",
        "-t",
        "full-fine-tuning",
        "--epochs",
        "1",
        "-o",
        "run",
        "-q",
    )
    assert done.exit_code == 0, done.output
    told = graft("predict", "run", "", "--json")
    assert told.exit_code == 0, told.output
    (row,) = json.loads(told.stdout)
    assert row["id"] == "text:1" and row["prediction"] in ("ant", "bee")


def test_text_is_generated_from_an_empty_prompt(graft: Graft, tmp_path: Path) -> None:
    rows = [
        {"prompt": "" if i == 3 else f"say {i}", "completion": "" if i == 5 else f"{i}."}
        for i in range(40)
    ]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    checked = " ".join(graft("check", "said.jsonl").output.split())
    assert "1 prompt without a word: said.jsonl:4." in checked
    assert "1 completion without a word: said.jsonl:6." in checked
    done = graft(
        "fit",
        "said.jsonl",
        "-b",
        "tiny:llama",
        "-t",
        "full-fine-tuning",
        "--epochs",
        "1",
        "-o",
        "run",
        "-q",
    )
    assert done.exit_code == 0, done.output
    assert graft("generate", "run", "", "--max-new-tokens", "3").exit_code == 0
