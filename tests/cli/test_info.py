"""What `graft info` says of every plugin and metric: meanings, and examples that can be run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import typer

from graft.backbones.load import resolve
from graft.base import plugins
from graft.cli.cards import find_cards, known_names, parameters
from graft.cli.main import app
from graft.metrics.find import all_metrics
from graft.metrics.listing import list_metrics
from graft.tasks.specs import options
from graft.techniques.specs.combine import parse
from tests.cli.conftest import Graft
from tests.contracts.tiny import TINY, all_made_for, network_of

VERBS = typer.main.get_command(app).commands
WITH_EXAMPLE = ("backbone", "head", "metric", "source", "task", "technique")
CARDS = [card for name in sorted(set(known_names())) for card in find_cards(name)]
EXAMPLES = {
    f"{card['kind']} {card['name']}": card["example"]
    for card in CARDS
    if card["kind"] in WITH_EXAMPLE
}
DATA = {
    "book.txt": ("text-generation", "parquet", {}),
    "cells": ("object-detection", "coco", {}),
    "conll2003": ("token-classification", "conll", {}),
    "drawings": ("image-classification", "image-folder", {}),
    "leaves": ("semantic-segmentation", "mask-folders", {}),
    "mails": ("summarization", "parquet", {}),
    "meals": ("image-regression", "parquet", {"value": "grams"}),
    "more_photos": ("image-classification", "image-folder", {}),
    "multi30k": ("translation", "parallel", {}),
    "photos": ("image-classification", "image-folder", {}),
    "products.csv": ("text-regression", "parquet", {"value": "price"}),
    "questions": ("question-answering", "squad", {}),
    "recordings": ("audio-classification", "audio-folder", {}),
    "reviews.csv": ("text-classification", "parquet", {}),
    "reviews.jsonl": ("multi-task", "parquet", {}),
    "speech": ("audio-regression", "parquet", {"value": "score"}),
    "talks": ("automatic-speech-recognition", "kaldi", {}),
}
"""Data that examples name -> the task whose tiny data stand for them, their format, and the columns
that have another name."""


def parsed(example: str) -> dict[str, object]:
    """The options of an example, as the verb reads them where the data are; it is not run."""
    graft, verb, *words = shlex.split(example)
    for name in DATA:
        Path(name).mkdir(exist_ok=True)
    assert graft == "graft"
    return VERBS[verb].make_context(verb, words).params


def named(params: dict[str, object], option: str) -> Iterator[str]:
    """The values of an option that may be repeated."""
    value = params.get(option)
    yield from [value] if isinstance(value, str) else value or []


@pytest.mark.parametrize("axis", ["task", "technique"])
def test_every_parameter_says_what_it_means(axis: str) -> None:
    for name in plugins.names(axis):
        for parameter in parameters(axis, name):
            assert parameter["meaning"].endswith("."), f"{name}:{parameter['name']}"


def test_the_cards_of_metrics_are_read_from_the_files_as_they_are_imported() -> None:
    read = {card.name: 1 if card.higher_is_better else -1 for card in list_metrics()}
    assert read == {name: metric.sign for name, metric in all_metrics().items()}
    assert [card.name for card in list_metrics() if not card.meaning] == []


@pytest.mark.parametrize("owner", EXAMPLES)
def test_an_example_is_a_command_whose_options_and_names_exist(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert EXAMPLES[owner], "its docstring needs a last line `Example: graft ...`"
    params = parsed(EXAMPLES[owner])
    assert params.get("data", "photos") in DATA
    for spec in named(params, "technique"):
        parse(spec)
    for spec in named(params, "task"):
        options.parse(spec)
    for spec in named(params, "backbone"):
        resolve(spec)


@pytest.mark.parametrize("owner", [owner for owner in EXAMPLES if not owner.startswith("metric")])
def test_an_example_is_about_its_owner(owner: str) -> None:
    assert owner.split()[1] in EXAMPLES[owner] or owner == "source wheel"


@pytest.mark.slow
@pytest.mark.parametrize(
    "owner", [o for o in EXAMPLES if o.split()[0] in ("head", "task", "technique")]
)
def test_an_example_can_be_run(owner: str, graft: Graft) -> None:
    words, params = shlex.split(EXAMPLES[owner])[1:], parsed(EXAMPLES[owner])
    task, form, names = DATA[params["data"]]
    for place in filter(None, (params["data"], params.get("unlabeled"))):
        write_tiny(task, form, names, Path(place))
    spec = next(named(params, "task"), task)
    network = next((network_of(t, task) for t in named(params, "technique")), None)
    network = network or (TINY[task] if "head=" not in spec else all_made_for(spec)[0])
    if "-b" in words:
        del words[words.index("-b") : words.index("-b") + 2]
    done = graft(*words, "-b", network, "--dry-run")
    assert done.exit_code == 0, done.output


def write_tiny(task: str, form: str, names: dict[str, str], path: Path) -> None:
    """Write the tiny data of a task in a format, some columns under other names."""
    plugins.load("format", form)().write_tiny(plugins.load("task", task).tiny_data(), path)
    for table in path.glob("*.parquet") if names else ():
        pd.read_parquet(table).rename(columns=names).to_parquet(table)


def test_info_shows_meaning_and_example(graft: Graft) -> None:
    shown = graft("info", "lora").stdout
    assert "The rank of the update" in shown
    assert shown.index("r=8") < shown.index("optimizer=adamw") < shown.index("epochs=auto")
    assert shown.endswith("\nExample\n  graft fit reviews.csv -t lora:r=4,alpha=8\n")


def test_info_of_a_name_of_two_kinds_shows_both(graft: Graft) -> None:
    shown = graft("info", "yolox").stdout
    assert "yolox (source)" in shown
    assert "yolox (head)" in shown
    cards = json.loads(graft("info", "yolox", "--json").stdout)
    assert [card["kind"] for card in cards] == ["source", "head"]


def test_info_of_a_metric(graft: Graft) -> None:
    card = json.loads(graft("info", "ece", "--json").stdout)
    assert (card["kind"], card["higher_is_better"]) == ("metric", False)
    assert "lower is better" in graft("info", "ece").stdout
    rows = json.loads(graft("list", "metrics", "--json").stdout)
    assert {row["name"] for row in rows} == set(all_metrics())


@pytest.mark.parametrize(
    ("kind", "some", "others"),
    [
        ("inductive", {"lora", "fixmatch"}, {"mcc"}),
        ("transductive", {"mcc", "adabn", "source-only"}, {"lora"}),
        ("unsupervised", {"masked-language-modeling", "diet", "mae"}, {"mcc", "fixmatch"}),
    ],
)
def test_techniques_of_a_kind_of_transfer_are_listed(
    kind: str, some: set[str], others: set[str], graft: Graft
) -> None:
    rows = json.loads(graft("list", "techniques", "--kind", kind, "--json").stdout)
    names = {row["name"] for row in rows}
    assert some <= names
    assert not others & names


def test_an_unknown_kind_of_transfer_is_refused(graft: Graft) -> None:
    done = graft("list", "techniques", "--kind", "inductiv")
    assert done.exit_code == 2
    assert "inductive" in done.output


def test_the_size_and_the_settings_of_a_small_network_are_in_fitting_units(
    graft: Graft, tmp_path: Path
) -> None:
    from tests.unit.backbones.keras.models import keras, layers, saved

    network = keras.Sequential([layers.Input((8, 8, 3)), layers.Rescaling(1 / 255)])
    network.add(layers.Flatten())
    network.add(layers.Dense(5))
    shown = graft("info", f"keras:{saved(network, tmp_path / 'mine.keras')}").stdout
    assert "965 parameters, 4 kB, vector features" in shown
    assert "std (0.003922, 0.003922, 0.003922)" in shown
