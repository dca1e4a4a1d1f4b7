"""Models of Keras by name and from files, and what is said of those that cannot be opened."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from graft.backbones.keras.library import building, keras
from graft.backbones.load import load_backbone
from graft.base.errors import BackboneError, BadValue, UnknownName
from graft.base.job import Job
from graft.base.records import Batch
from tests.jobs import job
from tests.unit.backbones.keras.models import (
    application,
    layers,
    randomize,
    run,
    saved,
    seed_program,
)

JOB = job("image-classification", 4)
LEGACY = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


@pytest.fixture(scope="module")
def program():
    """A course's network, with its classifier of four classes."""
    return seed_program()


def logits(backbone):
    """What the network gives for one picture, and the picture."""
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return backbone.network(picture), picture


@LEGACY
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_file_is_opened_with_its_classifier_before_the_activation(ending, program, tmp_path):
    file = saved(program, tmp_path / f"program.{ending}")
    backbone = load_backbone(f"keras:{file}", JOB)
    scores, picture = logits(backbone)
    # 16 products a logit, in another order
    torch.testing.assert_close(scores.softmax(1), run(program, picture), rtol=1e-5, atol=1e-6)
    assert backbone.head == ("classes",)
    assert backbone.preprocess.size == (32, 32)


def test_another_number_of_classes_gets_a_new_classifier_on_the_same_features(program, tmp_path):
    file = saved(program, tmp_path / "program.keras")
    same, other = (load_backbone(f"keras:{file}", job("image-classification", n)) for n in (4, 9))
    assert logits(other)[0].shape == (1, 9)
    state = other.network.state_dict()
    body = [name for name in state if not name.startswith("classes")]
    assert body
    assert all(torch.equal(state[name], same.network.state_dict()[name]) for name in body)


@pytest.mark.parametrize(
    ("name", "options", "head", "width"),
    [("MobileNet", {"alpha": 0.25}, "conv_preds", 256), ("MobileNetV3Small", {}, "logits", 1024)],
)
def test_a_classifier_that_is_a_convolution_of_one_pixel_is_replaced(
    name, options, head, width, tmp_path
):
    """These networks end in a convolution, a reshape and a softmax."""
    with building():
        application = getattr(keras.applications, name)
        model = application(weights=None, classes=7, input_shape=(32, 32, 3), **options)
    file = saved(model, tmp_path / "top.keras")
    backbones = {n: load_backbone(f"keras:{file}:mode=tf", replace(JOB, outputs=n)) for n in (7, 3)}
    scores, picture = logits(replace(backbones[7], network=backbones[7].network.eval()))
    torch.testing.assert_close(scores.softmax(1), run(model, picture), rtol=1e-5, atol=1e-6)
    for outputs, backbone in backbones.items():
        assert backbone.head == (head,)
        last = backbone.network.get_submodule(head)
        assert (last.in_features, last.out_features) == (width, outputs)


def test_a_hidden_convolution_of_one_pixel_is_no_classifier(tmp_path):
    picture = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D(keepdims=True)(layers.Conv2D(4, 3)(picture))
    x = layers.Activation("hard_swish")(layers.Conv2D(6, 1, name="hidden")(x))
    for number, last in enumerate((x, layers.Flatten()(x))):
        file = saved(keras.Model(picture, last), tmp_path / f"{number}.keras")
        network = load_backbone(f"keras:{file}:mode=tf", JOB).network
        assert network.get_submodule("predictions").in_features == 6


def test_a_softmax_after_something_else_than_a_classifier_is_refused(tmp_path):
    picture = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D(name="pooled")(layers.Conv2D(4, 3)(picture))
    maps = layers.Conv2D(4, 1, activation="softmax", name="maps")(picture)
    ends = (layers.Softmax()(x), layers.Activation("softmax")(x), maps)
    for number, (last, name) in enumerate(zip(ends, ("pooled", "pooled", "maps"), strict=True)):
        file = saved(keras.Model(picture, last), tmp_path / f"{number}.keras")
        with pytest.raises(BackboneError, match=f"a softmax after '{name}'.*Save a model of the"):
            load_backbone(f"keras:{file}:mode=tf", JOB)


