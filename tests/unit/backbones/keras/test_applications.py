"""Every network of keras.applications: Keras' outputs, and an ordinary network for techniques."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.keras.applications import APPLICATIONS
from graft.backbones.keras.library import keras
from graft.backbones.keras.networks import describe, preprocess_of
from graft.backbones.keras.translate import translate
from graft.base.records import Batch
from tests.contracts.tiny import NEVER, trained
from tests.jobs import job
from tests.unit.backbones.keras.models import application, largest_difference, run, saved, settle

SIDE = 96
"""Enough for what the networks do with 224 pixels, down to maps of 3 x 3."""
SHARE = 1e-4
DOUBLE = 1e-9
"""The tolerances of float32 and float64, of the largest output."""
QUICK = ("MobileNet", "MobileNetV2")
"""A plain chain, and one with residuals; the others take minutes."""
TASK = "image-classification"
JOB = job(TASK, 7)
LAST = "partial-fine-tuning:from_group=-1"


@dataclass(frozen=True)
class Case:
    """A network of Keras, and the backbone that it became."""

    name: str
    model: Any
    backbone: Backbone

    @property
    def pictures(self) -> torch.Tensor:
        return draw_pictures(self.name)


def make(name: str, pictures: torch.Tensor) -> Any:
    """A network with random weights in which rounding does not grow from block to block.

    It does in an EfficientNet whose batch norms have random statistics, and in a deep ResNet whose
    batch norms have those of what reaches them.
    """
    model = application(name, SIDE)
    return settle(model, pictures) if name.startswith("EfficientNet") else model


def draw_pictures(name: str) -> torch.Tensor:
    """Numbers of float32 in any case, as the input of a model of Keras makes them."""
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(3, 3, SIDE, SIDE, generator=generator, dtype=torch.float32)
    return shares * 255 if APPLICATIONS[name][1] == "raw" else shares * 2 - 1


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in APPLICATIONS
    ],
)
def case(request) -> Case:
    model = make(request.param, draw_pictures(request.param))
    preprocess = preprocess_of(APPLICATIONS[request.param][1], (SIDE, SIDE), 1.0)
    return Case(request.param, model, describe(model, request.param, JOB, preprocess))


@pytest.fixture
def double(monkeypatch):
    """Let both libraries compute in float64."""
    resolve = keras.src.backend.result_type

    def keep_double(*kinds):
        is_double = any("float64" in str(kind) for kind in kinds)
        return "float64" if is_double else resolve(*kinds)

    # Keras' norms and roots would compute in float32, whatever enters.
    for module in (keras.src.backend, keras.src.backend.common.dtypes):
        monkeypatch.setattr(module, "result_type", keep_double)
    keras.config.set_floatx("float64")  # for constants
    keras.config.set_dtype_policy("float64")
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")


def test_it_gives_the_outputs_of_keras(case):
    assert largest_difference(translate(case.model), case.model, case.pictures) < SHARE


def test_it_gives_the_features_of_keras_in_float64(case, double):
    pictures = case.pictures.double()
    model = make(case.name, pictures)
    assert model.weights[0].dtype == "float64"
    assert largest_difference(translate(model), model, pictures) < DOUBLE


def test_its_layer_groups_cover_each_tensor_once(case):
    tensors = [tensor for group in case.backbone.groups for tensor in group.tensors]
    assert sorted(tensors) == sorted(case.backbone.network.state_dict())
    count = sum(variable.value.numel() for variable in case.model.trainable_weights)
    head = sum(p.numel() for p in case.backbone.network.get_submodule("predictions").parameters())
    assert sum(p.numel() for p in case.backbone.network.parameters()) == count + head


@pytest.mark.slow
def test_frozen_layers_stay_as_they_are_in_training_and_the_rest_is_saved_for_keras(case, tmp_path):
    file = saved(case.model, tmp_path / "start.keras")
    spec = f"keras:{file}:mode={APPLICATIONS[case.name][1]}"
    model, _ = trained(LAST, TASK, tmp_path / "run", backbone=spec, checkpoint_seconds=NEVER)
    state, before = model.network.state_dict(), case.backbone.network.state_dict()
    *frozen, last, _ = model.backbone.groups
    assert all(torch.equal(state[name], before[name]) for group in frozen for name in group.tensors)
    assert not all(torch.equal(state[name], before[name]) for name in last.tensors)
    assert not torch.equal(state["predictions.weight"], before["predictions.weight"])
    trained_job = job(TASK, len(state["predictions.bias"]))
    probe = Batch({"input": case.pictures})
    model_folder.save(model, tmp_path / "model", trained_job, ["class"], {}, probe)
    opened = keras.models.load_model(tmp_path / "model" / "model.keras")
    with torch.no_grad():
        logits = Model(model.backbone).eval()(probe).logits
    expected = run(opened, case.pictures)
    torch.testing.assert_close(logits, expected, rtol=0, atol=SHARE * expected.abs().max().item())
