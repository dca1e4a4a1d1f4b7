"""Statistics of batch normalizations, computed anew: those of a pass, and of no others."""

from __future__ import annotations

import pytest
import torch

from graft.studies.run import build_model
from graft.techniques.specs.places import everything, select
from graft.training import optim
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.loop.statistics import renew_statistics, updated_norms
from tests.contracts.tiny import task_of


def model_and_feed(kept: str, batch_size: int):
    task, data = task_of("image-classification")
    model = build_model("tiny:efficientnet", task, pretrained=True, seed=0)
    optim.freeze(model, select(model, everything), kept)
    device = torch.device("cpu")
    samples = data.splits["train"]
    return model, Feed.of(samples, task, model.backbone.preprocess, device, batch_size)


@pytest.mark.parametrize("batch_size", [7, 10_000])
def test_they_are_the_means_over_the_batches_of_one_pass(batch_size):
    model, feed = model_and_feed("updated", batch_size)
    norm = updated_norms(model)[-1]
    norm.running_mean.fill_(1e6)  # what they were must not count
    seen = []
    hook = norm.register_forward_pre_hook(lambda _, args: seen.append(args[0].mean((0, 2, 3))))
    renew_statistics(model, feed, Engine("fp32"))
    hook.remove()
    torch.testing.assert_close(norm.running_mean, torch.stack(seen).mean(0))
    assert sum(len(rows) for rows in feed.plan((0, 0))) == len(feed.pieces)
    assert norm.momentum is not None
    assert norm.training


def test_frozen_ones_stay_as_they_are():
    model, feed = model_and_feed("frozen", 8)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    renew_statistics(model, feed, Engine("fp32"))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