def test_weights_are_loaded_into_a_named_architecture(tmp_path):
    with building():
        model = keras.applications.MobileNet(
            weights=None, include_top=False, input_shape=(224, 224, 3)
        )
        model.save_weights(tmp_path / "my.weights.h5")
        (tmp_path / "model.json").write_text(model.to_json())
    first = model.get_layer("conv1").kernel.value.detach().permute(3, 2, 0, 1)
    weights = f"weights={tmp_path / 'my.weights.h5'}"
    named = load_backbone(f"keras:MobileNet:{weights}", JOB)
    own = load_backbone(f"keras:{tmp_path / 'model.json'}:{weights}", JOB)
    for backbone in (named, own):
        assert torch.equal(backbone.network.get_parameter("conv1.weight"), first)
    assert own.preprocess == replace(named.preprocess, crop=1.0)


@pytest.mark.parametrize(
    ("name", "mode"), [("VGG16", "caffe"), ("DenseNet121", "torch"), ("MobileNetV2", "tf")]
)
def test_pictures_are_prepared_as_keras_does_it(name, mode):
    from graft.backbones.keras.applications import APPLICATIONS
    from graft.backbones.keras.networks import preprocess_of

    assert APPLICATIONS[name][1] == mode
    pixels = torch.randint(0, 256, (224, 224, 3), dtype=torch.uint8).numpy()
    whole = preprocess_of(mode, None, 1.0)
    ours = whole.collate([whole(Image.fromarray(pixels), None)])["input"]
    theirs = keras.applications.imagenet_utils.preprocess_input(pixels.astype("float32"), mode=mode)
    # A difference of up to 150, of numbers with an error of 6e-8
    torch.testing.assert_close(
        ours[0].permute(1, 2, 0), torch.from_numpy(theirs.copy()), rtol=1e-5, atol=1e-4
    )


def test_the_network_of_a_file_sees_the_whole_square_and_a_named_one_its_published_crop(
    program, tmp_path
):
    file = saved(program, tmp_path / "program.keras")
    assert load_backbone(f"keras:{file}", JOB).preprocess.crop == 1.0
    named = load_backbone("keras:MobileNet", JOB, pretrained=False)
    assert named.preprocess.crop == 0.875


def test_a_network_whose_input_is_no_square_sees_a_part_in_its_shape_or_all_of_it(tmp_path):
    picture = keras.Input((16, 48, 3))  # high and wide
    file = saved(keras.Model(picture, layers.Flatten()(picture)), tmp_path / "model.keras")
    pixels = np.zeros((64, 96, 3), dtype=np.uint8)
    pixels[16:48] = 255  # the middle that is three times as wide as high: all that is seen
    shown = {
        stretch: load_backbone(f"keras:{file}:mode=unit,stretch={stretch}", JOB).preprocess(
            Image.fromarray(pixels), None
        )["input"]
        for stretch in ("false", "true")
    }
    assert all(tensor.shape == (3, 16, 48) for tensor in shown.values())
    # A quarter of the height is black above, and as much below; edges are blurred.
    assert shown["false"][:, 1:-1].min() == 255
    rows = shown["true"][0].float().mean(1)
    assert rows[:3].max() == 0 and rows[5:11].min() == 255 and rows[13:].max() == 0


def test_stretch_is_refused_for_tasks_that_see_whole_pictures():
    asked = Job("object-detection", "image", "pyramid", 3, (96, 64))
    with pytest.raises(BackboneError, match="Leave stretch=true out"):
        load_backbone("keras:MobileNet:stretch=true", asked, pretrained=False)


def test_a_model_that_rescales_gets_pixels_as_they_are(tmp_path):
    picture = keras.Input((32, 32, 3))
    model = keras.Model(picture, layers.Flatten()(layers.Rescaling(1 / 255)(picture)))
    backbone = load_backbone(f"keras:{saved(model, tmp_path / 'model.keras')}", JOB)
    white = torch.full((3, 32, 32), 255, dtype=torch.uint8)
    assert backbone.preprocess.collate([{"input": white}])["input"].unique().item() == 255


