"""Embeddings from the command line: files of vectors with their ids, by a run and by a backbone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graft as library
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """A table whose texts are in a column of another name."""
    path = tmp_path / "reviews.csv"
    path.write_text("number,review\n1,good food\n2,bad service\n3,good music\n")
    return path


def test_texts_of_a_table_as_vectors_beside_their_ids(graft: Graft, reviews: Path) -> None:
    done = graft(
        "embed",
        "tiny:sentence-bert",
        reviews,
        "--columns",
        "text=review",
        "-o",
        "some.npy",
        "--normalize",
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == "3 embeddings of 32 numbers in some.npy\n"
    vectors = np.load("some.npy", allow_pickle=False)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    expected = library.embed(
        "tiny:sentence-bert", ["good food", "bad service", "good music"], normalize=True
    ).vectors
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert len(json.loads(Path("some.ids.json").read_text())) == 3


def test_images_by_a_run_as_a_table(graft: Graft, run: Path) -> None:
    done = graft("embed", run, run.parent / "photos", "-o", "some.parquet", "--json")
    assert done.exit_code == 0, done.output
    found = pd.read_parquet("some.parquet")
    assert json.loads(done.stdout) == {
        "file": "some.parquet",
        "embeddings": 24,
        "numbers": len(found["embedding"][0]),
    }
    assert found["id"].is_unique
    rows = {
        row["id"]: row["prediction"]
        for row in json.loads(graft("predict", run, run.parent / "photos", "--json").stdout)
    }
    assert set(rows) == set(found["id"])


def test_what_is_wrong_is_said(graft: Graft, reviews: Path, photos: Path) -> None:
    assert_refused(graft("embed", "tiny:bert", reviews, "-o", "some.csv"), ".npy or .parquet")
    assert_refused(
        graft("embed", "tiny:bert", "nowhere.csv", "-o", "some.npy"), "No such file or folder"
    )
    assert_refused(graft("embed", "tiny:bertt", reviews, "-o", "some.npy"), "Did you mean 'bert'")
    assert_refused(graft("embed", "tiny:bert", photos, "-o", "some.npy"), "text")
    assert not list(Path().glob("some.*"))
