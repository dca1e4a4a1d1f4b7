"""Epochs that are asked for and not used are said to be."""

from __future__ import annotations

import pytest

from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training.engine import Engine
from graft.training.loop.stage import Settings
from graft.training.loop.trainer import train
from graft.training.observers import Observer
from tests.contracts.tiny import TINY, task_of

TASK = "image-classification"
SOLVED = "was asked for {} epochs, which it does not use: its head is solved for"
OWN = "which it does not use: it has a number of its own; to set that, write feature-extraction:"


def warnings_of(spec, epochs, folder):
    task, data = task_of(TASK)
    engine = Engine("fp32")
    model = engine.place(build_model(TINY[TASK], task, pretrained=True, seed=0))
    settings = Settings(epochs=epochs)
    return train(model, task, parse(spec), data, settings, engine, folder, Observer())[1].warnings


@pytest.mark.parametrize(
    ("spec", "epochs", "words"),
    [
        ("feature-extraction", 3, f"feature-extraction {SOLVED.format(3)}"),
        ("feature-extraction:epochs=30", None, f"feature-extraction {SOLVED.format(30)}"),
        ("feature-extraction + l2-sp", 3, f"feature-extraction {SOLVED.format(3)}"),
        ("nearest-prototypes", 3, f"nearest-prototypes {SOLVED.format(3)}"),
        ("feature-extraction:solved=false", 2, f"{OWN}epochs=2"),
    ],
)
def test_a_technique_that_does_not_use_them_says_why(spec, epochs, words, tmp_path):
    (warning,) = warnings_of(spec, epochs, tmp_path)
    assert words in warning


@pytest.mark.parametrize(
    ("spec", "epochs"),
    [
        ("feature-extraction", None),
        ("feature-extraction:solved=false,epochs=2", 3),
        ("lp-ft", 1),
        ("full-fine-tuning:epochs=1", 2),
    ],
)
def test_nothing_is_said_of_epochs_that_count(spec, epochs, tmp_path):
    assert warnings_of(spec, epochs, tmp_path) == []
