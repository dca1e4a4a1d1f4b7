"""How pictures are changed at random: by `rng` alone, by default as it always was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from graft.backbones.preprocess.augment import AUGMENTS
from graft.backbones.preprocess.preprocess import ImagePreprocess

P = ImagePreprocess((32, 32), (0.5,) * 3, (0.5,) * 3)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8))


def before(rng: np.random.Generator) -> np.ndarray:
    """What `usual` was before it had a name, draw by draw."""
    width, height = NOISE.size
    area = width * height * rng.uniform(*P.scale)
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = min(np.sqrt(area * ratio), width), min(np.sqrt(area / ratio), height)
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    box = (left, top, left + w, top + h)
    image = NOISE.resize((32, 32), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    pixels = np.array(image)
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


@pytest.mark.parametrize("seed", range(8))
def test_the_usual_one_draws_as_before(seed: int) -> None:
    seen = P(NOISE, np.random.default_rng(seed))["x"].permute(1, 2, 0).numpy()
    assert np.array_equal(seen, before(np.random.default_rng(seed)))


@pytest.mark.parametrize("name", AUGMENTS)
def test_one_state_gives_one_view(name: str) -> None:
    one, again, other = (
        replace(P, augment=name)(NOISE, np.random.default_rng(seed))["x"] for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert torch.equal(one, other) == (name == "none")
    assert one.shape == (3, 32, 32) and one.dtype == torch.uint8


@pytest.mark.parametrize("name", AUGMENTS)
def test_without_a_state_all_see_the_plain_picture(name: str) -> None:
    assert torch.equal(replace(P, augment=name)(NOISE, None)["x"], P(NOISE, None)["x"])


def test_strong_changes_colors_where_it_sees_the_same_part() -> None:
    strong = replace(P, augment="strong")
    rngs = [np.random.default_rng(5) for _ in range(2)]
    views = [p.view(NOISE.size, rng) for p, rng in zip((P, strong), rngs, strict=True)]
    assert views[0].geometry == views[1].geometry
    grey = np.full((8, 8, 3), 128, dtype=np.uint8)
    assert np.array_equal(views[0].recolor(grey), grey)
    assert not np.array_equal(views[1].recolor(grey), grey)


def test_a_white_picture_stays_within_eight_bits() -> None:
    white = np.full((8, 8, 3), 255, dtype=np.uint8)
    for seed in range(20):
        view = replace(P, augment="strong").view((8, 8), np.random.default_rng(seed))
        assert view.recolor(white).min() >= 0.6 * 255 - 1  # the darkest factor, without overflow
