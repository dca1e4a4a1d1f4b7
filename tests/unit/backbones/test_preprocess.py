"""From pictures and texts to inputs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.backbones.preprocess.preprocess import ImagePreprocess, restore_preprocess
from graft.base.records import Batch
from tests.jobs import job

IMAGE = ImagePreprocess(size=(32, 32), mean=(0.5, 0.25, 0.0), std=(0.5, 0.5, 1.0), crop=0.5)


def test_a_picture_is_cropped_at_its_center_and_normalized():
    pixels = np.zeros((100, 200, 3), dtype=np.uint8)
    pixels[25:75, 75:125] = (255, 128, 51)  # half of the short side, in the middle
    encoded = IMAGE(Image.fromarray(pixels), None)
    assert encoded["x"].shape == (3, 32, 32)
    assert encoded["x"].dtype == torch.uint8
    batch = IMAGE.collate([encoded, encoded])["x"]
    expected = torch.tensor([1.0, (128 / 255 - 0.25) / 0.5, 0.2])
    torch.testing.assert_close(batch[1, :, 5:-5, 5:-5], expected.view(3, 1, 1).expand(3, 22, 22))


def test_the_same_random_state_gives_the_same_crop_and_another_another():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8))
    first, again, other = (IMAGE(noise, np.random.default_rng(seed))["x"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_settings_restore_it_through_json():
    settings = json.loads(json.dumps(IMAGE.settings()))
    assert (
        restore_preprocess(ImagePreprocess(size=(1, 1), mean=(0, 0, 0), std=(1, 1, 1)), settings)
        == IMAGE
    )


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "xlnet", "t5"])
def test_texts_are_cut_padded_and_may_be_empty(name):
    backbone = load_backbone(f"tiny:{name}", job("text-classification", 2))
    p = backbone.preprocess
    encoded = [p(text, None) for text in ("", "some words", "w" * 1000)]
    assert (
        1
        <= len(encoded[0]["input_ids"])
        < len(encoded[1]["input_ids"])
        < len(encoded[2]["input_ids"])
        == p.max_length
    )
    batch = p.collate(encoded)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (3, p.max_length)
    assert batch["attention_mask"].sum(1).tolist() == [len(e["input_ids"]) for e in encoded]
    for inputs in (p.collate(encoded[:1]), batch):
        output = Model(backbone)(Batch(inputs, mask=p.mask(inputs)))
        assert torch.isfinite(output.logits).all()


def test_restored_length_cuts_elsewhere():
    p = load_backbone("tiny:bert", job("text-classification", 2)).preprocess
    shorter = restore_preprocess(p, p.settings() | {"max_length": 9})
    assert len(shorter("w" * 50, None)["input_ids"]) == 9
