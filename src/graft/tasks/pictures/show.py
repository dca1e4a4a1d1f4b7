"""Pictures with what was found in them, beside what is true."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from graft.base.evidence import Shown
from graft.base.records import Sample
from graft.data.images.draw import DrawnBox, draw_boxes, draw_mask, join_pictures
from graft.data.images.open import jpeg_uri, open_image, thumbnail

SIDE = 400
"""Pixels of the longer side of a picture in a report; two stand side by side."""


def draw_boxes_of(
    sample: Sample,
    objects: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    side: int | None = None,
) -> Image.Image:
    """The sample's picture with its objects: `label` and `box`, and `score` if predicted."""
    boxes = [
        DrawnBox(tuple(each["box"]), each["label"], classes.index(each["label"]), each.get("score"))
        for each in objects
    ]
    return draw_boxes(open_image(sample.roles["image"], sample.id), boxes, side)


def draw_mask_of(
    sample: Sample,
    mask: NDArray,
    classes: Sequence[str],
    plain: Collection[int] = (),
    side: int | None = None,
) -> Image.Image:
    """The sample's picture under the classes of its pixels (H, W); those in `plain` are clear."""
    image = open_image(sample.roles["image"], sample.id)
    return draw_mask(image, mask, classes, plain=plain, side=side)


def show_beside(
    sample: Sample,
    draw: Callable[[Any], Image.Image],
    prediction: Any = None,
    target: Any = None,
    caption: str = "",
) -> Shown:
    """Show what `draw` makes of the target beside what it makes of the prediction.

    What is None is left out; without both the picture is shown as it is. `draw` makes pictures of
    `SIDE` pixels.
    """
    named = (("true", target), ("predicted", prediction))
    pictures = [(title, draw(value)) for title, value in named if value is not None]
    if not pictures:
        return Shown("image", thumbnail(sample.roles["image"], sample.id, SIDE), caption, True)
    image = join_pictures(pictures) if len(pictures) > 1 else pictures[0][1]
    return Shown("image", jpeg_uri(image), caption, is_large=True)