def test_a_model_that_does_not_say_how_pictures_are_prepared_is_asked_about(tmp_path):
    picture = keras.Input((32, 32, 3))
    file = saved(keras.Model(picture, layers.Flatten()(picture)), tmp_path / "model.keras")
    with pytest.raises(BackboneError, match="mode=unit for 0 to 1"):
        load_backbone(f"keras:{file}", JOB)
    assert load_backbone(f"keras:{file}:mode=unit", JOB).preprocess.std == (1.0, 1.0, 1.0)
    with pytest.raises(BadValue, match="must be one of 'caffe', 'tf'"):
        load_backbone(f"keras:{file}:mode=some", JOB)


def test_from_scratch_keeps_the_statistics_of_pixels(tmp_path):
    picture = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, name="conv")(layers.Normalization(name="pixels")(picture))
    model = randomize(keras.Model(picture, layers.Flatten()(x)))
    spec = f"keras:{saved(model, tmp_path / 'model.keras')}"
    kept, drawn = (
        load_backbone(spec, JOB, pretrained=pretrained).network.state_dict()
        for pretrained in (True, False)
    )
    assert torch.equal(kept["pixels.mean"], drawn["pixels.mean"])
    assert not torch.equal(kept["conv.weight"], drawn["conv.weight"])


def test_a_trunk_yields_a_pyramid_also_from_a_file(tmp_path):
    file = saved(application("MobileNet", 64, alpha=0.25), tmp_path / "model.keras")
    asked = Job("object-detection", "image", "pyramid", 3, (96, 64))
    backbone = load_backbone(f"keras:{file}", asked)
    assert backbone.levels.strides == (2, 4, 8, 16, 32)
    assert backbone.levels.channels == (16, 32, 64, 128, 256)
    with torch.no_grad():
        maps, _ = backbone.call(backbone.network, Batch(backbone.preprocess.example()))
    assert [tuple(each.shape[2:]) for each in maps][-1] == (2, 3)


def test_weights_alone_are_refused_with_what_is_needed(program, tmp_path):
    file = tmp_path / "my.weights.h5"
    with building():
        program.save_weights(file)
        (tmp_path / "program.json").write_text(program.to_json())
    with pytest.raises(BackboneError, match=r"weights without an architecture.*weights="):
        load_backbone(f"keras:{file}", JOB)
    with pytest.raises(BackboneError, match=r"an architecture without weights.*weights=FILE"):
        load_backbone(f"keras:{tmp_path / 'program.json'}", JOB)
    with pytest.raises(BackboneError, match="weights of keras:MobileNet: it has none for some of"):
        load_backbone(f"keras:MobileNet:weights={file}", JOB)


def test_files_that_are_no_models_are_refused(tmp_path):
    with pytest.raises(BackboneError, match=r"There is no file .*none.keras"):
        load_backbone(f"keras:{tmp_path / 'none.keras'}", JOB)
    (tmp_path / "dir.keras").mkdir()
    with pytest.raises(BackboneError, match=r"dir.keras is a folder.*one file"):
        load_backbone(f"keras:{tmp_path / 'dir.keras'}", JOB)
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(BackboneError, match=r"text.keras is damaged, or no model"):
        load_backbone(f"keras:{tmp_path / 'text.keras'}", JOB)
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(BackboneError, match="weights without an architecture"):
        load_backbone(f"keras:{tmp_path / 'empty.h5'}", JOB)


class Scale(layers.Layer):
    """A layer of the user's own."""

    def call(self, x):
        return x * 2


