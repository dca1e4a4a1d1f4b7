"""Mosaics: tiles of four pictures cover the input, and boxes come back to their pictures."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from graft.backbones.preprocess.mosaic import CENTER, TILES, ZOOM, draw_tiles
from graft.backbones.preprocess.preprocess import ImagePreprocess

SIDES = st.integers(16, 4000)
PICTURES = st.lists(st.tuples(SIDES, SIDES), min_size=TILES, max_size=TILES)
INPUTS = st.tuples(*[st.sampled_from(range(32, 641, 32))] * 2)
"""Sides of inputs are multiples of 32."""
SEEDS = st.integers(0, 2**32)


@given(PICTURES, INPUTS, SEEDS)
def test_the_tiles_cover_each_pixel_of_the_input_once(pictures, size, seed) -> None:
    covered = np.zeros((size[1], size[0]), int)
    for tile in draw_tiles(pictures, size, np.random.default_rng(seed)):
        covered[tile.place] += 1
        low, high = (share * np.array(size) - 1 for share in CENTER)
        assert (low <= tile.geometry.size).all() and (tile.geometry.size <= high + 2).all()
    assert (covered == 1).all()


@given(PICTURES, INPUTS, SEEDS, st.lists(st.tuples(*[st.floats(0, 1)] * 4), max_size=5))
def test_boxes_come_back_to_their_pictures(pictures, size, seed, shares) -> None:
    tiles = draw_tiles(pictures, size, np.random.default_rng(seed))
    for tile, picture in zip(tiles, pictures, strict=True):
        boxes = np.array(shares).reshape(-1, 4) * (*picture, *picture)
        corner = np.array(tile.corner * 2)
        seen = tile.geometry.boxes(boxes) + corner
        back = tile.geometry.to_picture(seen - corner)
        # float64 has 15 digits; the sides have 4.
        np.testing.assert_allclose(back, boxes, rtol=0, atol=1e-6)


@given(PICTURES, INPUTS, SEEDS)
def test_objects_appear_half_to_a_quarter_more_as_large_as_in_the_whole_picture(
    pictures, size, seed
) -> None:
    tiles = draw_tiles(pictures, size, np.random.default_rng(seed))
    for tile, (width, height) in zip(tiles, pictures, strict=True):
        left, top, right, bottom = tile.geometry.boxes(np.array([[0, 0, width, height]]))[0]
        scale = min(size[0] / width, size[1] / height)
        # The letterbox covers whole pixels, so that the shorter side of a thin picture is rounded.
        factors = np.array([right - left, bottom - top]) / np.maximum(
            np.round(np.array([width, height]) * scale), 1
        )
        assert 1 / ZOOM[1] - 1e-9 <= factors.min() and factors.max() <= 1 / ZOOM[0] + 1e-9


def test_the_pixels_of_an_input_are_those_of_its_tiles() -> None:
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]
    pictures = [Image.new("RGB", (300, 200), color) for color in colors]
    preprocess = ImagePreprocess((96, 64), (0.5,) * 3, (0.5,) * 3, whole=True)
    tiles = draw_tiles([(300, 200)] * TILES, (96, 64), np.random.default_rng(0))
    pixels = preprocess.join(zip(pictures, tiles, strict=True), lambda seen: seen)["x"]
    for tile, color in zip(tiles, colors, strict=True):
        part = pixels.permute(1, 2, 0).numpy()[tile.place]
        # Pictures in the shape of the input fill their tiles: nothing is padded.
        assert {tuple(map(int, pixel)) for pixel in part.reshape(-1, 3)} == {color}


def test_one_state_gives_one_mosaic() -> None:
    def draw(seed: int):
        return draw_tiles([(300, 200)] * TILES, (96, 64), np.random.default_rng(seed))

    assert draw(1) == draw(1) != draw(2)
