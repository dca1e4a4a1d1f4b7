"""A graft command in this process, and small data for it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from graft.cli.main import app

Graft = Callable[..., Result]
COLORS = {"ant": (200, 40, 40), "bee": (40, 40, 200)}


@pytest.fixture
def graft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graft:
    """Calls `graft WORDS` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def schemas() -> ModuleType:
    """docs/schemas.py, which knows the answers of all verbs and is no part of the package."""
    path = Path(__file__).parents[2] / "docs" / "schemas.py"
    spec = importlib.util.spec_from_file_location("docs_schemas", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # its types look their module up
    return module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve red ants and twelve blue bees of 40 x 40 pixels."""
    return write_photos(tmp_path / "photos")


def write_photos(folder: Path, each: int = 12) -> Path:
    """A folder with a class folder for each color."""
    rng = np.random.default_rng(0)
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True)
        for i in range(each):
            pixels = np.clip(np.array(color) + rng.normal(0, 30, (40, 40, 3)), 0, 255).astype(
                np.uint8
            )
            Image.fromarray(pixels).save(folder / name / f"{i}.jpg")
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a tiny network; the photos lie beside it."""
    folder = tmp_path_factory.mktemp("finished")
    photos = write_photos(folder / "photos")
    words = ["fit", str(photos), "-b", "tiny:cnn", "--epochs", "3", "-o", str(folder / "run"), "-q"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return folder / "run"
