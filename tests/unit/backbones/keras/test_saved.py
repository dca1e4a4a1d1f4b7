"""A trained network as a file of Keras, and as a folder of Graft."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import graft
from graft.backbones import folder as model_folder
from tests.unit.backbones.keras.models import application, saved

PREDICT = """
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy
model = keras.models.load_model(sys.argv[1])
numpy.save(sys.argv[3], model.predict(numpy.load(sys.argv[2]), verbose=0))
print("graft" in sys.modules)
"""


@pytest.mark.slow
def test_a_trained_network_predicts_the_same_in_a_process_of_keras_alone(tmp_path):
    file = saved(application("MobileNet", 32, alpha=0.25), tmp_path / "start.keras")
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8), ["a", "b"] * 20
    run = graft.fit(
        graft.load_data((images, labels)),
        technique="full-fine-tuning",
        backbone=f"keras:{file}",
        epochs=1,
        out=tmp_path / "run",
    )
    model, _ = model_folder.open_model(run.folder / "model")
    inputs = model.backbone.preprocess.example()["input"]
    with torch.no_grad():
        logits = model.network(inputs)
    np.save(tmp_path / "inputs.npy", inputs.permute(0, 2, 3, 1).numpy())
    files = (run.folder / "model" / "model.keras", tmp_path / "inputs.npy", tmp_path / "out.npy")
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False"]
    # Sums of up to 9 x 256 products in float32, in an order of their own
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), logits.numpy(), rtol=1e-4, atol=1e-5)
    config = json.loads((run.folder / "model" / "config.json").read_text())
    assert config["classes"] == ["a", "b"]
