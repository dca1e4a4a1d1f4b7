"""What the detectors of torchvision share: how their networks are made and run.

A network runs its trunk once, whether losses, detections or both are wanted. Nothing resizes or
normalizes inside: pictures come as the preprocessing collates them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.detections import pad_detections, wants_detections
from graft.backbones.pyramids.levels import Levels
from graft.base.records import Batch
from graft.base.trees import Tree

STRIDES = (8, 16, 32)
"""The levels of the trunk that detectors read: four times as many locations would be four times the
work."""
CHANNELS = 128
"""Of each level of the feature pyramid. Half of torchvision's: its 3 x 3 convolutions are most of
the work beside a small trunk."""

Target = list[dict[str, Tensor]]
"""The boxes (M, 4) and labels (M,) of each picture, as torchvision's detectors take them."""


class WithPyramid(nn.Module):
    """A trunk under a feature pyramid network, as torchvision's `BackboneWithFPN`."""

    def __init__(self, body: nn.Module, levels: Levels, fpn: FeaturePyramidNetwork):
        super().__init__()
        self.body = body
        self.fpn = fpn
        self.levels = levels
        self.out_channels = CHANNELS

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Map names of levels to features (B, CHANNELS, H, W), in float32.

        Anchors and boxes take their precision from them, and pixels do not fit into bfloat16.
        """
        maps = self.levels.read(self.body(pictures))
        named = OrderedDict((str(number), each) for number, each in enumerate(maps))
        return OrderedDict((name, each.float()) for name, each in self.fpn(named).items())


def pictures_as_they_are(preprocess: ImagePreprocess) -> dict[str, Any]:
    """The arguments by which torchvision's own forward, of a plain picture, would do the same."""
    return {
        "min_size": min(preprocess.size),
        "max_size": max(preprocess.size),
        "image_mean": list(preprocess.mean),
        "image_std": list(preprocess.std),
    }


def give_float32(module: nn.Module) -> None:
    """Make a module return float32 tensors whatever the precision of its layers."""

    def cast(module: nn.Module, args: tuple, output: Any) -> Any:
        return _cast(output)

    module.register_forward_hook(cast)


def _cast(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.float()
    if isinstance(output, dict):
        return {name: _cast(each) for name, each in output.items()}
    return type(output)(_cast(each) for each in output)


def list_of(pictures: Tensor) -> ImageList:
    """Pictures (B, 3, H, W) of one size as torchvision's detectors take them."""
    return ImageList(pictures, [tuple(pictures.shape[-2:])] * len(pictures))


def targets_of(batch: Batch, first: int) -> Target | None:
    """The targets of a batch without their padding, its classes counted from `first`."""
    if batch.target is None:
        return None
    pairs = zip(batch.target["boxes"], batch.target["classes"], strict=True)
    return [
        {"boxes": boxes[classes >= 0].float(), "labels": classes[classes >= 0] + first}
        for boxes, classes in pairs
    ]


@contextmanager
def set_training(module: nn.Module, training: bool) -> Iterator[None]:
    """Let a module compute losses or detections, without a change of the modules in it."""
    before, module.training = module.training, training
    try:
        yield
    finally:
        module.training = before


class Sampler:
    """Draw so many samples of each picture, a share of them positive, in place of torchvision's.

    What is drawn of a picture depends on the seed of the step alone, not on the pictures before it:
    a batch in parts has the gradient of the whole. Outside of training it is always the same.
    """

    def __init__(self, count: int, positive: float):
        self.count = count
        self.positive = positive

    def __call__(self, matched: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Masks of the drawn positives (labels from 1 on) and negatives (0) of each picture."""
        generator = torch.Generator()
        pairs = []
        for labels in matched:
            generator.manual_seed(torch.initial_seed() if torch.is_grad_enabled() else 0)
            positive, negative = torch.where(labels >= 1)[0], torch.where(labels == 0)[0]
            first = _draw(positive, int(self.count * self.positive), generator)
            pairs.append((first, _draw(negative, self.count - len(first), generator)))
        masks = [
            [_mask(labels, rows) for labels, rows in zip(matched, side, strict=True)]
            for side in zip(*pairs, strict=True)
        ]
        return masks[0], masks[1]


class RegionProposals(RegionProposalNetwork):
    """torchvision's, with losses that are means over pictures: small ones may have fewer anchors to
    learn from than are drawn of each, and then the mean over the anchors of a batch is another."""

    def compute_loss(
        self, objectness: Tensor, box_deltas: Tensor, labels: list[Tensor], targets: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        count, compute = len(labels), super().compute_loss
        pictures = zip(
            objectness.chunk(count), box_deltas.chunk(count), labels, targets, strict=True
        )
        losses = [
            compute(logits, deltas, [kinds], [true]) for logits, deltas, kinds, true in pictures
        ]
        objectness_loss, box_loss = (torch.stack(each).mean() for each in zip(*losses, strict=True))
        return objectness_loss, box_loss


def _draw(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=generator)[:count].to(rows.device)]


def _mask(like: Tensor, rows: Tensor) -> Tensor:
    mask = torch.zeros_like(like, dtype=torch.uint8)
    mask[rows] = 1
    return mask


def dense_pyramid(trunk: nn.Module, levels: Levels) -> WithPyramid:
    """A feature pyramid at strides 8 to 128, for detectors that predict at each location."""
    fpn = FeaturePyramidNetwork(list(levels.channels), CHANNELS, LastLevelP6P7(CHANNELS, CHANNELS))
    return WithPyramid(trunk, levels, fpn)


def run_dense(
    network: nn.Module, batch: Batch, compute_losses: Callable[..., dict[str, Tensor]]
) -> tuple[Tree, dict[str, Tensor] | None]:
    """Run a detector that predicts at each place of its maps.

    `compute_losses` takes the targets, what the head returns, the anchors of each picture, and how
    many of them each level has.
    """
    (pictures,) = batch.inputs.values()
    images = list_of(pictures)
    maps = list(network.backbone(pictures).values())
    anchors = network.anchor_generator(images, maps)
    outputs = network.head(maps)
    cells = [each.shape[-2] * each.shape[-1] for each in maps]
    per_cell = outputs["cls_logits"].shape[1] // sum(cells)
    counts = [per_cell * count for count in cells]
    targets = targets_of(batch, first=0)
    losses = None if targets is None else compute_losses(targets, outputs, anchors, counts)
    if not wants_detections(batch):
        return None, losses
    by_level = {name: list(each.split(counts, dim=1)) for name, each in outputs.items()}
    split_anchors = [list(each.split(counts)) for each in anchors]
    detections = network.postprocess_detections(by_level, split_anchors, images.image_sizes)
    return pad_detections(detections, first=0, dense=outputs), losses
