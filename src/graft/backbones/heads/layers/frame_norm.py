"""Hidden states standardized over all frames or tokens that are no padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.backbones.heads.layers.masked_layer import MaskedLayer

MOMENTUM = 0.1
"""The least share of a batch in the running statistics; the first batches are averaged."""
LEAST = 1e-5
"""The least deviation: a dimension that does not vary stays finite."""


class FrameNorm(MaskedLayer):
    """Hidden states (B, T, D) less their mean over their deviation, of each dimension; in float32.

    In training these are of the batch, else running ones: batch normalization without weights that
    leaves out padding. As new, it changes nothing in evaluation.
    """

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def reset_parameters(self) -> None:
        """Forget the running statistics."""
        self.mean.zero_()
        self.variance.fill_(1)
        self.batches.zero_()

    @property
    def deviation(self) -> Tensor:
        """The running deviation (D)."""
        return _deviation(self.variance)

    def forward(self, hidden: Tensor) -> Tensor:
        mask = self.pop_mask()
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float()
            if not self.training:
                return (hidden - self.mean) / self.deviation
            weight = hidden.new_ones(hidden.shape[:2]) if mask is None else mask.to(hidden)
            weight = weight[..., None] / weight.sum().clamp(min=1)
            mean = (hidden * weight).sum((0, 1))
            variance = ((hidden - mean).square() * weight).sum((0, 1))
            self._follow(mean.detach(), variance.detach())
            return (hidden - mean) / _deviation(variance)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        self.batches += 1
        share = (1 / self.batches).clamp(min=MOMENTUM)
        self.mean.lerp_(mean, share)
        self.variance.lerp_(variance, share)


def fold(norm: FrameNorm, layer: nn.Linear) -> None:
    """Let the linear layer behind the norm compute the same without it, in evaluation."""
    with torch.no_grad():
        layer.weight.div_(norm.deviation)
        layer.bias.sub_(layer.weight @ norm.mean)


def _deviation(variance: Tensor) -> Tensor:
    return variance.sqrt().clamp(min=LEAST)
