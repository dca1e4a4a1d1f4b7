"""Boxes and masks follow a picture into a network, and boxes come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from graft.backbones.preprocess.augment import AUGMENTS, Frame
from graft.backbones.preprocess.geometry import Geometry, center_box, letterbox

SIDES = st.integers(16, 4000)
VIEWS = st.tuples(SIDES, SIDES, st.integers(16, 640), st.sampled_from([*AUGMENTS]), st.integers(0))
WHOLE = st.tuples(
    st.tuples(SIDES, SIDES),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from([*AUGMENTS]),
    st.integers(0),
)
"""Pictures that are seen whole, by networks whose sides are multiples of 32."""


def geometry_of(view: tuple[int, int, int, str, int]) -> Geometry:
    width, height, side, name, seed = view
    frame = Frame((width, height), (side, side), 0.875, (0.25, 1.0))
    return AUGMENTS[name](frame, np.random.default_rng(seed)).geometry


def whole_geometry(view) -> Geometry:
    picture, cells, name, seed = view
    frame = Frame(picture, (32 * cells[0], 32 * cells[1]), 0.875, (0.25, 1.0), whole=True)
    return AUGMENTS[name](frame, np.random.default_rng(seed)).geometry


@given(WHOLE, st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=5))
def test_boxes_of_whole_pictures_come_back(view, shares) -> None:
    width, height = view[0]
    boxes = np.array(shares) * (width, height, width, height)
    geometry = whole_geometry(view)
    # float64 has 15 digits; the sides have 4.
    np.testing.assert_allclose(geometry.to_picture(geometry.boxes(boxes)), boxes, rtol=0, atol=1e-6)


@given(st.tuples(SIDES, SIDES), st.tuples(st.integers(1, 20), st.integers(1, 20)))
def test_a_letterbox_shows_the_whole_picture_on_whole_pixels(picture, cells) -> None:
    size = 32 * cells[0], 32 * cells[1]
    (seen,) = letterbox(picture, size).boxes(np.array([(0, 0, *picture)]))
    np.testing.assert_allclose(seen, np.round(seen), rtol=0, atol=1e-6)
    assert min(seen[:2]) > -1e-6 and seen[2] < size[0] + 1e-6 and seen[3] < size[1] + 1e-6
    # It is as large as it fits along one side.
    assert any(np.isclose(seen[2:] - seen[:2], size))
    # In its own shape, but for the rounding to whole pixels, of which there is at least one.
    scale = min(size[0] / picture[0], size[1] / picture[1])
    assert np.abs(seen[2:] - seen[:2] - scale * np.array(picture)).max() <= 1


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(40, 300), st.integers(40, 300)),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.sampled_from([*AUGMENTS]),
    st.integers(0, 1000),
)
def test_what_is_drawn_is_seen_where_its_box_is(picture, cells, name, seed) -> None:
    width, height = picture
    drawn = np.array([width // 4, height // 4, width // 4 + 20, height // 4 + 20])
    pixels = np.zeros((height, width), dtype=np.uint8)
    pixels[drawn[1] : drawn[3], drawn[0] : drawn[2]] = 1
    geometry = whole_geometry((picture, cells, name, seed))
    mask = geometry.mask(Image.fromarray(pixels), padding=2)
    assert mask.shape == (32 * cells[1], 32 * cells[0])
    expected = geometry.boxes(drawn[None].astype(float))[0]
    rows, columns = np.nonzero(mask == 1)
    if not len(rows) or min(expected) < 1 or expected[2] > mask.shape[1] - 1:
        return  # not all of it is seen
    if expected[3] > mask.shape[0] - 1:
        return
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    # Half a pixel by nearest neighbor, and half where the picture ends between two pixels.
    assert np.abs(seen - expected).max() <= 1.0 + 1e-6


def test_what_lies_outside_the_picture_is_padded() -> None:
    picture = Image.new("RGB", (100, 50), (10, 20, 30))
    geometry = letterbox((100, 50), (64, 64))
    seen = geometry.picture(picture, Image.Resampling.BILINEAR, (1, 2, 3))
    assert (seen[16:48] == (10, 20, 30)).all()
    assert (seen[:16] == (1, 2, 3)).all() and (seen[48:] == (1, 2, 3)).all()
    mask = geometry.mask(Image.new("L", (100, 50), 5), padding=255)
    assert (mask[16:48] == 5).all() and (mask[:16] == 255).all()


@given(VIEWS, st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=5))
def test_boxes_come_back(view, shares) -> None:
    width, height = view[:2]
    corners = np.array(shares) * (width, height, width, height)
    boxes = np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], 1
    )
    geometry = geometry_of(view)
    # float64 has 15 digits; the sides have 4.
    np.testing.assert_allclose(geometry.to_picture(geometry.boxes(boxes)), boxes, rtol=0, atol=1e-6)


@given(VIEWS)
def test_what_is_seen_fills_the_input_and_boxes_keep_their_order(view) -> None:
    geometry = geometry_of(view)
    side = view[2]
    # float64 has 15 digits; the sides have 4.
    seen = geometry.boxes(np.array([geometry.box]))
    np.testing.assert_allclose(seen, [[0, 0, side, side]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mask_and_a_box_follow_what_is_drawn(mirrored: bool) -> None:
    pixels = np.zeros((120, 160), dtype=np.uint8)
    pixels[40:60, 90:120] = 7
    geometry = Geometry((40.0, 20.0, 140.0, 120.0), (50, 50), mirrored)
    mask = geometry.mask(Image.fromarray(pixels))
    assert set(np.unique(mask)) == {0, 7}, "no number comes in between"
    rows, columns = np.nonzero(mask)
    drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert geometry.boxes(np.array([[90, 40, 120, 60]])).tolist() == [drawn]
    picture = Image.fromarray(np.stack([pixels * 36] * 3, axis=2))
    seen = geometry.picture(picture, Image.Resampling.NEAREST)
    assert np.array_equal(seen[..., 0] > 0, mask > 0)


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((32, 32), (75.0, 25.0, 125.0, 75.0)),
        ((80, 20), (50.0, 37.5, 150.0, 62.5)),  # as wide as the picture
        ((20, 40), (87.5, 25.0, 112.5, 75.0)),  # as high as the picture
    ],
)
def test_the_center_has_the_shape_of_the_input(size: tuple[int, int], box: tuple) -> None:
    frame = Frame((200, 100), size, 0.5, (0.25, 1.0))
    assert AUGMENTS["none"](frame, np.random.default_rng(0)).geometry.box == box
    assert center_box((200, 100), frame.aspect, 0.5) == box


def test_a_stretched_picture_is_seen_whole_in_any_input() -> None:
    frame = Frame((200, 100), (20, 40), 1.0, (0.25, 1.0), stretch=True)
    geometry = AUGMENTS["none"](frame, np.random.default_rng(0)).geometry
    assert geometry.box == (0.0, 0.0, 200.0, 100.0)
    assert geometry.boxes(np.array([[0, 0, 100, 50]])).tolist() == [[0, 0, 10, 20]]


@pytest.mark.parametrize(("stretch", "aspect"), [(False, 0.25), (True, 4.0)])
def test_random_parts_are_about_in_the_shape_of_the_input_or_of_a_stretched_picture(
    stretch: bool, aspect: float
) -> None:
    frame = Frame((4000, 1000), (32, 128), 1.0, (0.01, 0.05), stretch=stretch)
    for seed in range(20):
        left, top, right, bottom = AUGMENTS["usual"](
            frame, np.random.default_rng(seed)
        ).geometry.box
        # Small parts are not cut at the edges, so their shapes are those that were drawn.
        assert 3 / 4 <= (right - left) / (bottom - top) / aspect <= 4 / 3
