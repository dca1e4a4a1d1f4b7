"""Average precision is that of pycocotools, and its interval that of images drawn again."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from graft.metrics import detection
from graft.metrics.detection import METRICS, ap, ap50
from graft.metrics.intervals import clusters, examples_variance, interval, metric_bounds
from graft.metrics.matching import MAX_DETECTIONS, match
from graft.metrics.metric import plain_term

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
SIZES = {"ap_small": 3, "ap_medium": 4, "ap_large": 5}
"""Where `COCOeval.stats` has them, behind AP, AP50 and AP75."""
SIDE = 400.0
"""Of the drawn pictures, in pixels."""


def objects(values: list) -> np.ndarray:
    array = np.empty(len(values), object)
    for number, value in enumerate(values):
        array[number] = value
    return array


def draw_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Boxes (count, 4) of all sizes, between whole pixels, so that an IoU can be exactly 0.5."""
    corner = rng.integers(0, int(SIDE) - 4, (count, 2))
    extent = np.ceil(np.exp(rng.uniform(np.log(4), np.log(300), (count, 2))))
    return np.concatenate([corner, corner + extent], axis=1).astype(float)


def draw_image(rng: np.random.Generator, classes: int, crowds: bool = True) -> tuple[dict, dict]:
    """The prediction and the truth of an image: boxes that are moved, doubled, missed, made up."""
    count = int(rng.integers(0, 7)) * int(rng.random() < 0.85)
    true = draw_boxes(rng, count)
    truth = {
        "boxes": true,
        "classes": rng.integers(0, classes, count),
        "crowd": (rng.random(count) < 0.15) & crowds,
        "area": (true[:, 2] - true[:, 0]) * (true[:, 3] - true[:, 1]) * rng.uniform(0.4, 1, count),
    }
    seen = np.repeat(np.arange(count), rng.integers(0, 4, count))
    extent = (true[seen, 2:] - true[seen, :2]).repeat(2, axis=0).reshape(-1, 4)
    near = true[seen] + np.round(rng.normal(0, 0.06, (len(seen), 4)) * extent)
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    others = draw_boxes(rng, int(rng.integers(0, 6)) * int(rng.random() < 0.7))
    boxes = np.concatenate([near, others])
    named = np.where(
        rng.random(len(seen)) < 0.85, truth["classes"][seen], rng.integers(0, classes, len(seen))
    )
    prediction = {
        "boxes": boxes,
        # A few steps only, so that scores are often equal.
        "scores": rng.integers(1, 20, len(boxes)) / 20,
        "classes": np.concatenate([named, rng.integers(0, classes, len(others))]).astype(int),
    }
    return prediction, truth


def draw(seed: int, images: int, classes: int, crowds: bool = True) -> tuple:
    rng = np.random.default_rng(seed)
    pairs = [draw_image(rng, classes, crowds) for _ in range(images)]
    return tuple(objects(list(side)) for side in zip(*pairs, strict=True))


