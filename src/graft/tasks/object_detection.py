"""Object detection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from graft.backbones.preprocess.geometry import letterbox
from graft.backbones.preprocess.mosaic import Tile
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base.baseline import Baseline
from graft.base.errors import BadValue, DataError
from graft.base.evidence import Confusion, Details, Shown, Table, best_and_worst
from graft.base.job import Form
from graft.base.records import Batch, LabeledBox, Output, Sample, Windows
from graft.base.trees import Tree
from graft.data.boxes.findings import NOTHING_TO_LEARN, has_objects
from graft.data.data import Data
from graft.data.images.open import image_size, open_image
from graft.metrics import detection as measures
from graft.metrics.metric import Metric
from graft.tasks.pictures import boxes as places
from graft.tasks.pictures.baselines import mean_box
from graft.tasks.pictures.show import SIDE, draw_boxes_of, show_beside
from graft.tasks.pictures.sizes import check_longest, network_size, usual_size
from graft.tasks.pictures.views import count_companions, draw_view
from graft.tasks.task import Task, objects

MISTAKES = (
    "Pictures with the worst mistakes",
    "An object that is found with confidence where none is marked is often a missing label.",
)
COUNTED = (
    "Counted are the objects that a prediction lists. AP and recall also read those with lower "
    "scores, which are many."
)


@dataclass(frozen=True)
class ObjectDetection(Task):
    """Find the objects of a picture: a box around each, its class and a score.

    The whole picture is read, scaled to fit and padded, `size` pixels at most on its longer side.
    A prediction lists the objects whose score is at least `threshold`, which is chosen on
    validation; metrics read all detections. Groups of objects that are marked as one crowd are no
    objects to learn, and what is found in them is neither right nor wrong.
    Baseline: the mean box of each class.
    Example: graft fit cells --task object-detection:head=fcos,size=640
    """

    name: ClassVar[str] = "object-detection"
    reads: ClassVar[str] = "image"
    gives: ClassVar[str] = "boxes"
    heads: ClassVar[dict[Form, str]] = {"pyramid": "faster-rcnn"}
    roles: ClassVar[frozenset[str]] = frozenset({"image", "boxes"})
    target_role: ClassVar[str] = "boxes"
    options: ClassVar[tuple[str, ...]] = ("size",)
    batch_size: ClassVar[int | None] = 4
    budget: ClassVar[tuple[int, int]] = (1_200, 20)
    best_by: ClassVar[Literal["loss", "metric"]] = "metric"
    draws: ClassVar[bool] = True
    cut_words: ClassVar[str] = (
        "pictures have objects smaller than a pixel of the input, which are not learned"
    )

    picture: tuple[int, int] = (640, 480)
    """Width and height of the usual training picture."""
    size: int = 480
    """The longer side of the input, unless the pictures are smaller."""
    threshold: float = 0.5
    """The least score of an object in a prediction."""

    def __post_init__(self) -> None:
        """Raise BadValue also for a size that no picture can be read at."""
        super().__post_init__()
        check_longest(self.name, self.size)

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raise DataError without a box to learn from, BadValue if classes are to be weighted."""
        if weighted:
            raise BadValue(
                f"--weighted weighs classes, which {cls.name} does not do. Leave it out."
            )
        training = data.splits["train"]
        if not has_objects(training):
            raise DataError(f"{data.path or 'The data'}: {NOTHING_TO_LEARN}")
        return cls(tuple(data.classes), picture=usual_size(training))

    @property
    def input_size(self) -> tuple[int, int]:
        return network_size(self.picture, self.size)

    def companions(self, preprocess: ImagePreprocess) -> int:
        return count_companions(preprocess)

    def encode(
        self, sample: Sample, preprocess: ImagePreprocess, rng: np.random.Generator | None
    ) -> dict[str, Tree]:
        """A view of the picture, or a mosaic of it and its companions; the boxes follow."""
        view = draw_view(sample, preprocess, rng)
        pictures = ((open_image(each.roles["image"], each.id), tile) for each, tile in view.tiles)
        tensors = preprocess.join(pictures, view.recolor)
        target = self._target(view.tiles)
        return tensors if target is None else {**tensors, "target": target}

    def encode_target(
        self, piece: Sample, preprocess: ImagePreprocess, rng: np.random.Generator | None
    ) -> Tree:
        """Boxes (M, 4) and classes (M,) of the objects in view, for which headers are enough."""
        return self._target(draw_view(piece, preprocess, rng).tiles)

    def _target(self, tiles: Sequence[tuple[Sample, Tile]]) -> dict[str, Tensor] | None:
        if any(sample.roles.get(self.target_role) is None for sample, _ in tiles):
            return None
        boxes, classes = zip(*(self._in_view(*pair) for pair in tiles), strict=True)
        return {
            "boxes": torch.from_numpy(np.concatenate(boxes)).float(),
            "classes": torch.from_numpy(np.concatenate(classes)),
        }

    def _in_view(self, sample: Sample, tile: Tile) -> tuple[NDArray, NDArray]:
        """The boxes (M, 4) in pixels of the input, and the classes (M,), of what a tile shows."""
        truth, geometry = self._truth(sample), tile.geometry
        counted = ~truth["crowd"]
        boxes, in_view = places.clip(geometry.boxes(truth["boxes"][counted]), geometry.size)
        return boxes[in_view] + np.array(tile.corner * 2), truth["classes"][counted][in_view]

    def collate_targets(self, targets: list[Tree]) -> Tree:
        """Boxes (B, M, 4) and classes (B, M), which are -1 for padding."""
        return {
            name: nn.utils.rnn.pad_sequence([each[name] for each in targets], True, value)
            for name, value in (("boxes", 0.0), ("classes", -1))
        }

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """Sum the losses that the network computes itself."""
        return torch.stack([loss.float() for loss in output.losses.values()]).sum()

    def rows(self, output: Output, batch: Batch) -> list[dict[str, NDArray]]:
        """The detections of each picture, in pixels of the input."""
        names = ("boxes", "scores", "labels")
        columns = [output.raw[name].float().cpu().numpy() for name in names]
        rows = []
        for boxes, scores, labels in zip(*columns, strict=True):
            there = labels >= 0
            classes = labels[there].astype(int)
            rows.append({"boxes": boxes[there], "scores": scores[there], "classes": classes})
        return rows

    def scores(self, rows: Sequence[dict[str, NDArray]], windows: Windows) -> np.ndarray:
        """The detections of each picture, in pixels of the file."""
        return objects(
            [
                {**row, "boxes": self._in_file(row["boxes"], sample)}
                for row, sample in zip(rows, windows.samples, strict=True)
            ]
        )

    def _in_file(self, boxes: NDArray, sample: Sample) -> NDArray:
        picture = image_size(sample.roles["image"], sample.id)
        moved = letterbox(picture, self.input_size).to_picture(boxes.reshape(-1, 4))
        return places.clip(moved, picture)[0]

    def count_cut(self, samples: Sequence[Sample], preprocess: ImagePreprocess) -> int:
        """Count the pictures with an object that is too small in the input to be learned."""
        return sum(self._has_tiny(sample) for sample in samples)

    def _has_tiny(self, sample: Sample) -> bool:
        boxes = [each.box for each in sample.roles.get(self.target_role) or () if not each.is_crowd]
        if not boxes:
            return False
        geometry = letterbox(image_size(sample.roles["image"], sample.id), self.input_size)
        return bool(places.are_tiny(geometry.boxes(boxes)).any())

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """The boxes and classes of each picture's objects, which are crowds, and their areas."""
        return objects([self._truth(sample) for sample in samples])

    def _truth(self, sample: Sample) -> dict[str, NDArray]:
        boxes: Sequence[LabeledBox] = sample.roles[self.target_role]
        unknown = next((box.label for box in boxes if box.label not in self._index), None)
        if unknown is not None:
            raise DataError(
                f"{sample.id}: the class {unknown!r} of a box is none of the {len(self.classes)} "
                f"classes: {', '.join(self.classes[:9])}."
            )
        return places.as_arrays(boxes, self._index)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def tune(self, scores: np.ndarray, targets: np.ndarray) -> Self:
        """Choose the threshold with the best F1 at an IoU of 0.5."""
        return replace(self, threshold=places.best_threshold(scores, targets, self.threshold))

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the `label`, `box` in pixels and `score` of each object, the best first."""
        return [{"prediction": self._listed(each)} for each in scores]

    def _listed(self, detections: Mapping[str, NDArray]) -> list[dict[str, Any]]:
        order = np.argsort(-detections["scores"], kind="stable")
        return [
            {
                "label": self.classes[detections["classes"][row]],
                "box": [round(float(edge), 2) for edge in detections["boxes"][row]],
                "score": round(float(detections["scores"][row]), 4),
            }
            for row in order
            if detections["scores"][row] >= self.threshold
        ]

    def answer(self, sample: Sample) -> list[dict[str, Any]] | None:
        """The objects of a sample without scores; those of a crowd say so."""
        boxes: Sequence[LabeledBox] | None = sample.roles.get(self.target_role)
        return None if boxes is None else [places.as_object(box) for box in boxes]

    def is_right(self, prediction: Any, target: Any) -> bool:
        """Whether each object is found once, at an IoU of 0.5, and nothing else is."""
        missed, extra = self._mistakes(prediction, target)
        return not missed and not len(extra)

    def severity(self, row: Mapping[str, Any]) -> float | None:
        """Add the scores of wrong detections and one for each missed object."""
        missed, extra = self._mistakes(row["prediction"], row["target"])
        return missed + float(sum(extra)) if missed or len(extra) else None

    def _mistakes(self, prediction: Any, target: Any) -> tuple[int, NDArray]:
        """The number of missed objects, and the scores of wrong detections."""
        detected, true = (places.read_objects(each, self._index) for each in (prediction, target))
        return places.mistakes(detected, true)

    def say(self, value: Any) -> str:
        """How many objects of which class: `2 cat, 1 dog`."""
        counts = Counter(each["label"] for each in value)
        return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing"

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        caption = "; ".join(
            f"{words} {self.say(value)}"
            for words, value in (("true:", target), ("predicted:", prediction))
            if value is not None
        )
        return show_beside(
            sample,
            lambda boxes: draw_boxes_of(sample, boxes, self.classes, SIDE),
            prediction,
            target,
            caption,
        )

    def draw(self, sample: Sample, prediction: Any) -> Image.Image:
        """The picture with a box, the class and the score of each object."""
        return draw_boxes_of(sample, prediction, self.classes)

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        """Each class, confusions with each other and the background, precision by recall."""
        rows = measures.per_class(scores, targets, self.classes)
        matrix = measures.confusion(scores, targets, len(self.classes), self.threshold)
        quality = places.f1_of_pictures(scores, targets, self.threshold)
        return Details(
            Table(("class", "classes"), measures.COLUMNS, rows, measures.RANK),
            Confusion((*self.classes, "background"), matrix.tolist(), note=COUNTED),
            curves=measures.curves(scores, targets, self.classes),
            galleries=best_and_worst(quality, "F1 of the objects"),
            mistakes=MISTAKES,
        )

    def right_output(self, batch: Batch) -> Output:
        boxes, labels = batch.target["boxes"], batch.target["classes"]
        raw = {"boxes": boxes, "scores": torch.ones(labels.shape), "labels": labels}
        return Output(raw, torch.zeros(len(batch), 1), {"nothing": torch.zeros(())})

    @property
    def metrics(self) -> dict[str, Metric]:
        return dict(measures.METRICS)

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (mean_box(self.classes),)

    @classmethod
    def tiny_data(cls) -> Data:
        """Red and blue squares on gray, from none to three in a picture."""
        rng = np.random.default_rng(2)
        colors = {"red": (220, 30, 30), "blue": (30, 30, 220)}

        def sample(split: str, number: int) -> Sample:
            pixels = rng.integers(90, 110, (32, 64, 3)).astype(np.uint8)
            boxes = []
            for place in range(number % 4):
                side, label = int(rng.integers(10, 18)), ("red", "blue")[rng.integers(2)]
                left, top = 21 * place + int(rng.integers(3)), int(rng.integers(32 - side))
                pixels[top : top + side, left : left + side] = colors[label]
                boxes.append(LabeledBox(label, (left, top, left + side, top + side)))
            return Sample(f"{split}:{number}", {"image": pixels, "boxes": tuple(boxes)})

        sizes = {"train": 12, "val": 4, "test": 6}
        splits = {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()}
        return Data(splits, "tiny boxes", kind="boxes")
