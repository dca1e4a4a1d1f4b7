"""The classes of Pascal VOC's masks, in a folder that names them."""

from __future__ import annotations

from pathlib import Path

from graft.data.listing import glance
from graft.data.masks.class_files import BORDER, ClassFile, Meaning
from graft.data.masks.coding import Color

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
"""Their order is that of the numbers in masks, from 1 on."""


def find_voc_classes(root: Path) -> ClassFile | None:
    """The classes if `ImageSets/Main` has VOC's lists of them, such as `cat_train.txt`; else None.

    Other data in the form of VOC have other classes.
    """
    lists = [file for file in glance(root, 4) if file.parent.name == "Main"]
    names = {file.stem.rpartition("_")[0] for file in lists}
    if not names.issuperset(CLASSES):
        return None
    named: list[tuple[str | None, Meaning]] = [(None, (255, 255)), (None, BORDER)]
    for number, name in enumerate(("background", *CLASSES)):
        named += [(name, (number, number)), (name, palette_color(number))]
    return ClassFile(lists[0].parent, tuple(named))


def palette_color(number: int) -> Color:
    """The color of a number in VOC's palette: its bits in turn are high bits of the channels."""
    color = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            color[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    return color[0], color[1], color[2]
