"""Look at both domains with a finished network, for validators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from graft.backbones.backbone import Model, evaluating
from graft.base.passes import join_by_row
from graft.base.records import Batch, Output
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.validators.validator import Seen


def look(model: Model, feeds: Mapping[str, Feed], engine: Engine) -> Seen:
    """Run the network over the feeds `val` of the source and `unlabeled` of the target."""
    source, source_logits, labels = join_by_row(
        _run(model, feeds["val"], engine), _features, _logits, _labels
    )
    target, target_logits = join_by_row(_run(model, feeds["unlabeled"], engine), _features, _logits)
    weight = next(model.network.get_submodule(model.backbone.head[0]).parameters())

    def classify(features: Tensor) -> Tensor:
        with torch.no_grad(), evaluating(model):
            return model.classify(features.to(weight)).cpu().double()

    return Seen(source, source_logits, labels, target, target_logits, classify)


def _run(model: Model, feed: Feed, engine: Engine) -> Iterator[tuple[Batch, Output]]:
    """Yield the batches of one pass with the outputs of the model."""
    with torch.inference_mode(), evaluating(model):
        for batch in feed.stream(feed.plan(None)):
            with engine.autocast():
                output = model(batch)
            yield batch, output


def _features(batch: Batch, output: Output) -> Tensor:
    return output.features.cpu().double()


def _logits(batch: Batch, output: Output) -> Tensor:
    return output.logits.cpu().double()


def _labels(batch: Batch, output: Output) -> Tensor:
    return batch.target.cpu()
