"""What the heads on a pyramid share that transformers has: how their networks are made and run.

Both are of the family of DETR: a fixed number of queries each find one object or none, chosen in
training by the cheapest pairing of queries and objects. The network is that of transformers, with a
trunk of timm where it expects one, so that `from_pretrained` opens what `save_pretrained` wrote.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from graft.backbones.pyramids.detections import (
    DETECTIONS,
    before_choice,
    padded,
    wants_detections,
)
from graft.backbones.pyramids.levels import Levels
from graft.backbones.pyramids.pyramid_head import PyramidHead
from graft.base.errors import BackboneError
from graft.base.job import Form

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graft.backbones.backbone import Backbone
    from graft.base.records import Batch
    from graft.base.trees import Tree

CLASS_LAYERS = ("class_embed.", "enc_score_head.", "denoising_class_embed.")
STRIDES = (8, 16, 32)
WIDTH, FEED_FORWARD, DECODER_LAYERS = 128, 512, 3
"""Those of the smallest published D-FINE: a head of about the size of a small trunk."""
PRIOR = 0.01
"""How sure a new head is of each class, everywhere."""
QUERIES = 100
"""The objects that are found at most in a picture; published networks, for COCO, have 300."""


class TransformersDetector(PyramidHead):
    """A detector of the DETR family, as transformers has it, over a trunk of timm."""

    gives: ClassVar[dict[Form, frozenset[str]]] = {"pyramid": frozenset({"boxes"})}
    sits_on: ClassVar[str | None] = "timm"
    saved_by: ClassVar[str | None] = "transformers"
    trunk: ClassVar[str] = "model.backbone.model._backbone"
    paths: ClassVar[tuple[str, ...]] = (
        "model.backbone.pyramid",
        "model.encoder_input_proj",
        "model.encoder",
        "model.decoder_input_proj",
        "model.denoising_class_embed",
        "model.enc_output",
        "model.enc_score_head",
        "model.enc_bbox_head",
        "model.decoder",
        "class_embed",
        "bbox_embed",
    )
    compared: ClassVar[Callable[[Tree], Tree]] = staticmethod(before_choice)

    @staticmethod
    @abstractmethod
    def create(**settings: Any) -> nn.Module:
        """The network of transformers by the settings of its config."""

    def build(self, trunk: nn.Module, backbone: Backbone, outputs: int) -> nn.Module:
        """Raises BackboneError for a trunk that transformers does not build as it is."""
        from transformers import TimmBackboneConfig

        levels = backbone.levels.at(STRIDES)
        name = _name_in_timm(trunk, levels)
        width, height = backbone.preprocess.size
        places = sum((width // stride) * (height // stride) for stride in STRIDES)
        network = self.create(
            backbone_config=TimmBackboneConfig(backbone=name, out_indices=list(levels.places)),
            # Norms that never change would leave a network that is trained from scratch without
            # any: freezing those of a pretrained trunk is for the technique to decide.
            freeze_backbone_batch_norms=False,
            encoder_in_channels=list(levels.channels),
            encoder_hidden_dim=WIDTH,
            encoder_ffn_dim=FEED_FORWARD,
            d_model=WIDTH,
            decoder_in_channels=[WIDTH] * len(STRIDES),
            decoder_ffn_dim=FEED_FORWARD,
            decoder_layers=DECODER_LAYERS,
            num_queries=min(QUERIES, places),
            num_labels=outputs,
            # That of the original code. What transformers takes, 1 / (C + 1), has a new head of a
            # few classes see objects everywhere.
            initializer_bias_prior_prob=PRIOR,
        )
        network.model.backbone = TrunkLevels(trunk, levels)
        start_norms_at_one(network, network.model.backbone)
        return network

    def rows_of_classes(self, tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        """Each class has a row; the one behind them is of no class, for denoising."""
        if not any(part in tensor for part in CLASS_LAYERS):
            return None
        return np.arange(outputs)[:, None]

    @staticmethod
    def call(network: nn.Module, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
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
        places = {
            "logits": output.enc_outputs_class,
            # Of places at the rim, which are never chosen, transformers has the largest number.
            "boxes": output.enc_outputs_coord_logits.sigmoid(),
        }
        return padded(detections, first=0, places=places), losses


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


def _name_in_timm(trunk: nn.Module, levels: Levels) -> str:
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
    """The surest pairs of a query (Q, C) and a class, by score, with the query's box (Q, 4).

    A box may come with several classes, as transformers' own image processors return them.
    """
    scores = logits.sigmoid().flatten()
    scores, pairs = scores.topk(min(DETECTIONS, len(scores)))
    queries, labels = pairs // logits.shape[1], pairs % logits.shape[1]
    low, sides = boxes[queries, :2] - boxes[queries, 2:] / 2, boxes[queries, 2:]
    return {"boxes": torch.cat((low, low + sides), -1), "scores": scores, "labels": labels}
