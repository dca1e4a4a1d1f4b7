"""Semantic segmentation: the class of each pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from graft.backbones.preprocess.geometry import Geometry
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base.baseline import Baseline
from graft.base.errors import BadValue, DataError, UnknownName, listed
from graft.base.evidence import Confusion, Details, Shown, Table, best_and_worst
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample, Windows
from graft.base.trees import Tree
from graft.data.data import Data
from graft.data.images.open import image_size, open_image
from graft.data.masks.coding import IGNORED, number_coding
from graft.data.masks.open import Mask, check_size, count_classes, open_mask
from graft.metrics import segmentation as measures
from graft.metrics.metric import Metric
from graft.metrics.segmentation import PixelCounts, count_pixels
from graft.tasks.pictures import label_maps
from graft.tasks.pictures.baselines import class_by_place
from graft.tasks.pictures.label_maps import PieceMap, Window
from graft.tasks.pictures.pixel_losses import parse_losses
from graft.tasks.pictures.show import SIDE, draw_mask_of, show_beside
from graft.tasks.pictures.sizes import STEP, check_longest, network_size, usual_size
from graft.tasks.task import Task, objects

OVERLAP = 0.25
"""The least part of its side that a window shares with its neighbor."""
MOST_COUNTED = 200
"""Masks whose pixels are counted to weigh classes; of more, evenly spread ones."""
WEIGHING = 1.02
"""Weights are 1 / ln(1.02 + share of the pixels), from 1.4 to 50 (ENet, arXiv:1606.02147)."""
NEAR = 0.98
"""A prediction whose mean IoU is higher counts as right: borders are drawn no more exactly."""
BACKGROUND = "background"
"""The class that is not drawn over a picture."""
MOST_NAMED = 4
"""Classes of a picture that one line for a person names."""
MISTAKES = (
    "Most confident wrong pictures",
    "A confident prediction that the mask contradicts is often a wrong mask. The mIoU of a picture "
    "is over the classes in its mask or prediction: a class in only one of them counts as 0.",
)
CERTAIN_LOGIT = 20.0
"""A logit whose softmax is 1 but for rounding."""


@dataclass(frozen=True)
class PictureScores(PixelCounts):
    """What is kept of a picture: its counts, for the metrics, and its map of classes as a PNG.

    All counts are 0 if its mask is not known.
    """

    png: bytes
    confidence: float


@dataclass(frozen=True)
class SemanticSegmentation(Task):
    """Predict the class of each pixel: road, leaf, cell.

    Pictures are read whole, scaled to `size` and padded, or in windows, each of which is learned
    from. Predictions and metrics are of the pixels of the files.
    Baseline: the most frequent class at each place of a picture.
    Example: graft fit leaves --task semantic-segmentation:criterion=cross-entropy+dice
    """

    name: ClassVar[str] = "semantic-segmentation"
    reads: ClassVar[str] = "image"
    roles: ClassVar[frozenset[str]] = frozenset({"image", "mask"})
    target_role: ClassVar[str] = "mask"
    gives: ClassVar[str] = "mask"
    heads: ClassVar[dict[Form, str]] = {"pyramid": "unet"}
    options: ClassVar[tuple[str, ...]] = ("size", "large", "criterion", "ignore")
    batch_size: ClassVar[int | None] = 8
    budget: ClassVar[tuple[int, int]] = (2_000, 20)
    draws: ClassVar[bool] = True

    picture: tuple[int, int] = (512, 512)
    """Width and height of the usual picture of the training split."""
    names: tuple[str, ...] = ()
    """All classes of the masks, with those that are ignored."""
    weights: tuple[float, ...] | None = None
    """The weight of each of `names` in the loss."""
    size: int = 512
    """The longer side of the input, in pixels, unless the pictures are smaller."""
    large: Literal["scale", "windows"] = "scale"
    """What is done with larger pictures: they are scaled down, or read at their own size in windows
    of `size` pixels that share a quarter of their side."""
    criterion: str = "cross-entropy"
    """The loss: `cross-entropy`, `dice`, `focal`, or a sum such as `cross-entropy+dice`."""
    ignore: str = ""
    """The classes whose pixels count for nothing, in training as in metrics: `void`, `void+sky`."""

    def __post_init__(self) -> None:
        """Drop ignored classes. Raises BadValue, and UnknownName for one that there is not."""
        super().__post_init__()
        parse_losses(self.criterion)
        check_longest(self.name, self.size)
        if not self.names:
            object.__setattr__(self, "names", self.classes)
        ignored = [name.strip() for name in self.ignore.split("+") if name.strip()]
        for name in ignored:
            if name not in self.names:
                raise UnknownName.of("class to ignore", name, self.names, see="graft check DATA")
        kept = tuple(name for name in self.names if name not in ignored)
        if len(kept) < 2:
            raise BadValue(
                f"{self.name} needs two classes at least, and {', '.join(kept) or 'none'} is left "
                f"of {', '.join(self.names)}. Ignore fewer."
            )
        object.__setattr__(self, "classes", kept)

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Read the classes from the codings of the masks, and the usual size of the pictures."""
        training, names = data.splits["train"], tuple(data.classes)
        weights = _class_weights(training, names) if weighted else None
        return cls(names, picture=usual_size(training), names=names, weights=weights)

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the input: that of the usual picture, or of a window of it."""
        if self.large == "scale":
            return network_size(self.picture, self.size)
        width, height = (min(-(-side // STEP) * STEP, self.size) for side in self.picture)
        return network_size((width, height), self.size)

    def check_data(self, data: Data) -> None:
        """Raise DataError if the masks have classes that the model does not know."""
        super().check_data(data)
        if unknown := sorted(set(data.classes) - set(self.names)):
            raise DataError(
                f"{data.path or 'The data'} have masks of classes that the model does not know: "
                f"{listed(unknown)}. It knows {listed(self.names)}. Name the classes of the data "
                "alike in a classes.json."
            )

    def windows(self, samples: Sequence[Sample], preprocess: ImagePreprocess) -> Windows:
        """Whole pictures, or windows of those that are larger than the input."""
        if self.large == "scale":
            return Windows(samples)

        def pieces(sample: Sample) -> list[Sample]:
            size = image_size(sample.roles["image"], sample.id)
            parts = label_maps.tile(size, preprocess.size, OVERLAP)
            if len(parts) == 1:
                return [sample]
            return [Sample(sample.id, {**sample.roles, "window": part}) for part in parts]

        return Windows.of(samples, pieces)

    def encode(
        self, sample: Sample, preprocess: ImagePreprocess, rng: np.random.Generator | None
    ) -> dict[str, Tree]:
        """A view of the picture, and its mask (H, W) in the same view."""
        image = open_image(sample.roles["image"], sample.id)
        window = _window(sample, image.size)
        part = image if window == (0, 0, *image.size) else image.crop(window)
        view = preprocess.view(part.size, rng)
        tensors = preprocess.encode(part, view)
        if sample.roles.get("mask") is None:
            return tensors
        return {**tensors, "target": self._target(sample, image.size, view.geometry)}

    def encode_target(
        self, piece: Sample, preprocess: ImagePreprocess, rng: np.random.Generator | None
    ) -> Tensor | None:
        """The mask alone: of the picture only the header is read."""
        if piece.roles.get("mask") is None:
            return None
        size = image_size(piece.roles["image"], piece.id)
        left, top, right, bottom = _window(piece, size)
        geometry = preprocess.view((right - left, bottom - top), rng).geometry
        return self._target(piece, size, geometry)

    def _target(self, sample: Sample, size: tuple[int, int], geometry: Geometry) -> Tensor:
        """The classes (H, W) that a view of the sample shows; padding is ignored."""
        mask = self._true(sample, size)
        left, top, right, bottom = _window(sample, size)
        part = Image.fromarray(np.ascontiguousarray(mask[top:bottom, left:right]))
        return torch.from_numpy(geometry.mask(part, IGNORED))

    def _true(self, sample: Sample, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """The class (H, W) of each pixel, `IGNORED` for what counts for nothing.

        Raises DataError for a mask that does not fit its picture, which has this size.
        """
        mask = open_mask(sample.roles["mask"], self.classes, sample.id)
        picture = size or image_size(sample.roles["image"], sample.id)
        check_size(sample.roles["mask"], (mask.shape[1], mask.shape[0]), picture, sample.id)
        return mask

    def loss(self, output: Output, batch: Batch) -> Tensor:
        logits, target = output.logits.float(), batch.target.long()
        weights = logits.new_tensor(self._weights)
        return sum(
            measure(logits, target, weights).mean() for measure in parse_losses(self.criterion)
        )

    @property
    def _weights(self) -> list[float]:
        """The weight of each class that is not ignored."""
        every = dict(zip(self.names, self.weights or [1.0] * len(self.names), strict=True))
        return [every[name] for name in self.classes]

    def rows(self, output: Output, batch: Batch) -> Sequence[PieceMap]:
        return label_maps.keep_maps(output.logits)

    def scores(self, rows: Sequence[PieceMap], windows: Windows) -> NDArray:
        """Make a `PictureScores` of each picture, one mask in memory at a time."""
        scores = []
        for pieces in windows.by_sample(rows):
            sample = pieces[0][0]
            size = image_size(sample.roles["image"], sample.id)
            parts = ((_window(piece, size), row) for piece, row in pieces)
            scores.append(self._score(*label_maps.join_maps(size, parts), sample))
        return objects(scores)

    def _score(
        self, predicted: NDArray[np.uint8], confidence: float, sample: Sample
    ) -> PictureScores:
        """What is kept of a predicted map (H, W) of classes."""
        true = np.full_like(predicted, IGNORED)
        if sample.roles.get("mask") is not None:
            true = self._true(sample)
        counts = count_pixels(predicted, true, len(self.classes), IGNORED)
        png = label_maps.to_png(predicted)
        return PictureScores(counts.pixels, counts.borders, counts.confused, png, confidence)

    def targets(self, samples: Sequence[Sample]) -> NDArray:
        """Nothing (N,): the scores have the counts."""
        return np.zeros(len(samples))

    def decode(self, scores: NDArray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the `classes` with their share of the pixels, and the `mask`.

        The mask is a PNG of the place of each pixel's class among the classes of the model, as a
        data URI. `confidence` is the mean probability of the classes of the pixels.
        """
        return [
            {"prediction": self._described(score.png), "confidence": score.confidence}
            for score in scores
        ]

    def _described(self, png: bytes) -> dict[str, Any]:
        labels = label_maps.from_png(png)
        parts = label_maps.shares(labels, self.classes)
        classes = [{"label": name, "share": share} for name, share in parts.items()]
        return {"classes": classes, "mask": label_maps.to_uri(png)}

    def answer(self, sample: Sample) -> dict[str, Any]:
        return self._described(label_maps.to_png(self._true(sample)))

    def is_right(self, prediction: Mapping[str, Any], target: Mapping[str, Any]) -> bool:
        """Whether the masks are nearly the same."""
        return not self._overlap(prediction, target) <= NEAR

    def _overlap(self, prediction: Mapping[str, Any], target: Mapping[str, Any]) -> float:
        """The mean IoU of two masks; nan if all pixels are ignored."""
        predicted, true = (label_maps.from_uri(each["mask"]) for each in (prediction, target))
        counts = count_pixels(predicted, true, len(self.classes), IGNORED)
        return float(measures.quality(objects([counts]))[0])

    def severity(self, row: Mapping[str, Any]) -> float | None:
        """The confidence times the distance from the true mask; None if it is nearly that mask."""
        overlap = self._overlap(row["prediction"], row["target"])
        return row["confidence"] * (1 - overlap) if overlap <= NEAR else None

    def say(self, value: Mapping[str, Any]) -> str:
        """The classes with the most pixels."""
        parts = [f"{each['label']} {_percent(each['share'])}" for each in value["classes"]]
        return listed(parts, MOST_NAMED)

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        caption = ""
        if prediction is not None and target is not None:
            caption = f"{measures.miou.words} {self._overlap(prediction, target):.2f}"
        return show_beside(
            sample, lambda value: self._drawn(sample, value, SIDE), prediction, target, caption
        )

    def draw(self, sample: Sample, prediction: Any) -> Image.Image:
        return self._drawn(sample, prediction, None)

    def _drawn(self, sample: Sample, value: Mapping[str, Any], side: int | None) -> Image.Image:
        plain = [i for i, name in enumerate(self.classes) if name.casefold() == BACKGROUND]
        labels = label_maps.from_uri(value["mask"])
        return draw_mask_of(sample, labels, self.classes, plain, side)

    def right_output(self, batch: Batch) -> Output:
        numbers = torch.arange(len(self.classes))[None, :, None, None]
        logits = CERTAIN_LOGIT * (batch.target[:, None] == numbers).float()
        return Output(logits, torch.zeros(len(batch), 1))

    def details(self, scores: NDArray, targets: NDArray) -> Details:
        """IoU, Dice and boundary F1 of each class, what is taken for what, best and worst."""
        matrix = measures.confusion(scores, len(self.classes)).tolist()
        rows = measures.per_class(scores, self.classes)
        return Details(
            Table(("class", "classes"), measures.COLUMNS, rows, measures.RANK),
            Confusion(self.classes, matrix, "fraction"),
            galleries=best_and_worst(measures.quality(scores), measures.miou.words),
            mistakes=MISTAKES,
        )

    @property
    def metrics(self) -> dict[str, Metric]:
        return measures.METRICS

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        def score(predicted: NDArray[np.uint8], sample: Sample) -> PictureScores:
            return self._score(predicted, 1.0, sample)

        return (class_by_place(len(self.classes), self._true, score),)

    @classmethod
    def tiny_data(cls) -> Data:
        """Colored rectangles on a gray background; the last column of the masks is ignored."""
        rng = np.random.default_rng(0)
        coding = number_coding({0: BACKGROUND, 1: "blue", 2: "red"}, "the tiny data")
        colors = np.array([(120, 120, 120), (40, 40, 200), (200, 40, 40)])

        def sample(split: str, number: int) -> Sample:
            codes = np.zeros((64, 64), np.uint8)
            for code in (1, 2):
                (left, top), (w, h) = rng.integers(0, 40, 2), rng.integers(16, 24, 2)
                codes[top : top + h, left : left + w] = code
            pixels = colors[codes] + rng.integers(-30, 30, (64, 64, 3))
            codes[:, -1] = 255
            roles = {"image": pixels.astype(np.uint8), "mask": Mask(codes, coding)}
            return Sample(f"{split}/{number}", roles)

        sizes = {"train": 12, "val": 4, "test": 6}
        return Data(
            {split: [sample(split, i) for i in range(size)] for split, size in sizes.items()},
            "tiny pictures with masks",
        )


def _window(sample: Sample, size: tuple[int, int]) -> Window:
    """The part of a picture of this size that a piece is."""
    return sample.roles.get("window", (0, 0, *size))


def _class_weights(samples: Sequence[Sample], names: Sequence[str]) -> tuple[float, ...]:
    """A weight for each class, higher for one with fewer pixels; 1 / ln(1.02 + share)."""
    pixels: Counter[str] = Counter()
    for sample in samples[:: max(1, -(-len(samples) // MOST_COUNTED))]:
        pixels += count_classes(sample.roles["mask"], names, sample.id)
    counts = np.array([pixels[name] for name in names], float)
    return tuple((1 / np.log(WEIGHING + counts / max(counts.sum(), 1))).tolist())


def _percent(share: float) -> str:
    """The share of a class that a picture has: never 0%, to which small ones would be rounded."""
    return f"{share:.0%}" if share >= 0.005 else "<1%"
