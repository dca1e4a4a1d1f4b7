"""Models of Keras as modules of PyTorch: the same outputs, layer by layer."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from graft.backbones.keras.library import building, keras
from graft.backbones.keras.modules import Branches
from graft.backbones.keras.translate import translate, write_back
from graft.base.errors import BackboneError
from tests.unit.backbones.keras.models import (
    application,
    largest_difference,
    layers,
    randomize,
    run,
    seed_program,
    toy,
)

ROUNDING = 1e-5
"""Sums of a few hundred products in float32 (6e-8 of each), in an order of their own."""


@pytest.fixture
def pictures():
    return torch.rand(3, 3, 47, 62, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_model_with_nested_shared_and_uneven_layers_gives_the_outputs_of_keras(pictures):
    model = randomize(toy())
    assert largest_difference(translate(model), model, pictures) < ROUNDING


@pytest.mark.parametrize(
    "layer",
    [
        layers.ReLU(),
        layers.ReLU(6.0),
        layers.ReLU(0.5),
        layers.ReLU(negative_slope=0.1),
        layers.LeakyReLU(0.2),
        layers.ELU(0.5),
        layers.Softmax(),
        layers.Activation("leaky_relu"),
        layers.Rescaling([2.0, 0.5, 1.0], offset=0.25),
        layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 4.0]),
        layers.Normalization(axis=None, mean=0.1, variance=4.0),
        layers.ZeroPadding2D(((1, 0), (2, 3))),
        layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2),
        layers.Dense(5, activation="tanh"),
        layers.MaxPooling2D(2),
        layers.GlobalAveragePooling2D(),
        layers.RandomFlip(),
        layers.BatchNormalization(center=False),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_gives_the_outputs_of_keras(layer, pictures):
    picture = keras.Input((None, None, 3))
    model = randomize(keras.Model(picture, layer(picture)))
    assert largest_difference(translate(model), model, pictures) < ROUNDING


@pytest.mark.parametrize("kind", ["Add", "Subtract", "Multiply", "Maximum", "Minimum"])
def test_layers_that_combine_tensors_give_the_outputs_of_keras(kind, pictures):
    picture = keras.Input((None, None, 3))
    several = [layers.Conv2D(4, 1)(picture), layers.Conv2D(4, 1)(picture)]
    model = keras.Model(picture, getattr(layers, kind)()(several))
    assert largest_difference(translate(model), model, pictures) < ROUNDING


def test_a_layer_that_is_called_twice_is_one_module():
    network = translate(toy())
    counted = [path for path, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    assert len(counted) == len(set(counted)) == 6  # a separable convolution is two


def test_what_lies_between_two_layers_that_everything_passes_is_one_module():
    network = translate(application("ResNet50", 32))
    blocks = [name for name, module in network.named_children() if isinstance(module, Branches)]
    assert len(blocks) == 16
    assert blocks[0] == "conv2_block1"


def test_names_do_not_depend_on_what_keras_built_before():
    first = translate(application("MobileNetV3Small", 32))
    layers.ReLU(), layers.Activation("relu")
    second = translate(application("MobileNetV3Small", 32))
    assert list(first.state_dict()) == list(second.state_dict())
    assert [name for name, _ in first.named_modules()] == [n for n, _ in second.named_modules()]


def test_trained_weights_and_statistics_are_written_back(pictures):
    model = randomize(toy())
    network = translate(model)
    before = run(model, pictures)
    network.train()(pictures).square().sum().backward()
    torch.optim.SGD(network.parameters(), lr=1e-2).step()
    with building():
        write_back(network, model)
    assert not torch.equal(run(model, pictures), before)
    assert largest_difference(network.eval(), model, pictures) < ROUNDING


def test_a_translation_can_be_copied(pictures):
    network = translate(toy())
    assert torch.equal(copy.deepcopy(network)(pictures), network(pictures))


def test_the_weights_belong_to_the_translation_alone(pictures):
    model = toy()
    expected = run(model, pictures)
    for parameter in translate(model).parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(run(model, pictures), expected)


def test_models_in_models_are_translated(pictures):
    model = randomize(seed_program())
    picture = pictures[..., :32, :32]
    assert largest_difference(translate(model), model, picture) < ROUNDING


class Twice(keras.layers.Layer):
    """A layer of a user's own."""

    def call(self, x):
        return 2 * x


class ReLU(keras.layers.Layer):
    """A layer of a user's own that has the name of one of Keras."""

    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Twice(name="doubled"), r"'doubled' \(Twice\).*does not know layers of this class"),
        (ReLU(name="mine"), r"'mine' \(ReLU\).*does not know layers of this class"),
        (layers.Lambda(lambda x: x, name="code"), r"'code' \(Lambda\)"),
        (layers.UpSampling2D(name="up"), r"'up' \(UpSampling2D\)"),
        (layers.AveragePooling2D(2, 2, "same", name="mean"), "'mean'.*averages at the edges"),
        (layers.ReLU(threshold=1.0, name="late"), "'late'.*threshold"),
        (layers.Activation(lambda x: x, name="own"), "'own'.*is not one of Keras'"),
        (layers.Conv2D(2, 1, activation="celu", name="conv"), "'conv'.*'celu'"),
        (layers.BatchNormalization(axis=1, name="rows"), "'rows'.*axis 1"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_layer_without_translation_is_named_with_its_class(layer, message):
    picture = keras.Input((8, 8, 3))
    with pytest.raises(BackboneError, match=message):
        translate(keras.Model(picture, layer(picture)))


def test_an_operation_without_translation_is_named():
    picture = keras.Input((8, 8, 3))
    with pytest.raises(BackboneError, match="Graft does not know this operation on tensors"):
        translate(keras.Model(picture, keras.ops.sin(picture)))


def test_models_with_several_inputs_or_outputs_are_refused():
    one, other = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    with pytest.raises(BackboneError, match="2 inputs and 1 outputs, and Graft needs one of each"):
        translate(keras.Model([one, other], layers.Add()([one, other])))
    with pytest.raises(BackboneError, match="1 inputs and 2 outputs, and Graft needs one of each"):
        translate(keras.Model(one, [layers.ReLU()(one), layers.ReLU()(one)]))


def test_a_model_that_is_a_class_of_its_own_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(BackboneError, match=r"'own'.*a class of its own or not built yet"):
        translate(Own(name="own"))
