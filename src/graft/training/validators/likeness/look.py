"""Look at both domains with a finished network, for validators."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graft.backbones.backbone import Model, evaluating
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.validators.validator import Seen


def look(model: Model, feeds: Mapping[str, Feed], engine: Engine) -> Seen:
    """Run the network over the feeds `val` of the source and `unlabeled` of the target."""
    source, source_logits, labels = _outputs(model, feeds["val"], engine)
    target, target_logits, _ = _outputs(model, feeds["unlabeled"], engine)
    weight = next(model.network.get_submodule(model.backbone.head[0]).parameters())

    def classify(features: Tensor) -> Tensor:
        with torch.no_grad(), evaluating(model):
            return model.classify(features.to(weight)).cpu().double()

    return Seen(source, source_logits, labels, target, target_logits, classify)


def _outputs(model: Model, feed: Feed, engine: Engine) -> tuple[Tensor, Tensor, Tensor | None]:
    """Features (N, D), logits (N, C) and classes (N,) of all examples, in their order."""
    rows: list[int] = []
    features, logits, targets = [], [], []
    with torch.inference_mode(), evaluating(model):
        for batch in feed.stream(feed.plan(None)):
            with engine.autocast():
                output = model(batch)
            rows += batch.rows
            features.append(output.features.cpu().double())
            logits.append(output.logits.cpu().double())
            targets += [] if batch.target is None else [batch.target.cpu()]
    order = torch.tensor(rows).argsort()
    labels = torch.cat(targets)[order] if targets else None
    return torch.cat(features)[order], torch.cat(logits)[order], labels
