"""Semantic segmentation: views and masks agree, windows, options, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base.errors import BadValue, DataError, UnknownName
from graft.base.records import Output, Sample
from graft.data.data import Data
from graft.data.masks.coding import IGNORED, number_coding
from graft.data.masks.open import Mask
from graft.tasks.semantic_segmentation import SemanticSegmentation
from graft.tasks.specs.options import read_task

CODING = number_coding({0: "background", 1: "leaf", 2: "void"}, "a test")


def sample(width: int, height: int, name: str = "1") -> Sample:
    """A picture that is red where its mask is leaf, and green where it is void."""
    codes = np.zeros((height, width), np.uint8)
    codes[: height // 2, : width // 3] = 1
    codes[-height // 4 :, -width // 4 :] = 2
    pixels = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0)], np.uint8)[codes]
    return Sample(name, {"image": pixels, "mask": Mask(codes, CODING)})


def task(**options) -> SemanticSegmentation:
    names = ("background", "leaf", "void")
    return SemanticSegmentation(names, names=names, picture=(100, 60), **options)


def preprocess(size: tuple[int, int], augment: str = "none") -> ImagePreprocess:
    return ImagePreprocess(
        size, (0.5,) * 3, (0.5,) * 3, "nearest", whole=True, augment=augment, input_name="x"
    )


@pytest.mark.parametrize("augment", ["none", "weak", "usual"])
@pytest.mark.parametrize("seed", range(4))
def test_the_mask_follows_the_picture(augment, seed):
    rng = None if augment == "none" else np.random.default_rng(seed)
    encoded = task().encode(sample(100, 60), preprocess((64, 64), augment), rng)
    red, green, _ = encoded["x"]
    target = encoded["target"]
    # By nearest neighbor, but of boxes that are not whole: one pixel of the input at borders.
    assert ((red > 127) != (target == 1))[target != IGNORED].float().mean() < 0.02
    assert ((green > 127) != (target == 2))[target != IGNORED].float().mean() < 0.02
    padding = target == IGNORED
    assert (encoded["x"][:, padding] == 128).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_target_alone_is_that_of_the_same_view(seed):
    usual, piece = preprocess((64, 64), "usual"), sample(100, 60)
    whole = task().encode(piece, usual, np.random.default_rng(seed))["target"]
    alone = task().encode_target(piece, usual, np.random.default_rng(seed))
    assert torch.equal(whole, alone)


def test_a_picture_is_scaled_to_the_size_and_padding_is_ignored():
    target = task().encode(sample(100, 50), preprocess((64, 64)), None)["target"]
    assert (target[:16] == IGNORED).all() and (target[-16:] == IGNORED).all()
    assert (target[16:48] != IGNORED).all()


def test_the_input_has_the_shape_of_the_usual_picture():
    assert task().input_size == (96, 64)
    assert replace(task(), picture=(2000, 1000), size=256).input_size == (256, 128)
    assert replace(task(), picture=(2000, 1000), size=256, large="windows").input_size == (256, 256)


def test_large_pictures_are_read_in_windows():
    large = task(large="windows", size=64)
    windows = large.windows([sample(100, 60, "1"), sample(64, 64, "2")], preprocess((64, 64)))
    assert [piece.id for piece in windows.pieces] == ["1", "1", "2"]
    first, second, whole = windows.pieces
    assert (first.roles["window"], second.roles["window"]) == ((0, 0, 64, 60), (36, 0, 100, 60))
    assert "window" not in whole.roles
    target = large.encode(second, preprocess((64, 64)), None)["target"]
    assert target.shape == (64, 64)
    assert (target == 2).sum() == 15 * 25  # the corner is seen at its own size


def test_windows_are_joined_to_the_scores_of_the_picture():
    large, size = task(large="windows", size=64), preprocess((64, 64))
    windows = large.windows([sample(150, 90)], size)
    pieces = [large.encode(piece, size, None) for piece in windows.pieces]
    batch = large.collate(pieces, size)
    rows = large.rows(large.right_output(batch), batch)
    (score,) = large.scores(rows, windows)
    (row,) = large.decode(np.array([score], object), [sample(150, 90)])
    assert large.is_right(row["prediction"], large.answer(sample(150, 90)))


def test_ignored_classes_are_no_outputs_and_count_for_nothing():
    ignoring = task(ignore="void")
    assert ignoring.classes == ("background", "leaf") and ignoring.outputs == 2
    target = ignoring.encode(sample(64, 64), preprocess((64, 64)), None)["target"]
    assert (target == IGNORED).sum() == 16 * 16
    with pytest.raises(UnknownName, match=r"class to ignore 'voide'.*[Dd]id you mean.*void"):
        task(ignore="voide")
    with pytest.raises(BadValue, match="two classes at least, and leaf is left"):
        task(ignore="void+background")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 8}, "from 64 to 4,096 pixels. Got 8"),
        ({"criterion": "dice+dice"}, r"names a loss twice: 'dice\+dice'"),
        ({"criterion": "hinge"}, "'criterion' must be one of cross-entropy, dice, focal"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(BadValue, match=words):
        task(**options)


def test_weights_are_higher_for_rarer_classes():
    data = Data({"train": [sample(100, 60)], "test": [sample(100, 60, "2")]})
    made = SemanticSegmentation.from_data(data, weighted=True)
    weights = dict(zip(data.classes, made.weights, strict=True))
    # 1 / ln(1.02 + share): a corner of 25 x 15 pixels is void.
    assert weights["void"] == pytest.approx(1 / np.log(1.02 + 375 / 6000))
    assert weights["background"] < weights["leaf"] < weights["void"]


def test_a_task_is_learned_from_data_with_its_options():
    data = Data({"train": [sample(100, 60)], "test": [sample(100, 60, "2")]})
    made = read_task("semantic-segmentation:size=64,ignore=void,criterion=cross-entropy+dice", data)
    assert (made.classes, made.size, made.picture) == (("background", "leaf"), 64, (100, 60))


def test_a_mask_of_another_size_stops_the_training():
    smaller = sample(100, 60)
    smaller.roles["image"] = smaller.roles["image"][:, :50]
    with pytest.raises(DataError, match=r"mask of 1 has 100 x 60 pixels, and its picture 50 x 60"):
        task().encode(smaller, preprocess((64, 64)), None)


def test_data_with_classes_that_the_model_does_not_know_are_refused():
    other = number_coding({0: "background", 1: "stem"}, "a test")
    roles = {"image": np.zeros((8, 8), np.uint8), "mask": Mask(np.zeros((8, 8), np.uint8), other)}
    with pytest.raises(DataError, match="classes that the model does not know: stem"):
        task().check_data(Data({"test": [Sample("1", roles)]}))


def test_a_prediction_says_the_shares_of_classes_and_holds_the_mask():
    piece, size = sample(64, 64), preprocess((64, 64))
    batch = task().collate([task().encode(piece, size, None)], size)
    windows = task().windows([piece], size)
    (row,) = task().decode(
        task().scores(task().rows(task().right_output(batch), batch), windows), [piece]
    )
    shares = {each["label"]: each["share"] for each in row["prediction"]["classes"]}
    assert shares["leaf"] == pytest.approx(32 * 21 / 64**2, abs=1e-4)
    assert row["confidence"] == 1.0
    assert task().say(row["prediction"]) == "background 77%, leaf 16%, void 6%"


def test_a_class_of_a_few_pixels_is_not_said_to_have_none():
    shares = [{"label": "leaf", "share": 0.9951}, {"label": "spot", "share": 0.0049}]
    assert task().say({"classes": shares}) == "leaf 100%, spot <1%"


def test_a_picture_without_a_mask_is_predicted():
    piece, size = sample(64, 64), preprocess((64, 64))
    bare = task().without_target(piece)
    batch = task().collate([task().encode(bare, size, None)], size)
    assert batch.target is None
    logits = torch.zeros(1, 3, 64, 64)
    logits[:, 1] = 1
    rows = task().rows(Output(logits, torch.zeros(1, 1)), batch)
    (row,) = task().decode(task().scores(rows, task().windows([bare], size)), [bare])
    assert row["prediction"]["classes"] == [{"label": "leaf", "share": 1.0}]
    drawn = task().draw(bare, row["prediction"])
    assert isinstance(drawn, Image.Image)


def test_the_loss_of_a_batch_is_the_mean_of_its_pictures():
    pieces, size = [sample(64, 64), sample(40, 64)], preprocess((64, 64))
    made = task(criterion="cross-entropy+dice")
    encoded = [made.encode(piece, size, None) for piece in pieces]
    both = made.collate(encoded, size)
    logits = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = made.loss(Output(logits, torch.zeros(2, 1)), both)
    parts = [
        made.loss(Output(logits[i : i + 1], torch.zeros(1, 1)), both.take(slice(i, i + 1)))
        for i in (0, 1)
    ]
    torch.testing.assert_close(whole, sum(parts) / 2)