def reference(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The `stats` (12,) of pycocotools, of ids from 1, -1 for what is undefined."""
    used = [classes for side in (scores, targets) for image in side for classes in image["classes"]]
    truth, found = COCO(), COCO()
    truth.dataset = {
        "images": [{"id": number + 1} for number in range(len(targets))],
        "categories": [{"id": int(number) + 1} for number in np.unique(used)],
        "annotations": [
            {**row, "iscrowd": int(crowd), "area": float(area)}
            for row, crowd, area in zip(
                annotations(targets),
                np.concatenate([image["crowd"] for image in targets]),
                np.concatenate([image["area"] for image in targets]),
                strict=True,
            )
        ],
    }
    sure = np.concatenate([image["scores"] for image in scores])
    rows = [
        {**row, "score": float(score), "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3]}
        for row, score in zip(annotations(scores), sure, strict=True)
    ]
    found.dataset = {**truth.dataset, "annotations": rows}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found.createIndex()
        judge = COCOeval(truth, found, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats


def annotations(images: np.ndarray) -> list[dict]:
    rows = [
        (number, box, name)
        for number, image in enumerate(images)
        for box, name in zip(image["boxes"], image["classes"], strict=True)
    ]
    return [
        {
            "id": row + 1,
            "image_id": number + 1,
            "category_id": int(name) + 1,
            "bbox": [float(x) for x in (box[0], box[1], box[2] - box[0], box[3] - box[1])],
        }
        for row, (number, box, name) in enumerate(rows)
    ]


def check_equal(scores: np.ndarray, targets: np.ndarray) -> None:
    stats = reference(scores, targets)
    wanted = np.where(stats == -1, np.nan, stats)
    ours = [metric(scores, targets) for metric in METRICS.values()]
    assert ours == pytest.approx(wanted[: len(ours)].tolist(), abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("seed", range(50))
def test_every_value_is_that_of_pycocotools(seed):
    """Sets with crowds, images without objects or detections, equal scores and absent classes."""
    check_equal(*draw(seed, images=1 + seed, classes=1 + seed % 5))


def test_more_detections_than_count_are_left_out_as_there():
    rng = np.random.default_rng(0)
    prediction, truth = draw_image(rng, 2)
    count = 3 * MAX_DETECTIONS
    boxes = np.concatenate([draw_boxes(rng, count), truth["boxes"]])
    many = {
        "boxes": boxes,
        "scores": rng.random(len(boxes)),
        "classes": np.concatenate([rng.integers(0, 2, count), truth["classes"]]),
    }
    check_equal(objects([many, prediction]), objects([truth, truth]))


def test_the_real_crowds_of_coco_count_as_in_pycocotools():
    path = DATA / "coco_crowds" / "annotations" / "instances_train.json"
    if not path.exists():
        pytest.skip("the real data coco_crowds are not beside this repository (../shared/data)")
    targets = read_coco(json.loads(path.read_text(encoding="utf-8")))
    assert sum(image["crowd"].sum() for image in targets) > 0
    rng = np.random.default_rng(0)
    scores = [
        {
            "boxes": image["boxes"]
            + rng.normal(0, 4, image["boxes"].shape).clip(-8, 8) * [1, 1, 0, 0],
            "scores": rng.random(len(image["boxes"])),
            "classes": image["classes"],
        }
        for image in targets
    ]
    check_equal(objects(scores), objects(targets))


def read_coco(file: dict) -> list[dict]:
    of_image = {image["id"]: [] for image in file["images"]}
    for row in file["annotations"]:
        of_image[row["image_id"]].append(row)
    return [
        {
            "boxes": np.array([row["bbox"] for row in rows], float).reshape(-1, 4) @ CORNERS,
            "classes": np.array([row["category_id"] for row in rows], int),
            "crowd": np.array([row["iscrowd"] for row in rows], bool),
            "area": np.array([row["area"] for row in rows], float),
        }
        for rows in of_image.values()
    ]


CORNERS = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]])
"""From left, top, width and height to left, top, right and bottom."""


def test_a_real_detector_has_the_values_that_its_data_state():
    """Of 100 pictures of Pascal VOC; the figures stand in the README of the data."""
    folder = DATA / "voc100_formats"
    if not folder.exists():
        pytest.skip("the real data voc100_formats are not beside this repository (../shared/data)")
    file = json.loads((folder / "coco" / "instances_v1.json").read_text(encoding="utf-8"))
    number = {category["name"]: category["id"] for category in file["categories"]}
    names = (folder / "voc.names").read_text(encoding="utf-8").split()
    scores = []
    for image in file["images"]:
        path = folder / "detections_abs_xyxy" / f"{Path(image['file_name']).stem}.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        rows = np.array([line.split() for line in lines], float).reshape(-1, 6)
        classes = np.array([number[names[int(row)]] for row in rows[:, 0]], int)
        scores.append({"boxes": rows[:, 2:], "scores": rows[:, 1], "classes": classes})
    targets = objects(read_coco(file))
    values = {name: metric(objects(scores), targets) for name, metric in METRICS.items()}
    stated = {"ap": 0.347, "ap50": 0.610, "ap75": 0.354}
    stated |= {"ap_small": 0.075, "ap_large": 0.498}
    # They have three digits. That of medium objects is 0.340 there, and 0.3395 in pycocotools.
    assert {name: values[name] for name in stated} == pytest.approx(stated, abs=5.1e-4)
    check_equal(objects(scores), targets)


def test_what_is_written_as_json_weighs_the_same():
    scores, targets = draw(1, images=12, classes=3)
    terms = ap.terms(scores, targets)
    read = json.loads(json.dumps([plain_term(term) for term in terms]))
    ours, theirs = ap.weigh(terms), ap.weigh(read)
    groups = np.arange(12) // 2
    assert (ours.value, ours.num_examples()) == (theirs.value, theirs.num_examples())
    assert np.array_equal(ours.influence(groups), theirs.influence(groups))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize("size", [1, 3], ids=["images", "groups"])
def test_the_influence_is_what_leaving_out_changes(metric, size):
    scores, targets = draw(8, images=24, classes=3)
    groups = np.arange(24) // size
    count = groups[-1] + 1
    values = [metric(scores[groups != g], targets[groups != g]) for g in range(count)]
    wanted = (np.mean(values) - values) * (count - 1) / count
    influence = metric.measure(scores, targets).influence(groups)
    assert abs(influence).max() > 0
    # Sums of the same numbers in another order.
    assert influence == pytest.approx(wanted, abs=1e-12)


def test_a_class_of_one_image_alone_is_left_out_with_it():
    one = {"boxes": np.array([[0, 0, 50, 50.0]]), "scores": np.array([0.9])}
    predictions = [{**one, "classes": np.array([number])} for number in (0, 0, 0, 1)]
    truths = [{"boxes": one["boxes"], "classes": np.array([name])} for name in (0, 0, 0, 1)]
    predictions[0] = {**one, "boxes": one["boxes"] + 100, "classes": np.array([0])}
    scores, targets = objects(predictions), objects(truths)
    wanted = [ap(np.delete(scores, row), np.delete(targets, row)) for row in range(4)]
    influence = ap.measure(scores, targets).influence(np.arange(4))
    assert influence == pytest.approx((np.mean(wanted) - wanted) * 3 / 4)


def test_nothing_to_find_is_undefined():
    nothing = {"boxes": np.zeros((0, 4)), "classes": np.zeros(0, int)}
    guess = {"boxes": np.ones((1, 4)), "scores": np.ones(1), "classes": np.zeros(1, int)}
    for scores in ([guess, guess], [{**nothing, "scores": np.zeros(0)}] * 2):
        for metric in METRICS.values():
            value, low, high = interval(metric, objects(scores), objects([nothing, nothing]))
            assert np.isnan([value, low, high]).all()


def test_all_right_is_no_certainty():
    _, targets = draw(3, images=40, classes=1, crowds=False)
    scores = [{**image, "scores": np.ones(len(image["boxes"]))} for image in targets]
    value, low, high = interval(ap, objects(scores), targets)
    assert (value, high) == (1, 1)
    assert 0.8 < low < 0.95, "some 34 images with objects, all right"


def test_the_interval_is_as_wide_as_that_of_images_drawn_again():
    """The jackknife's standard error is that of 300 bootstrap samples within a fifth; their own
    spread is known to 4 %, and images drawn twice raise duplicates that no test set has."""
    for seed, images, classes in ((0, 60, 1), (1, 120, 3), (2, 200, 6)):
        rng = np.random.default_rng(seed)
        scores, targets = draw(seed, images, classes)
        terms = ap50.terms(scores, targets)
        error = examples_variance(ap50.weigh(terms).influence(np.arange(images))) ** 0.5
        drawn = [
            ap50.weigh([terms[row] for row in rng.integers(0, images, images)]).value
            for _ in range(300)
        ]
        assert error == pytest.approx(np.std(drawn), rel=0.2)


def test_the_interval_covers_the_mean_of_test_sets_of_its_size():
    """19 times in 20. AP itself falls as test sets grow, in pycocotools too, as each point of the
    curve is a maximum: here from 0.41 of 20 images to 0.35 of thousands."""
    scores, targets = draw(4, 4000, 2)
    terms = ap50.terms(scores, targets)
    runs = [ap50.weigh(terms[first : first + 20]) for first in range(0, 4000, 20)]
    mean, covered = np.mean([run.value for run in runs]), 0
    for run in runs:
        variance = examples_variance(run.influence(np.arange(20)))
        low, high = metric_bounds(ap50, run.value, variance, 19, run.num_examples())
        covered += low <= mean <= high
    assert 0.925 <= covered / len(runs) <= 0.99
    assert mean > ap50.weigh(terms).value + 0.03


def test_images_of_one_group_widen_the_interval():
    scores, targets = draw(5, 40, 2)
    thrice = np.tile(np.arange(40), 3)
    alone = interval(ap50, scores[thrice], targets[thrice])
    together = interval(ap50, scores[thrice], targets[thrice], thrice.tolist())
    assert together[2] - together[1] > 1.5 * (alone[2] - alone[1])
    assert len(np.unique(clusters(thrice.tolist()))) == 40


def test_classes_have_their_numbers_and_what_is_absent_has_none():
    scores, targets = draw(6, 30, 2)
    table = detection.per_class(scores, targets, ("a", "b", "never"))
    assert np.mean([table[name]["ap"] for name in "ab"]) == pytest.approx(ap(scores, targets))
    assert np.mean([table[name]["ap50"] for name in "ab"]) == pytest.approx(ap50(scores, targets))
    assert table["a"]["objects"] == sum(
        ((image["classes"] == 0) & ~image["crowd"]).sum() for image in targets
    )
    assert table["never"]["objects"] == 0
    assert np.isnan(table["never"]["ap"])
    assert set(table["a"]) == {column.key for column in detection.COLUMNS}


def test_curves_have_the_area_that_the_metric_has():
    scores, targets = draw(7, 30, 2)
    mean, by_class = detection.curves(scores, targets, ("a", "b"))
    # Points are rounded to four decimals.
    assert np.mean(mean.lines[0].y) == pytest.approx(ap50(scores, targets), abs=1e-4)
    assert [line.name for line in mean.lines] == ["IoU 0.5", "IoU 0.75"]
    assert [line.name for line in by_class.lines] == ["a", "b"]
    assert len(mean.lines[0].x) == 101
    assert detection.curves(objects([]), objects([]), ("a",)) == ()


def test_confusion_counts_what_is_missed_mistaken_and_made_up():
    box = [0, 0, 10, 10.0]
    far = [50, 50, 60, 60.0]
    truth = {
        "boxes": np.array([box, [20, 0, 30, 10.0], [40, 0, 50, 10.0], [70, 70, 99, 99.0]]),
        "classes": np.array([0, 1, 0, 1]),
        "crowd": np.array([False, False, False, True]),
    }
    prediction = {
        "boxes": np.array([box, [20, 0, 30, 10.0], far, box, [72, 72, 80, 80.0]]),
        "scores": np.array([0.9, 0.8, 0.7, 0.2, 0.9]),
        "classes": np.array([0, 0, 1, 1, 1]),
    }
    matrix = detection.confusion(objects([prediction]), objects([truth]), 2)
    # One right, one taken for another class, one missed, one made up; the crowd is no row.
    assert matrix.tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_a_second_detection_of_an_object_is_wrong_and_one_in_a_crowd_is_neither():
    truth = {
        "boxes": np.array([[0, 0, 10, 10.0], [20, 20, 60, 60.0]]),
        "classes": np.zeros(2, int),
        "crowd": np.array([False, True]),
    }
    boxes = np.array([[0, 0, 10, 10.0], [0, 0, 10, 9.0], [21, 21, 25, 25.0], [30, 30, 40, 40.0]])
    prediction = {"boxes": boxes, "scores": np.arange(4)[::-1] / 4, "classes": np.zeros(4, int)}
    matched = match(prediction, truth, (0.5,))
    assert matched.right.tolist() == [[True, False, False, False]]
    assert matched.ignored.tolist() == [[False, False, True, True]]
    assert matched.objects.tolist() == [0]
