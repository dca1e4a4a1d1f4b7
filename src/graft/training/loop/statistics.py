"""The statistics of batch normalizations, computed anew for weights that no step has led to."""

from __future__ import annotations

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from graft.backbones.backbone import Model, evaluating
from graft.techniques.norms.layers import batch_norms
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed


def updated_norms(model: Model) -> list[_BatchNorm]:
    """The batch normalizations whose statistics the phase updates."""
    return [norm for norm in batch_norms(model.network) if norm.training]


def renew_statistics(model: Model, feed: Feed, engine: Engine) -> None:
    """Take the statistics that the phase updates from one pass over the examples of the feed.

    Formula: the mean and variance of each channel are the means, over the batches, of those within
    a batch. Examples are in random order, since batches of one class vary less, and not augmented.
    Does nothing if no batch normalization is in training mode.
    Source: Izmailov et al.: Averaging Weights Leads to Wider Optima and Better Generalization,
    arXiv:1803.05407, section 3.2.
    """
    norms = updated_norms(model)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    with torch.no_grad(), evaluating(model), engine.autocast():
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over all batches
            norm.train()
        for batch in feed.stream(feed.plan((0, 0))):
            model(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
