"""The help of every verb: one sentence, options in groups, and two examples to copy."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

import pytest
import typer
from typer.testing import CliRunner

from graft.base import plugins
from graft.cli import options
from graft.cli.examples import EXAMPLES, START
from graft.cli.main import app

VERBS = typer.main.get_command(app).commands
GROUPS = [options.DATA, options.MODEL, options.TRAINING, options.OUTPUT, options.GENERATION]


def help_of(*words: str) -> str:
    return CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"}).output


def sections(text: str) -> dict[str, list[str]]:
    """Heading -> its lines; the first paragraph is under ''."""
    held: dict[str, list[str]] = {"": []}
    for line in text.splitlines()[1:]:
        if re.fullmatch(r"[A-Z][a-z]+:", line):
            held[line[:-1]] = []
        elif line.strip():
            held[[*held][-1]].append(line.strip())
    return held


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_is_a_sentence_groups_of_options_and_two_examples(verb: str) -> None:
    held = sections(help_of(verb))
    sentence = " ".join(held.pop(""))
    assert re.fullmatch(r"[A-Z][^.?]+[.?]", sentence), sentence
    assert held.pop("Examples") == list(EXAMPLES[verb])
    assert len(EXAMPLES[verb]) == 2
    assert held.pop("Help") == ["--help  Show this message and exit."]
    assert set(held) <= {"Arguments", *GROUPS}


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_call_the_verb_with_options_and_names_that_exist(verb: str) -> None:
    names = {name for axis in ("technique", "backbone") for name in plugins.names(axis)}
    parameters = VERBS[verb].params
    known = {name for each in parameters for name in (*each.opts, *each.secondary_opts)}
    for example in EXAMPLES[verb]:
        graft, called, *words = shlex.split(example)
        assert (graft, called) == ("graft", verb)
        assert {word for word in words if word.startswith("-")} <= known
        values = [value for word, value in pairwise(words) if word in ("-t", "-b")]
        assert {value.partition(":")[0] for value in values} <= names


def test_the_help_of_graft_itself_shows_the_sentence_of_each_verb_and_two_examples() -> None:
    held = sections(help_of())
    listing = " ".join(held["Commands"])
    for verb, command in VERBS.items():
        assert re.sub(r"\s+", " ", command.help) in re.sub(r"\s+", " ", listing), verb
    assert held["Examples"] == list(START)
