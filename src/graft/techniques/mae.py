"""Learn from pictures without labels: a vision transformer draws patches that it does not see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import InnerShare
from graft.base.records import Batches
from graft.tasks.task import Task
from graft.techniques.formulas.mae import cut_patches, draw_masks, masked_pixel_loss
from graft.techniques.technique import Objective
from graft.techniques.unlabeled.patches import (
    Patches,
    encode_visible,
    find_patches,
    spread,
    visible_places,
)
from graft.techniques.unlabeled.self_supervision import (
    SAMPLES,
    SelfSupervision,
)

HEAD_WIDTH = 32
LAYERS = 2
"""The layers of the decoder, each with attention heads of `HEAD_WIDTH` numbers. Shallow decoders
lose little where the network is fine-tuned afterwards (table 1a of the paper)."""


@dataclass(frozen=True)
class Mae(SelfSupervision):
    """Let a vision transformer draw hidden patches of your pictures, before the task is learned.

    Formula: mean over hidden patches and pixels of (d(f(x~)) - x)^2, x~ the patches that are seen,
    x of each patch with mean 0 and variance 1; the decoder d, two transformer layers, is dropped.
    Pictures: those of the training split, without their labels, and of the split `unlabeled`.
    Source: He et al.: Masked Autoencoders Are Scalable Vision Learners, arXiv:2111.06377.
    When: vision transformers, many thousands of pictures without labels and many epochs, each of
    them quick, as the network reads a quarter of a picture.
    When not: other networks, which it refuses; a few minutes, or a few thousand pictures: use diet;
    without a technique after `then` that learns the task: full-fine-tuning gains more than a head
    alone.
    Example: graft fit photos -b timm:vit_tiny_patch16_224 -t "mae then full-fine-tuning"
    """

    hidden: InnerShare = 0.75
    """The share of the patches of a picture that are hidden, drawn anew in each step."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        _patches(backbone)

    def objective(self, model: Model, task: Task) -> Objective:
        return MaeObjective(model, task, self.hidden)


class MaeObjective(Objective):
    """The squared error of the pixels of hidden patches."""

    def __init__(self, model: Model, task: Task, share: float):
        super().__init__(model, task)
        self.share = share
        self.patches = _patches(model.backbone)
        self.decoder = PatchDecoder(self.patches)

    def forward(self, batches: Batches, progress: float) -> dict[str, Tensor]:
        batch = batches[SAMPLES]
        pictures = batch.inputs[self.model.backbone.preprocess.input_name]
        # The trainer seeds torch's generator at each step, so a run that goes on hides the same.
        drawn = draw_masks(len(batch), self.patches.count, torch.default_generator, self.share)
        is_hidden = drawn.to(pictures.device)
        visible = visible_places(is_hidden)
        network = self.model.network
        tokens = encode_visible(network, self.patches, visible, lambda: self.model(batch))
        pixels = cut_patches(pictures, self.patches.size)
        return {"pixels": masked_pixel_loss(self.decoder(tokens, visible), pixels, is_hidden)}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {}


class PatchDecoder(nn.Module):
    """Draws all patches from the tokens of those that are seen."""

    def __init__(self, patches: Patches):
        super().__init__()
        heads = max(2, patches.width // (2 * HEAD_WIDTH))
        width = heads * HEAD_WIDTH
        self.others = patches.others
        self.enter = nn.Sequential(nn.LayerNorm(patches.width), nn.Linear(patches.width, width))
        self.unseen = nn.Parameter(torch.zeros(width))
        self.positions = nn.Parameter(0.02 * torch.randn(patches.count, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, LAYERS, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.draw = nn.Linear(width, 3 * patches.size**2)

    def forward(self, tokens: Tensor, visible: Tensor) -> Tensor:
        """Return pixels (N, L, P) from tokens (N, others + V, D) of the visible places (N, V)."""
        read = self.enter(tokens)
        count, width = self.positions.shape
        unseen = self.unseen.to(read.dtype).expand(len(read), count, width)
        patches = unseen.scatter(1, spread(visible, width), read[:, self.others :])
        whole = torch.cat([read[:, : self.others], patches + self.positions.to(read.dtype)], dim=1)
        return self.draw(self.layers(whole)[:, self.others :])


def _patches(backbone: Backbone) -> Patches:
    """Raises BadValue if the network is no vision transformer, or has pictures of one patch."""
    patches = find_patches(backbone)
    if patches is None or patches.count < 2:
        raise BadValue(
            f"'mae' hides patches from a vision transformer, and {backbone.name} is none that runs "
            "on some patches of a picture. Use a ViT, such as timm:vit_tiny_patch16_224, or 'diet'."
        )
    return patches
