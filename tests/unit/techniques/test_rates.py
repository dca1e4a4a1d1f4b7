"""Which optimizer and rate fine-tuning takes, by the kind of network and by how long it lasts."""

from __future__ import annotations

import pytest

from graft.backbones.backbone import Model
from graft.studies.run import build_model
from graft.tasks.object_detection import ObjectDetection
from graft.techniques.specs.combine import parse
from tests.contracts.tiny import task_of


@pytest.fixture
def model_of():
    def make(network: str) -> Model:
        return build_model(network, task_of("image-classification")[0], pretrained=True, seed=0)

    return make


@pytest.mark.parametrize(
    "technique", ["full-fine-tuning", "l2-sp", "partial-fine-tuning:from_group=1"]
)
@pytest.mark.parametrize(("epochs", "optimizer", "times"), [(8, "sgd", 10), (3, "adamw", 0.5)])
def test_batch_norm_networks_take_sgd_where_there_are_passes_enough(
    model_of, technique, epochs, optimizer, times
):
    model = model_of("tiny:cnn")
    (phase,) = parse(technique).phases(model, epochs)
    assert phase.optimizer == optimizer
    assert (phase.lr, phase.head_lr) == pytest.approx(
        (times * model.backbone.lr, 10 * times * model.backbone.lr)
    )


def test_what_is_asked_for_is_taken_however_short_the_training(model_of):
    (phase,) = parse("full-fine-tuning:optimizer=sgd,lr=0.01").phases(model_of("tiny:cnn"), 3)
    assert (phase.optimizer, phase.lr) == ("sgd", 0.01)


def test_other_networks_take_adamw_at_their_usual_rate(model_of):
    model = model_of("tiny:vit")
    (phase,) = parse("full-fine-tuning").phases(model, 3)
    assert (phase.optimizer, phase.lr) == ("adamw", model.backbone.lr)


@pytest.fixture(scope="module")
def detector() -> Model:
    task = ObjectDetection(("cat",), picture=(64, 64), size=64)
    return build_model("tiny:cnn", task, pretrained=True, seed=0)


@pytest.mark.parametrize(
    ("technique", "body"), [("full-fine-tuning", 1), ("lora", 10), ("from-scratch", 4)]
)
def test_a_head_that_is_a_network_learns_by_adamw_at_three_times_the_usual_rate(
    technique, body, detector
):
    usual = detector.backbone.lr
    (phase,) = parse(technique).phases(detector, 20)
    assert phase.optimizer == "adamw"
    assert (phase.lr, phase.head_lr) == pytest.approx((body * usual, 3 * usual))


def test_a_head_that_is_a_network_has_no_hundred_epochs_of_its_own(detector):
    assert parse("feature-extraction").own_epochs(detector) is None
    assert parse("feature-extraction:epochs=7").own_epochs(detector) == 7
    (phase,) = parse("feature-extraction").phases(detector, 20)
    assert (phase.epochs, phase.head_lr) == (20, pytest.approx(3 * detector.backbone.lr))
    probe, tuning = parse("lp-ft").phases(detector, 20)
    assert (probe.epochs, tuning.epochs) == (10, 20)
