"""Object detection: what is learned from a picture, what comes back, and what is right."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from graft.backbones.backbone import evaluating
from graft.backbones.heads.head import heads_for
from graft.backbones.preprocess.augment import AUGMENTS
from graft.backbones.preprocess.mosaic import Tile
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base.errors import BadValue, DataError
from graft.base.records import LabeledBox, Sample, Windows
from graft.data.data import Data
from graft.studies.run import build_model
from graft.tasks.object_detection import ObjectDetection
from graft.tasks.pictures.views import draw_view
from tests.contracts.tiny import NEVER, trained

TASK = ObjectDetection(("cat", "dog"), picture=(100, 60), size=64)
P = ImagePreprocess(TASK.input_size, (0.5,) * 3, (0.5,) * 3, whole=True)
PYRAMIDS = heads_for("boxes", "pyramid")
FOUR = ObjectDetection(("a", "b", "c", "d"), picture=(320, 256), size=320)


def sample(*boxes: LabeledBox, size: tuple[int, int] = (100, 60)) -> Sample:
    width, height = size
    return Sample("a", {"image": np.zeros((height, width, 3), np.uint8), "boxes": boxes})


def test_the_input_has_the_shape_of_the_usual_picture():
    assert TASK.input_size == (64, 32)
    assert TASK.job().size == (64, 32)
    assert replace(TASK, picture=(4000, 3000), size=480).input_size == (480, 352)


@pytest.mark.parametrize("augment", AUGMENTS)
def test_the_target_without_the_pixels_is_that_of_the_picture(augment):
    one = sample(LabeledBox("cat", (10, 10, 50, 40)), LabeledBox("dog", (60, 0, 100, 60)))
    p = P.with_augment(augment)
    for seed in range(5):
        whole = TASK.encode(one, p, np.random.default_rng(seed))["target"]
        alone = TASK.encode_target(one, p, np.random.default_rng(seed))
        assert all(torch.equal(whole[name], alone[name]) for name in ("boxes", "classes"))


def test_boxes_are_clipped_and_those_out_of_view_and_crowds_are_not_learned_from():
    one = sample(
        LabeledBox("dog", (-20, 0, 50, 60)),
        LabeledBox("cat", (90, 0, 190, 60)),  # a tenth is in the picture, some more in the padding
        LabeledBox("cat", (0, 0, 100, 60), is_crowd=True),
        LabeledBox("cat", (10, 10, 10.2, 10.2)),  # less than a pixel
    )
    target = TASK.encode(one, P, None)["target"]
    assert target["classes"].tolist() == [1]
    assert target["boxes"][0, 0] == 0


def mosaic_of(seed: int) -> tuple[dict[str, torch.Tensor], list[tuple[Sample, Tile]]]:
    """The target and the tiles of four pictures of other sizes, each with a box of its class."""
    sizes = [(100, 60), (60, 100), (333, 77), (40, 40)]
    pieces = [
        sample(LabeledBox(name, (0.2 * w, 0.3 * h, 0.7 * w, 0.8 * h)), size=(w, h))
        for name, (w, h) in zip(FOUR.classes, sizes, strict=True)
    ]
    piece = replace(pieces[0], companions=tuple(pieces[1:]))
    p = replace(P, size=FOUR.input_size, augment="strong")
    target = FOUR.encode_target(piece, p, np.random.default_rng(seed))
    return target, draw_view(piece, p, np.random.default_rng(seed)).tiles


def test_pictures_with_objects_too_small_to_be_learned_are_counted():
    narrow = LabeledBox("cat", (10, 10, 11, 40))  # 0.64 pixels of the input
    wide = LabeledBox("cat", (10, 10, 13, 40))
    crowd = replace(narrow, is_crowd=True)
    samples = [sample(narrow, wide), sample(wide), sample(crowd), sample()]
    assert TASK.count_cut(samples, P) == 1
    learned = TASK.encode(samples[0], P, None)["target"]
    assert len(learned["boxes"]) == 1


@pytest.mark.parametrize("seed", range(12))
def test_boxes_of_a_mosaic_come_back_to_their_pictures_within_half_a_pixel(seed):
    target, tiles = mosaic_of(seed)
    for box, number in zip(target["boxes"].numpy(), target["classes"].tolist(), strict=True):
        piece, tile = tiles[number]
        back = tile.geometry.to_picture(box[None] - np.array(tile.corner * 2))[0]
        left, top, right, bottom = tile.geometry.box
        (true,) = piece.roles["boxes"]
        # What lies outside the tile is cut off.
        seen = np.clip(true.box, (left, top) * 2, (right, bottom) * 2)
        assert np.abs(back - seen).max() < 0.5
        assert (seen[2:] - seen[:2]).prod() >= 0.3 * 0.25 * np.prod(piece.roles["image"].shape[:2])


def test_half_of_the_strongly_augmented_views_are_mosaics_and_show_all_pictures():
    views = [mosaic_of(seed) for seed in range(100)]
    counts = [len(tiles) for _, tiles in views]
    assert set(counts) == {1, 4}
    # Six standard deviations of a hundred throws of a coin: 50 +- 30.
    assert 20 < counts.count(4) < 80
    shown = {number for target, _ in views for number in target["classes"].tolist()}
    assert shown == {0, 1, 2, 3}


def test_crowds_of_a_companion_are_not_learned_from():
    crowd = sample(LabeledBox("cat", (0, 0, 100, 60), is_crowd=True))
    piece = replace(sample(), companions=(crowd,) * 3)
    p = P.with_augment("strong")
    targets = [TASK.encode_target(piece, p, np.random.default_rng(seed)) for seed in range(10)]
    assert not any(len(target["classes"]) for target in targets)


def test_targets_are_padded_and_pictures_without_objects_are_kept():
    pieces = [sample(), sample(LabeledBox("cat", (0, 0, 50, 50)))]
    batch = TASK.collate([TASK.encode(piece, P, None) for piece in pieces], P)
    assert batch.target["classes"].tolist() == [[-1], [0]]
    assert batch.target["boxes"].shape == (2, 1, 4)


@pytest.mark.parametrize("size", [(100, 60), (60, 100), (333, 77), (40, 40)])
def test_detections_come_back_to_the_pixels_of_the_file(size):
    width, height = size
    box = LabeledBox("dog", (0.1 * width, 0.2 * height, 0.9 * width, 0.7 * height))
    pieces = [sample(box, size=size)]
    batch = TASK.collate([TASK.encode(piece, P, None) for piece in pieces], P)
    scores = TASK.scores(TASK.rows(TASK.right_output(batch), batch), Windows(pieces))
    np.testing.assert_allclose(scores[0]["boxes"], [box.box], atol=0.5)
    assert scores[0]["classes"].tolist() == [1]


def test_an_unknown_class_is_named():
    with pytest.raises(DataError, match=r"'cow' of a box is none of the 2 classes: cat, dog"):
        TASK.targets([sample(LabeledBox("cow", (0, 0, 5, 5)))])


def test_a_training_split_without_boxes_and_a_tiny_size_are_refused():
    crowd = LabeledBox("cat", (0, 0, 5, 5), is_crowd=True)
    splits = {"train": [sample(), sample(crowd)], "val": [], "test": []}
    with pytest.raises(DataError, match="nothing to learn"):
        ObjectDetection.from_data(Data(splits, "cells", kind="boxes"))
    with pytest.raises(BadValue, match="from 64 to 4,096 pixels"):
        replace(TASK, size=10)


def predict(*rows: tuple[str, tuple[float, ...], float]) -> list[dict]:
    return [{"label": label, "box": list(box), "score": score} for label, box, score in rows]


def test_what_is_wrong_is_as_bad_as_it_was_sure():
    true = [{"label": "cat", "box": [0, 0, 10, 10]}]
    right = predict(("cat", (0, 0, 10, 9), 0.9))
    assert TASK.is_right(right, true)
    assert TASK.severity({"prediction": right, "target": true}) is None
    missed = TASK.severity({"prediction": [], "target": true})
    other_class = TASK.severity(
        {"prediction": predict(("dog", (0, 0, 10, 10), 0.7)), "target": true}
    )
    twice = TASK.severity({"prediction": right * 2, "target": true})
    assert (missed, other_class, twice) == pytest.approx((1.0, 1.7, 0.9))


def test_what_is_found_in_a_crowd_is_neither_right_nor_wrong():
    true = [{"label": "cat", "box": [0, 0, 50, 50], "crowd": True}]
    assert TASK.is_right(predict(("cat", (5, 5, 15, 15), 0.9)), true)
    assert TASK.is_right([], true)


def test_the_threshold_is_the_score_with_the_best_f1():
    truth = TASK.targets([sample(LabeledBox("cat", (0, 0, 10, 10)))] * 4)
    scores = np.empty(4, object)
    for row, (score, right) in enumerate([(0.9, True), (0.8, True), (0.3, True), (0.2, False)]):
        box = [0, 0, 10, 10] if right else [50, 50, 60, 60]
        scores[row] = {
            "boxes": np.array([box], float),
            "scores": np.array([score]),
            "classes": np.zeros(1, int),
        }
    assert TASK.tune(scores, truth).threshold == 0.3
    assert TASK.tune(scores[3:], truth[3:]).threshold == TASK.threshold
    rows = TASK.tune(scores, truth).decode(scores, [sample()] * 4)
    assert [len(row["prediction"]) for row in rows] == [1, 1, 1, 0]


@pytest.mark.parametrize("head", PYRAMIDS)
def test_pictures_without_objects_give_finite_losses_and_gradients(head):
    task = replace(TASK, head=head, size=64, picture=(64, 64))
    model = build_model("tiny:cnn", task, pretrained=True, seed=0)
    p = model.backbone.preprocess
    pieces = [sample(size=(64, 64)), sample(size=(64, 64))]
    batch = task.collate([task.encode(piece, p, None) for piece in pieces], p)
    output = model.train()(batch)
    assert output.raw is None, "a training step has no use for detections"
    loss = task.loss(output, batch)
    loss.backward()
    assert torch.isfinite(loss)
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("head", PYRAMIDS)
def test_validation_gives_losses_and_detections_and_leaves_random_numbers_alone(head):
    task = replace(TASK, head=head, size=64, picture=(64, 64))
    model = build_model("tiny:cnn", task, pretrained=True, seed=0)
    p = model.backbone.preprocess
    pieces = [sample(LabeledBox("cat", (5, 5, 40, 40)), size=(64, 64))]
    batch = task.collate([task.encode(piece, p, None) for piece in pieces], p)
    state = torch.random.get_rng_state()
    with torch.inference_mode(), evaluating(model):
        one, again = model(batch), model(batch)
    assert torch.equal(state, torch.random.get_rng_state())
    assert task.loss(one, batch) == task.loss(again, batch) > 0
    assert one.raw["boxes"].shape[::2] == (1, 4)
    assert set(one.raw["labels"].unique().tolist()) <= {-1, 0, 1}


@pytest.mark.slow
def test_the_control_learns_with_norms_that_train(tmp_path):
    model, _ = trained(
        "from-scratch", "object-detection", tmp_path, epochs=12, checkpoint_seconds=NEVER
    )
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert norms and all(norm.num_batches_tracked > 0 for norm in norms)
    assert not any("Frozen" in type(module).__name__ for module in model.modules())
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    losses = [json.loads(line)["val"]["loss"] for line in lines]
    assert min(losses) < 0.8 * losses[0]
