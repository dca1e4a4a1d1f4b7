"""A toy task on a network that computes its own losses: one file is all it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.evidence import Shown
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample, Windows
from graft.data.data import Data
from graft.data.images.open import open_image, thumbnail
from graft.metrics.metric import Metric, metric_of_sums, ratio
from graft.tasks.task import Task, objects

CLOSE = 0.1
"""How far each side of a box may be from the true one, as a share of the picture."""
Boxes = list[tuple[str, list[float]]]
"""The objects of a picture, from left to right: the class and the box of each."""


@dataclass(frozen=True)
class ToyBoxes(Task):
    """Say where the red and blue boxes of a picture are."""

    name: ClassVar[str] = "toy-boxes"
    reads: ClassVar[str] = "image"
    gives: ClassVar[str] = "boxes"
    heads: ClassVar[dict[Form, str]] = {"finished": "own"}
    roles: ClassVar[frozenset[str]] = frozenset({"image", "boxes"})
    target_role: ClassVar[str] = "boxes"

    classes: tuple[str, ...] = ("red", "blue")

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        return cls()

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Any]:
        """Pictures are not augmented, as their boxes would have to follow."""
        target = self.encode_target(sample, preprocess, rng)
        tensors = preprocess(open_image(sample.roles["image"], sample.id), None)
        return tensors if target is None else {**tensors, "target": target}

    def encode_target(
        self, piece: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor] | None:
        boxes = piece.roles.get("boxes")
        if boxes is None:
            return None
        kinds = [self.classes.index(kind) for kind, _ in boxes]
        places = torch.tensor([box for _, box in boxes]).view(-1, 4)
        return {"boxes": places, "classes": torch.tensor(kinds, dtype=torch.long)}

    def collate(self, encoded: list[dict[str, Any]], preprocess: Preprocess) -> Batch:
        targets = [each.pop("target") for each in encoded if "target" in each]
        target = self.collate_targets(targets) if targets else None
        return Batch(preprocess.collate(encoded), target)

    def collate_targets(self, targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {
            name: nn.utils.rnn.pad_sequence([each[name] for each in targets], True, -1)
            for name in ("boxes", "classes")
        }

    def loss(self, output: Output, batch: Batch) -> Tensor:
        return sum(output.losses.values())

    def rows(self, output: Output, batch: Batch) -> list[tuple[np.ndarray, np.ndarray]]:
        boxes, logits = (output.raw[name].float().cpu() for name in ("boxes", "logits"))
        return list(zip(boxes.numpy(), logits.softmax(-1).numpy(), strict=True))

    def scores(self, rows: Sequence[Any], windows: Windows) -> np.ndarray:
        """For each picture the confidence of its least sure box, and what was found."""
        found = []
        for boxes, shares in rows:
            kinds = shares.argmax(-1)
            there = kinds < len(self.classes)
            names = [self.classes[kind] for kind in kinds[there]]
            each = zip(names, boxes[there].tolist(), strict=True)
            found.append((float(shares.max(-1).min()), [tuple(one) for one in each]))
        return objects(found)

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        return objects([sample.roles["boxes"] for sample in samples])

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        return [
            {"prediction": [[kind, list(box)] for kind, box in found], "confidence": sure}
            for sure, found in scores
        ]

    def is_right(self, prediction: Any, target: Any) -> bool:
        return _hits(prediction, target) == len(prediction) == len(target)

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        return Shown("image", thumbnail(sample.roles["image"], sample.id))

    def right_output(self, batch: Batch) -> Output:
        kinds = batch.target["classes"].clone()
        kinds[kinds < 0] = len(self.classes)
        logits = nn.functional.one_hot(kinds, len(self.classes) + 1) * 99.0
        nothing = torch.zeros(())
        raw = {"boxes": batch.target["boxes"], "logits": logits}
        return Output(raw, torch.zeros(len(batch), 1), {"boxes": nothing, "kinds": nothing})

    @property
    def metrics(self) -> dict[str, Metric]:
        return {"boxes_found": BOXES_FOUND}

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        def nothing(train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
            return objects([(1.0, [])] * len(test))

        return (Baseline("nothing", "finding nothing", nothing),)

    def settings(self) -> dict:
        return {"classes": list(self.classes)}

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(2)
        paint = {"red": (220, 30, 30), "blue": (30, 30, 220)}

        def sample(split: str, number: int) -> Sample:
            """One or two boxes, from left to right."""
            pixels = rng.integers(90, 110, (32, 32, 3)).astype(np.uint8)
            boxes = []
            for place in range(1 + number % 2):
                left, top, side = 16 * place + rng.integers(4), rng.integers(18), 10
                kind = ("red", "blue")[rng.integers(2)]
                pixels[top : top + side, left : left + side] = paint[kind]
                box = [left / 32, top / 32, (left + side) / 32, (top + side) / 32]
                boxes.append((kind, [float(edge) for edge in box]))
            label = tuple(sorted({kind for kind, _ in boxes}))
            return Sample(f"{split}:{number}", {"image": pixels, "boxes": boxes, "label": label})

        sizes = {"train": 24, "val": 8, "test": 8}
        return Data(
            {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()},
            "toy boxes",
            kind="labels",
        )


def _hits(found: Boxes, true: Boxes) -> int:
    return sum(
        kind == wanted and bool(np.all(np.abs(np.subtract(box, place)) <= CLOSE))
        for (kind, box), (wanted, place) in zip(found, true, strict=False)
    )


def _counts(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(N, 2): boxes that were found, boxes."""
    rows = [
        (_hits(found, true), len(true)) for (_, found), true in zip(scores, targets, strict=True)
    ]
    return np.array(rows, float).reshape(-1, 2)


BOXES_FOUND = metric_of_sums("boxes_found", _counts, ratio, words="boxes found")
