"""Training whose last step diverges fails; its outputs are not counted as the first class."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from graft.base.errors import FolderError, GraftError
from graft.reports.read import read_predictions
from graft.studies.run import build_model, execute
from graft.training.engine import Engine
from graft.training.evaluate import predict
from graft.training.feeds.feed import Feed
from graft.training.observers import Observer
from tests.contracts.tiny import task_of
from tests.unit.studies.tiny_runs import DATA, SPEC


def test_a_run_that_diverges_in_its_last_step_fails_and_says_why(tmp_path):
    # All examples are one batch, so the only training loss comes before the step that ruins the
    # weights.
    spec = replace(
        SPEC,
        backbone="tiny:cnn",
        technique="full-fine-tuning:lr=1e30,clip=0",
        epochs=1,
        batch_size=512,
    )
    with pytest.raises(
        GraftError,
        match=r"outputs for .* examples are NaN or infinite: the training has diverged.*lr=",
    ):
        execute(spec, DATA, tmp_path, Observer())
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["state"] == "failed"
    assert "diverged" in status["message"]
    assert not (tmp_path / "result.json").exists()


def test_a_model_whose_outputs_are_nan_predicts_nothing():
    task, data = task_of("image-classification")
    model = build_model("tiny:cnn", task, True, seed=0)
    with torch.no_grad():
        next(model.network.parameters()).fill_(float("nan"))
    unlabeled = [task.without_target(sample) for sample in data.splits["test"]]
    feed = Feed.of(unlabeled, task, model.backbone.preprocess, torch.device("cpu"))
    with pytest.raises(
        GraftError, match=f"outputs for {len(unlabeled)} of {len(unlabeled)} examples are NaN"
    ):
        predict(model, feed, Engine("fp32"))


def test_predictions_that_are_nan_are_not_read_as_the_first_class(tmp_path):
    rows = [
        {
            "split": "test",
            "id": str(i),
            "group": str(i),
            "target": "a",
            "terms": "[NaN, 1.0]",
        }
        for i in range(3)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "predictions.parquet")
    with pytest.raises(FolderError, match="NaN or infinite: the training diverged"):
        read_predictions(tmp_path / "predictions.parquet", 3)
