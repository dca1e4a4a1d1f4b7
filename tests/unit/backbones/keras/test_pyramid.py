"""A network of Keras under a head that finds objects: trained, saved and opened again."""

from __future__ import annotations

import pytest
import torch

from graft.backbones import folder as model_folder
from graft.base.records import Batch
from tests.contracts.tiny import task_of, trained
from tests.unit.backbones.keras.models import application, saved

TASK = "object-detection:head=yolox,size=64"


@pytest.mark.slow
def test_a_detector_on_a_network_of_keras_is_saved_and_opened(tmp_path):
    file = saved(application("MobileNetV2", 64, alpha=0.35), tmp_path / "start.keras")
    model, _ = trained("full-fine-tuning", TASK, tmp_path, epochs=1, backbone=f"keras:{file}")
    job = task_of(TASK)[0].job()
    probe = Batch(model.backbone.preprocess.example())
    model_folder.save(model, tmp_path / "model", job, list(task_of(TASK)[0].classes), {}, probe)
    file.unlink()  # what is saved stands alone
    opened, card = model_folder.open_model(tmp_path / "model")
    assert card["source"] == "yolox"
    before, after = model.network.state_dict(), opened.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert opened.backbone.preprocess.settings() == model.backbone.preprocess.settings()
