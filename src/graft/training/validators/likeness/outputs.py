"""The outputs of a finished network for both domains, which validators read."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graft.backbones.backbone import Model, evaluating
from graft.base.passes import join_by_row
from graft.base.records import Batch, Output
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.passes import run_pass
from graft.training.validators.validator import Seen


def collect_outputs(model: Model, feeds: Mapping[str, Feed], engine: Engine) -> Seen:
    """Run the network over the feeds `val` of the source and `unlabeled` of the target."""
    of_source, of_target = (run_pass(model, feeds[name], engine) for name in ("val", "unlabeled"))
    source, source_logits, labels = join_by_row(of_source, _features, _logits, _labels)
    target, target_logits = join_by_row(of_target, _features, _logits)
    # The first layer of a head may be a dropout, without weights.
    layers = map(model.network.get_submodule, model.backbone.head)
    weight = next(parameter for layer in layers for parameter in layer.parameters())

    def classify(features: Tensor) -> Tensor:
        with torch.no_grad(), evaluating(model):
            return model.classify(features.to(weight)).cpu().double()

    return Seen(source, source_logits, labels, target, target_logits, classify)


def _features(batch: Batch, output: Output) -> Tensor:
    return output.features.cpu().double()


def _logits(batch: Batch, output: Output) -> Tensor:
    return output.logits.cpu().double()


def _labels(batch: Batch, output: Output) -> Tensor:
    return batch.target.cpu()
