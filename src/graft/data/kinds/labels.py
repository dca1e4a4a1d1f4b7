"""Pictures, sounds or texts, each with its class, or with several."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from graft.data.data import Data
from graft.data.kinds.classes.labeled import LABEL, NAMES, WANTED, Labeled, label_fit, name_column
from graft.data.kinds.kind import make_splits
from graft.data.sounds.wave_files import wave_bytes
from graft.data.tables.columns import Columns, Match
from graft.data.tables.inputs import IMAGE, TEXT, find_inputs
from graft.data.tables.sounds import AUDIO, PARTS

_SAYINGS = (
    'says "hello", twice',
    "naïve café — ok",
    "one; two | three",
    "日本語の文です",
    "it's 5 o'clock",
    "a text \u2028 in two parts",
)


class Labels(Labeled):
    """A picture, a sound or a text (`image`, `audio`, `text`), and its class or classes."""

    inputs: ClassVar = (frozenset({"image"}), frozenset({"audio"}), frozenset({"text"}))
    columns: ClassVar = {
        "text": TEXT, "image": IMAGE, "audio": AUDIO, "label": LABEL, "label_name": NAMES, **PARTS,
    }  # fmt: skip
    texts: ClassVar = {"text": "Texts"}
    blanks: ClassVar = ({"text": ""}, {"text": " "})

    def match(self, columns: Columns) -> Match:
        match = find_inputs(columns, WANTED)
        roles = {**match.columns, "label_name": name_column(columns, match)}
        return replace(match, columns=roles, fit=label_fit(columns, match))

    def tiny(self) -> dict[str, Data]:
        one = ("spam", "häm", "egg and bacon")
        several = (("sports", "politics"), ("sports",), ("arts", "politics"), ("arts",))
        rng = np.random.default_rng(0)

        def text(split: str, i: int) -> dict[str, Any]:
            label = one[i % (3 if split == "all" else 2)]
            return {"text": f"{split} number {i} {_SAYINGS[i % 6]}", "label": label}

        def tagged(split: str, i: int) -> dict[str, Any]:
            return {**text(split, i), "label": several[i % 4]}

        def picture(split: str, i: int) -> dict[str, Any]:
            pixels = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
            return {"image": pixels, "label": ("ant", "bee")[i % 2]}

        def sound(split: str, i: int) -> dict[str, Any]:
            samples = rng.uniform(-0.5, 0.5, 400 + 40 * i).astype(np.float32)
            return {"audio": wave_bytes(samples, 8000), "label": ("croak", "hiss")[i % 2]}

        made = {
            "texts": {**make_splits(text, 6, ["train"]), **make_splits(text, 4, ["val", "test"])},
            "unsplit": make_splits(text, 9, ["all"]),
            "several-labels": make_splits(tagged, 8, ["train", "test"]),
            "images": make_splits(picture, 6, ["train", "test"]),
            "sounds": make_splits(sound, 6, ["train", "test"]),
        }
        return {name: Data(splits, kind=self.name) for name, splits in made.items()}
