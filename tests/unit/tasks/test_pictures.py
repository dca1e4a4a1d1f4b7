"""What tasks share that find something at places of a picture."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from graft.base.evidence import Shown
from graft.base.records import LabeledBox, Sample
from graft.metrics.detection import ap50
from graft.metrics.segmentation import METRICS, count_pixels
from graft.tasks.pictures.baselines import class_by_place, mean_box
from graft.tasks.pictures.show import SIDE, draw_boxes_of, draw_mask_of, show_beside
from graft.tasks.task import objects

CLASSES = ("cat", "dog", "never")


def picture(name: str, size: tuple[int, int], *boxes: LabeledBox) -> Sample:
    width, height = size
    return Sample(name, {"image": np.zeros((height, width, 3), np.uint8), "boxes": boxes})


def test_the_mean_box_follows_the_size_of_the_picture():
    train = [
        picture(
            "a", (100, 50), LabeledBox("cat", (0, 0, 50, 50)), LabeledBox("dog", (0, 0, 10, 5))
        ),
        picture("b", (200, 200), LabeledBox("cat", (100, 0, 200, 200))),
        picture("c", (10, 10)),
        picture("d", (10, 10), LabeledBox("dog", (0, 0, 10, 10), is_crowd=True)),
    ]
    test = [picture("e", (40, 20)), picture("f", (400, 100), LabeledBox("cat", (100, 0, 300, 100)))]
    scores = mean_box(CLASSES).predict(train, test)
    assert scores[0]["classes"].tolist() == [0, 1]
    assert scores[0]["scores"].tolist() == [0.5, 0.25]
    assert scores[0]["boxes"].tolist() == [[10, 0, 30, 20], [0, 0, 4, 2]]
    assert scores[1]["boxes"][0].tolist() == [100, 0, 300, 100]
    truth = [
        {"boxes": np.zeros((0, 4)), "classes": np.zeros(0, int)},
        {"boxes": np.array([[100, 0, 300, 100.0]]), "classes": np.zeros(1, int)},
    ]
    # Of two equal scores the first is wrong.
    assert ap50(scores, objects(truth)) == 0.5


def test_training_pictures_without_objects_have_no_mean_box():
    test = [picture("e", (40, 20))]
    scores = mean_box(CLASSES).predict([picture("c", (10, 10))], test)
    assert scores[0]["boxes"].shape == (0, 4)
    assert len(scores[0]["scores"]) == len(scores[0]["classes"]) == 0


def test_the_class_by_place_is_the_most_frequent_of_all_sizes_of_masks():
    left = np.zeros((64, 64), np.uint8)
    left[:, 32:] = 1
    top = np.full((100, 50), 255, np.uint8)
    top[:50] = 1
    masks = {"a": left, "b": left[::-1], "c": top, "d": np.repeat(left, 2, axis=1)}
    samples = {name: Sample(name, {}) for name in masks}

    def read_mask(sample: Sample) -> np.ndarray:
        return masks[sample.id]

    def score(predicted: np.ndarray, sample: Sample) -> object:
        return count_pixels(predicted, masks[sample.id], 2)

    baseline = class_by_place(2, read_mask, score)
    scores = baseline.predict([samples[name] for name in "abc"], [samples["d"], samples["c"]])
    assert METRICS["pixel_accuracy"](scores[:1], scores[:1]) == 1
    # On the left two of three are class 0, and the ignored half counts for nothing.
    assert METRICS["pixel_accuracy"](scores[1:], scores[1:]) == 0.5


def decoded(shown: Shown) -> Image.Image:
    head, _, data = shown.value.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_prediction_is_shown_beside_the_truth():
    sample = picture("a", (800, 600))
    target = [{"label": "cat", "box": [10, 10, 400, 400]}]
    prediction = [{"label": "dog", "box": [10, 10, 390, 390], "score": 0.9}]

    def draw(value: list[dict]) -> Image.Image:
        return draw_boxes_of(sample, value, CLASSES, SIDE)

    both = show_beside(sample, draw, prediction, target, "cat, taken for dog")
    assert (both.kind, both.is_large, both.caption) == ("image", True, "cat, taken for dog")
    assert decoded(both).width > 2 * SIDE
    assert decoded(show_beside(sample, draw, target=target)).size == (SIDE, 300)
    assert decoded(show_beside(sample, draw)).size == (SIDE, 300)
    # Nothing found is something to show.
    assert decoded(show_beside(sample, draw, [], target)).width > 2 * SIDE


def test_a_mask_is_drawn_on_the_picture_of_its_sample():
    sample = picture("a", (640, 480))
    drawn = draw_mask_of(sample, np.ones((480, 640), np.uint8), ("background", "cell"), plain=(0,))
    assert drawn.width == 640
    assert np.asarray(drawn)[200, 200].tolist() == pytest.approx([128, 56, 0], abs=1)
