"""What the heads on a pyramid share that torchvision has: how their networks are made and run.

A network runs its trunk once, whether losses, detections or both are wanted. Nothing resizes or
normalizes inside: pictures come as the preprocessing collates them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork

from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.levels import Levels
from graft.backbones.pyramids.pyramid_head import PyramidHead
from graft.base.job import Form
from graft.base.records import Batch
from graft.base.trees import Tree

CHANNELS = 128
"""Of each level of the feature pyramid. Half of torchvision's: its 3 x 3 convolutions at stride 4
are most of the work beside a small trunk."""
DETECTIONS = 100
"""The most objects that are found in a picture, as COCO counts them."""
LEAST_SCORE = 0.01
"""Detections below are dropped: next to none of them is right."""

Target = list[dict[str, Tensor]]
"""The boxes (M, 4) and labels (M,) of each picture, as torchvision's detectors take them."""


class TorchvisionDetector(PyramidHead):
    """A detector that torchvision makes around any backbone with a feature pyramid."""

    gives: ClassVar[dict[Form, frozenset[str]]] = {"pyramid": frozenset({"boxes"})}
    saved_by: ClassVar[str | None] = "torchvision"
    trunk: ClassVar[str] = "backbone.body"
    strides: ClassVar[tuple[int, ...]]
    """The levels of the trunk that it reads."""


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


def wants_detections(batch: Batch) -> bool:
    """Whether more than losses is wanted: a training step has no use for detections."""
    return batch.target is None or not torch.is_grad_enabled()


@contextmanager
def giving_losses(*modules: nn.Module) -> Iterator[None]:
    """Let modules compute losses, without a change of the modules in them.

    Outside of training they draw the same samples each time.
    """
    before = [module.training for module in modules]
    for module in modules:
        module.training = True
    device = next(modules[0].parameters()).device
    try:
        if torch.is_grad_enabled():
            yield
        else:
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                torch.manual_seed(0)
                yield
    finally:
        for module, training in zip(modules, before, strict=True):
            module.training = training


def padded(detections: Sequence[dict[str, Tensor]], first: int) -> Tree:
    """Detections as trees (B, DETECTIONS, ...): labels from 0 on, -1 for padding."""

    def fill(name: str, value: float) -> Tensor:
        rows = [each[name][:DETECTIONS] for each in detections]
        shape = (len(rows), DETECTIONS, *rows[0].shape[1:])
        filled = torch.full(shape, value, dtype=rows[0].dtype, device=rows[0].device)
        for row, values in zip(filled, rows, strict=True):
            row[: len(values)] = values
        return filled

    labels = fill("labels", first - 1) - first
    return {"boxes": fill("boxes", 0.0), "scores": fill("scores", 0.0), "labels": labels}