class Classifier(keras.Model):
    """A subclassed model."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.flatten = layers.Flatten()

    def call(self, x):
        return self.flatten(x)


@LEGACY
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_class_that_is_not_one_of_keras_is_named(ending, tmp_path):
    picture = keras.Input((16, 16, 3))
    model = keras.Model(picture, layers.Flatten()(Scale()(picture)))
    file = saved(model, tmp_path / f"model.{ending}")
    with pytest.raises(BackboneError, match="needs 'Scale', which is not one of Keras' own"):
        load_backbone(f"keras:{file}", JOB)


def test_a_subclassed_model_is_named_without_its_configuration(tmp_path):
    model = Classifier()
    model(torch.zeros(1, 16, 16, 3))
    file = saved(model, tmp_path / "model.keras")
    with pytest.raises(BackboneError, match="needs 'Classifier', which is not") as caught:
        load_backbone(f"keras:{file}", JOB)
    assert "config" not in str(caught.value)


def test_several_outputs_are_refused_before_the_mode_is_asked_for(tmp_path):
    picture = keras.Input((16, 16, 3))
    x = layers.Flatten()(picture)
    file = saved(keras.Model(picture, [x, layers.Dense(2)(x)]), tmp_path / "model.keras")
    with pytest.raises(BackboneError, match="1 inputs and 2 outputs"):
        load_backbone(f"keras:{file}", JOB)


def test_a_lambda_layer_is_refused_with_what_to_do(tmp_path):
    picture = keras.Input((32, 32, 3))
    model = keras.Model(picture, layers.Lambda(lambda x: x / 2)(picture))
    file = saved(model, tmp_path / "model.keras")
    with pytest.raises(BackboneError, match="has a Lambda layer, which is code"):
        load_backbone(f"keras:{file}", JOB)


def test_a_model_that_reads_no_picture_in_colors_is_refused(tmp_path):
    picture = keras.Input((28, 28, 1))
    file = saved(keras.Model(picture, layers.Flatten()(picture)), tmp_path / "model.keras")
    with pytest.raises(BackboneError, match=r"\(None, 28, 28, 1\).*Graft needs one picture"):
        load_backbone(f"keras:{file}", JOB)


def test_an_unknown_network_and_an_unknown_option_are_named():
    with pytest.raises(UnknownName, match="VGG16"):
        load_backbone("keras:VGG61", JOB)
    with pytest.raises(UnknownName, match=r"Did you mean 'VGG16'\?"):
        load_backbone("keras:vgg16", JOB)
    with pytest.raises(
        BackboneError, match="Keras itself does not build 'NASNetMobile' on PyTorch"
    ):
        load_backbone("keras:NASNetMobile", JOB)
    with pytest.raises(BackboneError, match="For random weights use the technique from-scratch"):
        load_backbone("keras:VGG16:weights=None", JOB)
    with pytest.raises(UnknownName, match="weights"):
        load_backbone("keras:VGG16:weight=my.h5", JOB)


def test_weights_of_imagenet_need_their_host(monkeypatch, tmp_path):
    from graft.backbones import hub

    if hub.answers("https://storage.googleapis.com"):
        pytest.skip("their host answers from here")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(BackboneError, match="'keras:VGG16' are not on this machine") as caught:
        load_backbone("keras:VGG16", JOB)
    assert "efficientnet-lite0" in str(caught.value)
    assert "minilm" not in str(caught.value)
    assert "-t from-scratch" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "message"),
    [
        # Another backend is not installed here, so Keras is made to say that it runs on one.
        pytest.param(
            "import keras; keras.src.backend.config._BACKEND = 'jax'",
            "set KERAS_BACKEND=torch",
            id="another backend",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "import os; os.environ['KERAS_BACKEND'] = 'tensorflow'",
            "it runs on torch",
            id="another backend is usual",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "import sys; sys.modules['keras'] = None",
            "pip install 'graft-learn[keras]'",
            id="not installed",
        ),
    ],
)
def test_keras_runs_on_torch_or_it_is_said_how_to_make_it(before, message):
    code = f"""
{before}
import sys
from graft.base.errors import GraftError
try:
    from graft.backbones.keras.library import keras
    print("it runs on", keras.backend.backend(), "tensorflow" in sys.modules)
except GraftError as error:
    print(error)
"""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert message in done.stdout
    assert "True" not in done.stdout
