"""A training on masks from files to the model that segmentation-models-pytorch opens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from PIL import Image

import graft
from graft.backbones.folder import TOLERANCE
from graft.tasks.pictures.label_maps import from_uri
from graft.tasks.semantic_segmentation import SemanticSegmentation

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tasks" / "semantic-segmentation.md"
TASK = "semantic-segmentation:size=64,criterion=cross-entropy+dice"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Pictures and masks in folders, one picture twice as large as the others."""
    folder = tmp_path_factory.mktemp("data")
    for split, samples in SemanticSegmentation.tiny_data().splits.items():
        for number, sample in enumerate(samples):
            pixels = {"images": sample.roles["image"], "masks": sample.roles["mask"].source}
            for name, array in pixels.items():
                (folder / split / name).mkdir(parents=True, exist_ok=True)
                image = Image.fromarray(array)
                if (split, number) == ("test", 0):
                    image = image.resize((128, 96), Image.Resampling.NEAREST)
                image.save(folder / split / name / f"{number}.png")
    (folder / "classes.json").write_text('{"background": 0, "blue": 1, "red": 2}')
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """In float32: in bfloat16 two classes of a pixel are often equally likely but for rounding."""
    settings = {"backbone": "tiny:cnn", "epochs": 1, "precision": "fp32"}
    folder = tmp_path_factory.mktemp("runs") / "run"
    return graft.fit(data, task=TASK, technique="full-fine-tuning", out=folder, **settings)


def test_a_training_on_folders_of_masks_measures_pixels(run):
    measured = run.result["metrics"]["test"]
    assert list(measured) == ["miou", "dice", "pixel_accuracy", "boundary_f1"]
    assert all(0 <= measured["miou"][key] <= 1 for key in ("low", "value", "high"))
    assert set(run.result["per_class"]) == {"background", "blue", "red"}


def test_the_model_opens_in_its_library_by_the_two_lines_of_the_page(run):
    page = PAGE.read_text("utf-8")
    assert "import segmentation_models_pytorch as smp\n" in page
    assert 'network = smp.from_pretrained("run/model").eval()' in page
    network = smp.from_pretrained(Path(run.folder) / "model").eval()
    picture = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs, ours = network(picture), run.model.network.network(picture)
    # The weights are equal; where they lie in memory may change the order of a sum.
    assert (theirs - ours).abs().max() <= TOLERANCE * max(1.0, float(ours.abs().max()))


def test_predictions_are_of_the_pixels_of_the_files_and_are_drawn(run, data, tmp_path):
    folder = data / "test" / "images"
    rows = run.model.predict(folder, draw=tmp_path / "drawn")
    assert len(rows) == len(list((tmp_path / "drawn").iterdir())) == 6
    sizes = {Path(row["id"]).stem: from_uri(row["prediction"]["mask"]).shape for row in rows}
    assert sizes["0"] == (96, 128) and sizes["1"] == (64, 64)
    assert len(json.dumps(rows[0])) < 20_000


def test_a_saved_model_is_measured_on_other_data_again(run, data):
    again = graft.load(run.folder).evaluate(data)
    was = run.result["metrics"]["test"]["miou"]["value"]
    assert again["miou"]["value"] == pytest.approx(was, abs=1e-6)


def test_a_trained_network_is_a_starting_point(run, data, tmp_path):
    after = graft.fit(
        data,
        task="semantic-segmentation:size=64,head=fpn",
        technique="feature-extraction",
        backbone=str(Path(run.folder) / "model"),
        epochs=1,
        out=tmp_path / "run",
    )
    assert type(after.model.network.network) is smp.FPN
    before = run.model.network.network.encoder.state_dict()
    now = after.model.network.network.encoder.state_dict()
    assert all(torch.equal(tensor, now[name]) for name, tensor in before.items())


def test_gray_pictures_of_16_bits_and_cmyk_are_read_as_others(run, tmp_path):
    gray = Image.fromarray(np.full((40, 50), 2000, np.uint16))
    gray.save(tmp_path / "gray.png")
    Image.new("CMYK", (50, 40), (0, 200, 0, 0)).save(tmp_path / "four.jpg")
    Image.new("RGB", (1, 1)).save(tmp_path / "pixel.png")
    rows = run.model.predict([tmp_path / name for name in ("gray.png", "four.jpg", "pixel.png")])
    shapes = [from_uri(row["prediction"]["mask"]).shape for row in rows]
    assert shapes == [(40, 50), (40, 50), (1, 1)]
