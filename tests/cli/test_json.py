"""What the verbs print with `--json`: by the schemas in docs/schemas/, errors too."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from graft.base import errors
from graft.base.errors import BadValue, DataError, GraftError, MissingExtra, UnknownName
from graft.cli.main import app
from tests.cli.conftest import Graft

ANSWERED = {
    "list": ["list"],
    "list of techniques": ["list", "techniques"],
    "info of a technique": ["info", "lora"],
    "info of a metric": ["info", "accuracy"],
    "info of a backbone": ["info", "minilm-l6"],
    "info of a network": ["info", "tiny:cnn"],
    "info of a name of two kinds": ["info", "yolox"],
    "cache": ["cache"],
    "doctor": ["doctor"],
    "fit without training": ["fit", "{photos}", "-b", "tiny:cnn", "--dry-run", "-q"],
    "resume of a finished run": ["resume", "{run}", "-q"],
    "evaluate": ["evaluate", "{run}", "{photos}"],
    "predict": ["predict", "{run}", "{photos}/ant/0.jpg"],
    "embed": ["embed", "{run}", "{photos}", "-o", "photos.npy"],
    "report": ["report", "{run}"],
}
TRAINED = {
    "fit": ["fit", "{photos}", "-b", "tiny:cnn", "--epochs", "1", "-q"],
    "compare": ["compare", "{photos}", *("-b", "tiny:cnn", "-t", "lp-ft", "-q", "--epochs", "1")],
    "compare without training": ["compare", "{photos}", "-b", "tiny:cnn", "--dry-run", "-q"],
}
CASES = [
    *(pytest.param(words, id=name) for name, words in ANSWERED.items()),
    *(pytest.param(words, id=name, marks=pytest.mark.slow) for name, words in TRAINED.items()),
]


@pytest.mark.parametrize("words", CASES)
def test_an_answer_follows_the_schema_of_its_verb(
    words: list[str], graft: Graft, run: Path, schemas: ModuleType
) -> None:
    places = {"run": run, "photos": run.parent / "photos"}
    done = graft(*(word.format(**places) for word in words), "--json")
    assert done.exit_code in (0, 1), done.output
    schemas.check(words[0], done.stdout)


def test_every_verb_with_json_has_a_schema(schemas: ModuleType) -> None:
    verbs = {command.name for command in app.registered_commands}
    assert set(schemas.ANSWERS) == {*verbs, "error"}


@pytest.mark.parametrize(
    ("words", "kind", "fix"),
    [
        (
            ["info", "lorra"],
            "unknown-name",
            "Did you mean 'lora' or 'rslora' or 'dora'? See: graft list",
        ),
        (["fit", "nowhere"], "data-error", "Pass a folder or a table."),
        (["fit", "{photos}", "-t", "lora:r=0"], "bad-value", "must be a whole number from 1 on."),
        (["report", "{photos}"], "folder-error", "Name the folder that --out gave."),
        (["fti"], "usage", "Did you mean 'fit'? See: graft --help"),
        (["fit", "--epcohs", "1"], "usage", "See: graft fit --help"),
        (["fit", "--epoch"], "usage", "See: graft fit --help"),
        (["predict"], "usage", "See: graft predict --help"),
    ],
)
def test_an_error_is_an_object_on_stdout(
    words: list[str], kind: str, fix: str, graft: Graft, photos: Path, schemas: ModuleType
) -> None:
    words = [word.format(photos=photos) for word in words]
    done = graft(*words, "--json")
    assert (done.exit_code, done.stderr) == (2, "")
    schemas.check("error", done.stdout)
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == kind
    assert fix in error["fix"]
    if kind != "usage":
        assert graft(*words).stderr == f"Error: {error['message']}\n"


@pytest.mark.parametrize("option", ["--json", "-q"])
def test_an_option_before_the_verb_is_sent_behind_it(option: str, graft: Graft) -> None:
    done = graft(option, "list")
    assert done.exit_code == 2
    assert f"Write it behind the verb: graft VERB {option}" in done.output
    assert "--version" not in done.output


def test_the_fix_of_an_option_before_the_verb_says_where_it_belongs(graft: Graft) -> None:
    fix = json.loads(graft("--json", "list", "tasks").stdout)["error"]["fix"]
    assert fix.startswith("Write it behind the verb: graft VERB --json.")


def test_json_after_two_dashes_is_an_input(graft: Graft) -> None:
    done = graft("predict", "nowhere", "--", "--json")
    assert (done.exit_code, done.stdout) == (2, "")


def test_the_kind_of_an_error_is_its_class() -> None:
    kinds = {GraftError("x").kind, *(cls("x").kind for cls in GraftError.__subclasses__())}
    names = "error unknown-name bad-value data-error backbone-error folder-error missing-extra"
    assert kinds == set(names.split())


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (UnknownName.of("task", "x", ["yy", "zz"]), "Known: 'yy', 'zz'."),
        (MissingExtra.of("Sound", "soxr", "audio"), "Install it: pip install 'graft-learn[audio]'"),
        (BadValue("r must be a number from 0 to 0.5. Got 2 instead."), "r must be a number from 0"),
        (
            DataError("a.csv is no table. It has 1.5 kB. Save it as UTF-8. 3 do."),
            "Save it as UTF-8",
        ),
        (DataError("No prompt has a word; give some that have."), "give some that have."),
        (DataError("a.csv holds no rows."), None),
    ],
)
def test_the_fix_of_an_error_is_the_part_that_asks_for_something(
    error: errors.GraftError, fix: str | None
) -> None:
    assert error.fix is None if fix is None else error.fix.startswith(fix)
