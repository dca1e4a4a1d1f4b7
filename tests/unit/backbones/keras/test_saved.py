"""A trained network as a file of Keras, and as a folder of Graft."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import graft
from graft.backbones import folder as model_folder
from graft.backbones.keras.library import keras
from graft.backbones.keras.networks import save_model
from graft.backbones.load import load_backbone
from graft.backbones.sources.keras import Keras
from tests.jobs import job
from tests.unit.backbones.keras.models import application, layers, randomize, run, saved

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
    megabytes = files[0].stat().st_size / 2**20
    assert run.result["cost"]["model_mb"] == pytest.approx(megabytes, abs=0.01)
    assert run.result["cost"]["example_ms"] > 0


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_a_network_of_another_policy_is_saved_in_float32(policy, tmp_path):
    picture = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, activation="relu", dtype=policy)(layers.Rescaling(1 / 255)(picture))
    x = layers.Flatten()(keras.Sequential([layers.BatchNormalization(dtype=policy)])(x))
    model = randomize(keras.Model(picture, layers.Dense(4, dtype=policy)(x)))
    file = saved(model, tmp_path / "model.keras")
    backbone = load_backbone(f"keras:{file}", job("image-classification", 4))
    save_model(backbone, tmp_path / "saved.keras")
    opened = keras.models.load_model(tmp_path / "saved.keras")
    assert {layer.compute_dtype for layer in opened._flatten_layers()} == {"float32"}
    assert {variable.dtype for variable in opened.weights} == {"float32"}
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        logits = backbone.network(pictures)
    # Sums of 784 products in float32, in an order of their own; bfloat16 differs by 1e-2
    torch.testing.assert_close(run(opened, pictures), logits, rtol=1e-4, atol=1e-5)


# Keras reads tensors as NumPy arrays in a way that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("stretch", [False, True])
@pytest.mark.parametrize("size", [(32, 32), (16, 32), (40, 16)], ids=str)
def test_the_lines_of_the_docs_prepare_a_picture_as_graft_does(
    size, stretch, tmp_path, monkeypatch
):
    page = Path(__file__).parents[4] / "docs" / "keras.md"
    lines = page.read_text(encoding="utf-8").split("```python")[1].split("```")[0]
    network = keras.Sequential(
        [layers.Input((*size, 3)), layers.Conv2D(4, 3, 4), layers.Flatten(), layers.Dense(2)]
    )
    file = saved(network, tmp_path / "start.keras")
    spec = f"keras:{file}:mode=caffe,stretch={stretch}"
    backbone = load_backbone(spec, job("image-classification", 2))
    (tmp_path / "run" / "model").mkdir(parents=True)
    Keras().save(backbone, str(tmp_path / "run" / "model"), ["a", "b"], None)
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (40, 64, 3), dtype=np.uint8))
    picture.save(tmp_path / "cat.jpg", quality=100)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(lines, names)
    encoded = backbone.preprocess(Image.open("cat.jpg"), None)
    with torch.no_grad():
        logits = backbone.network(backbone.preprocess.collate([encoded])["input"])[0]
    # Pixels of up to 150, with an error of 6e-8, in sums of a few hundred products
    np.testing.assert_allclose(names["logits"], logits.numpy(), rtol=1e-4, atol=1e-3)
