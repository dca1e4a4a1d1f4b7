"""Pictures or texts, each with its class, or with several."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.classes.labeled import LABEL, NAMES, WANTED, Labeled, fit, with_name_column
from graft.data.kinds.kind import normalized
from graft.data.tables.columns import Columns, Match
from graft.data.tables.inputs import GROUP, IMAGE, TEXT, find_inputs


class Labels(Labeled):
    """A picture or a text, and its class or classes: `image` or `text`, and `label`."""

    inputs: ClassVar = (frozenset({"image"}), frozenset({"text"}))
    columns: ClassVar = {"text": TEXT, "image": IMAGE, "label": LABEL, "label_name": NAMES, "group": GROUP, "split": ()}
    blanks: ClassVar = ({"text": ""}, {"text": " "})

    def match(self, columns: Columns) -> Match:
        match = find_inputs(columns, WANTED)
        match.fit = fit(columns, match)
        return with_name_column(columns, match)

    def words(self, sample: Sample) -> str:
        return sample.roles.get("text", "")

    def content(self, sample: Sample) -> str:
        """Of a picture, the bytes of its file or its pixels; one that cannot be read is equal to itself only."""
        image = sample.roles.get("image")
        if image is None:
            return f"text {normalized(sample.roles['text'])}"
        raw = _bytes(image)
        return "image " + (f"of {sample.id}" if raw is None else hashlib.sha256(raw).hexdigest())

    def tiny(self) -> dict[str, Data]:
        one, several = ("spam", "häm", "egg and bacon"), (("sports", "politics"), ("sports",), ("arts", "politics"), ("arts",))
        sizes = {"train": 6, "val": 4, "test": 4}
        rng = np.random.default_rng(0)

        def picture(split: str, i: int) -> Sample:
            pixels = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
            return Sample(f"{split}:{i}", {"image": pixels, "label": ("ant", "bee")[i % 2]})

        pictures = {split: [picture(split, i) for i in range(6)] for split in ("train", "test")}
        return {
            "texts": Data({split: [_text(split, i, one[i % 2]) for i in range(n)] for split, n in sizes.items()}, kind=self.name),
            "unsplit": Data({"all": [_text("all", i, one[i % 3]) for i in range(9)]}, kind=self.name),
            "several-labels": Data(
                {s: [_text(s, i, several[i % 4]) for i in range(8)] for s in ("train", "test")}, kind=self.name
            ),
            "images": Data(pictures, kind=self.name),
        }


def _bytes(image: object) -> bytes | None:
    if isinstance(image, np.ndarray):
        return f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes()
    if isinstance(image, Image.Image):
        return f"{image.size}".encode() + image.tobytes()
    if isinstance(image, str | Path):
        try:
            return Path(image).read_bytes() or None
        except OSError:
            return None
    return bytes(image) or None if isinstance(image, bytes | bytearray) else None


_SAYINGS = (
    'says "hello", twice',
    "naïve café — ok",
    "one; two | three",
    "日本語の文です",
    "it's 5 o'clock",
    "a text \u2028 in two parts",
)


def _text(split: str, i: int, label: str | tuple[str, ...]) -> Sample:
    return Sample(f"{split}:{i}", {"text": f"{split} number {i} {_SAYINGS[i % 6]}", "label": label})
