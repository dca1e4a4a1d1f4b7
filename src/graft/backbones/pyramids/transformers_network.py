"""What the detectors of transformers share: how their networks are made and run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.backbones.pyramids.detections import DETECTIONS, pad_detections, wants_detections
from graft.backbones.pyramids.levels import Levels
from graft.base.errors import BackboneError
from graft.base.records import Batch
from graft.base.trees import Tree


class TrunkLevels(nn.Module):
    """A trunk where transformers expects one; the pyramid passes through a module of its own.

    The names of the tensors are those of transformers, which has nothing where the pyramid passes.
    """

    def __init__(self, trunk: nn.Module, levels: Levels):
        super().__init__()
        self.model = nn.Module()
        self.model._backbone = trunk
        self.levels = levels
        self.pyramid = nn.Identity()

    def forward(self, pixels: Tensor, mask: Tensor) -> list[tuple[Tensor, None]]:
        """The levels, each with a mask, which no network of these reads."""
        maps = self.pyramid(self.levels.read(self.model._backbone(pixels)))
        return [(level, None) for level in maps]


def name_in_timm(trunk: nn.Module, levels: Levels) -> str:
    """The name by which transformers makes the trunk again."""
    import timm

    name = trunk.pretrained_cfg["architecture"]
    if levels.channels_last or getattr(timm.get_pretrained_cfg(name), "fixed_input_size", False):
        raise BackboneError(
            f"transformers cannot build {name} for pictures of another size, so the heads "
            "rt-detr-v2 and d-fine do not sit on it. Use a convolutional network, as "
            "efficientnet-lite0, timm:resnet50 or timm:convnext_tiny, or the head faster-rcnn."
        )
    return name


def start_norms_at_one(network: nn.Module, apart: nn.Module | None = None) -> None:
    """Start batch norms at 1, as torch and the original code do, but for those `apart`.

    transformers draws their scales from N(0, 0.01), for its networks are meant to be pretrained:
    a fresh head learns next to nothing from there.
    """
    left = set() if apart is None else set(apart.modules())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module not in left:
            module.reset_parameters()


def _labels(batch: Batch, sides: Tensor) -> list[dict[str, Tensor]] | None:
    """The targets as transformers takes them: centers and sides as shares of the picture."""
    if batch.target is None:
        return None
    labels = []
    for boxes, classes in zip(batch.target["boxes"], batch.target["classes"], strict=True):
        low, high = (boxes[classes >= 0].float() / sides).split(2, -1)
        shares = torch.cat(((low + high) / 2, high - low), -1)
        labels.append({"class_labels": classes[classes >= 0], "boxes": shares})
    return labels


def _sum_over_layers(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """Join the losses of a kind: of the last layer, of those before it, and of denoising.

    They have their weights already.
    """
    sums: dict[str, Tensor] = {}
    for name, value in losses.items():
        kind = name.split("_")[1]  # of loss_giou, loss_giou_aux_0 and loss_giou_dn_0
        sums[kind] = sums.get(kind, 0.0) + value
    return sums


def _best(logits: Tensor, boxes: Tensor) -> dict[str, Tensor]:
    """The pairs of a query (Q, C) and a class of the highest scores, with the query's box (Q, 4).

    A box may come with several classes, as transformers' own image processors return them.
    """
    scores = logits.sigmoid().flatten()
    scores, pairs = scores.topk(min(DETECTIONS, len(scores)))
    queries, labels = pairs // logits.shape[1], pairs % logits.shape[1]
    low, sides = boxes[queries, :2] - boxes[queries, 2:] / 2, boxes[queries, 2:]
    return {"boxes": torch.cat((low, low + sides), -1), "scores": scores, "labels": labels}


def run(network: nn.Module, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
    """Losses where the batch has targets; detections but for a training step."""
    (pictures,) = batch.inputs.values()
    height, width = pictures.shape[-2:]
    sides = torch.tensor([width, height, width, height], device=pictures.device)
    output = network(pixel_values=pictures, labels=_labels(batch, sides))
    losses = None if batch.target is None else _sum_over_layers(output.loss_dict)
    if not wants_detections(batch):
        return None, losses
    detections = [
        _best(logits, boxes * sides)
        for logits, boxes in zip(output.logits.float(), output.pred_boxes.float(), strict=True)
    ]
    dense = {
        "logits": output.enc_outputs_class,
        # At locations on the rim, which are never chosen, transformers has the largest number.
        "boxes": output.enc_outputs_coord_logits.sigmoid(),
    }
    return pad_detections(detections, first=0, dense=dense), losses
