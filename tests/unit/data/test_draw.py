"""What is drawn on pictures: where it lies, in which colors, at which size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from graft.base.colors import BASE, class_color, text_color
from graft.data.images.draw import (
    SMALL,
    DrawnBox,
    draw_boxes,
    draw_mask,
    join_pictures,
    scale_to_draw,
)

GRAY = (120, 120, 120)
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""Linear RGB as it is seen. Source: Machado, Oliveira and Fernandes, IEEE TVCG 15, 2009."""


def lab(color: tuple[int, int, int], seen: object) -> np.ndarray:
    """CIE L*a*b* of a color as it is seen."""
    share = np.array(color) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = to_xyz @ np.clip(np.array(seen) @ linear, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_classes_differ_in_color_with_each_kind_of_color_blindness(sight):
    """By 14 at least, where 2.3 is a difference that can just be seen."""
    seen = [lab(color, SIGHT[sight]) for color in BASE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 14


def test_many_classes_have_colors_of_their_own_and_labels_that_can_be_read():
    assert len({class_color(number) for number in range(24)}) == 24
    assert class_color(24) == class_color(0)
    assert (text_color((0, 0, 0)), text_color((255, 255, 0))) == ((255, 255, 255), (0, 0, 0))


def count(image: Image.Image, color: tuple[int, int, int]) -> int:
    return int((np.asarray(image) == color).all(axis=2).sum())


def test_a_box_lies_at_its_pixels_and_the_picture_keeps_its_size():
    image = Image.new("RGB", (640, 480), GRAY)
    drawn = draw_boxes(image, [DrawnBox((100, 50, 300, 250), "cat", 1, 0.87)])
    assert drawn.size == image.size
    assert count(image, GRAY) == 640 * 480, "the picture itself stays as it is"
    pixels = np.asarray(drawn)
    for y, x in ((50, 200), (249, 200), (150, 100), (150, 299)):
        assert tuple(pixels[y, x]) == class_color(1)
    assert tuple(pixels[150, 200]) == GRAY
    changed = np.argwhere((pixels != GRAY).any(axis=2))
    # A rim of one pixel around the box, and the label above it.
    assert changed[:, 1].min() == 99
    assert changed[:, 0].max() == 250
    assert 25 < changed[:, 0].min() < 50


def test_small_pictures_are_enlarged_and_large_ones_get_larger_lines():
    box = [DrawnBox((8, 8, 40, 40), "a", 2)]
    small = draw_boxes(Image.new("RGB", (64, 48), GRAY), box)
    assert small.size == (SMALL, 240)
    assert tuple(np.asarray(small)[60, 40]) == class_color(2)
    large = draw_boxes(
        Image.new("RGB", (3500, 2000), GRAY), [DrawnBox((100, 100, 900, 900), "a", 2)]
    )
    assert [tuple(np.asarray(large)[500, 100 + step]) for step in (0, 9)] == [class_color(2)] * 2
    assert tuple(np.asarray(large)[500, 115]) == GRAY


def test_a_picture_for_a_page_is_made_smaller_before_it_is_drawn_on():
    image = Image.new("RGB", (4000, 1000), GRAY)
    drawn = draw_boxes(image, [DrawnBox((2000, 500, 3000, 900), "a", 0)], side=400)
    assert drawn.size == (400, 100)
    assert tuple(np.asarray(drawn)[70, 200]) == class_color(0)


@pytest.mark.parametrize(("longer", "drawn"), [(1, 320), (64, 320), (256, 256), (401, 400)])
def test_a_picture_for_a_page_is_no_larger_than_asked(longer, drawn):
    assert scale_to_draw(Image.new("RGB", (longer, 1)), side=400).width == drawn


@pytest.mark.parametrize(
    "box", [(-50, -50, 900, 900), (630, 470, 700, 600), (5, 5, 5, 5), (-9, 3, 0, 4)]
)
def test_boxes_at_and_beyond_the_edges_are_drawn_in_the_picture(box):
    drawn = draw_boxes(Image.new("RGB", (640, 480), GRAY), [DrawnBox(box, "a long name", 0, 1.0)])
    assert drawn.size == (640, 480)
    assert count(drawn, class_color(0)) > 0


def test_labels_of_boxes_at_one_place_do_not_cover_each_other():
    boxes = [DrawnBox((200, 200, 400, 400), "x", number, 0.5) for number in range(4)]
    drawn = draw_boxes(Image.new("RGB", (640, 480), GRAY), boxes)
    # The boxes cover each other, so what is left of the lower ones is their labels.
    assert all(count(drawn, class_color(number)) > 100 for number in range(4))


def test_nothing_found_leaves_the_picture_as_it_is():
    image = Image.new("RGB", (640, 480), GRAY)
    assert np.array_equal(np.asarray(draw_boxes(image, [])), np.asarray(image))


def test_a_mask_colors_its_pixels_and_a_legend_names_the_classes():
    mask = np.zeros((480, 640), np.uint8)
    mask[:, 320:] = 1
    mask[:100] = 255
    image = Image.new("RGB", (640, 480), (0, 0, 0))
    drawn = draw_mask(image, mask, ("sky", "road", "never"))
    assert drawn.width == 640
    assert 480 < drawn.height < 540, "one line of legend"
    tinted = np.array([class_color(0), class_color(1), (128, 128, 128)]) * 0.6
    at = np.asarray(drawn)[[300, 300, 50], [100, 500, 300]]
    assert at == pytest.approx(tinted, abs=0.5)
    assert [
        count(drawn.crop((0, 480, 640, drawn.height)), class_color(i)) > 50 for i in range(3)
    ] == [
        True,
        True,
        False,
    ]


def test_a_class_that_is_named_by_its_color_has_that_color():
    image = Image.new("RGB", (640, 480), (0, 0, 0))
    drawn = draw_mask(image, np.ones((480, 640), np.uint8), ("#000000", "#00A000"))
    assert np.asarray(drawn)[300, 300] == pytest.approx(np.array((0, 160, 0)) * 0.6, abs=0.5)


def test_a_plain_class_is_left_clear_and_out_of_the_legend():
    mask = np.zeros((480, 640), np.uint8)
    drawn = draw_mask(Image.new("RGB", (640, 480), GRAY), mask, ("background", "cell"), plain=(0,))
    assert drawn.size == (640, 480)
    assert count(drawn, GRAY) == 640 * 480


def test_a_mask_of_another_size_than_the_page_fits():
    drawn = draw_mask(Image.new("RGB", (900, 600)), np.ones((600, 900), np.uint8), "ab", side=300)
    assert drawn.width == 300
    assert drawn.height > 200


def test_pictures_stand_side_by_side_under_their_titles():
    pictures = [
        ("true", Image.new("RGB", (300, 200), GRAY)),
        ("predicted", Image.new("RGB", (300, 220))),
    ]
    joined = join_pictures(pictures)
    assert joined.width > 600
    assert joined.height > 220
    assert count(joined, GRAY) == 300 * 200


def test_pictures_of_any_mode_become_rgb():
    for mode in ("L", "P", "RGBA", "CMYK", "1"):
        assert scale_to_draw(Image.new(mode, (400, 300))).mode == "RGB"
