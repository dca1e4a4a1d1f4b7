"""Folded batch norms: the same outputs, fewer layers run, and the network as it was afterwards."""

from __future__ import annotations

import pytest
import torch

from graft.backbones.load import load_backbone
from graft.training.kernels.folding import fold, pairs
from tests.jobs import job


@pytest.mark.parametrize(
    "name", ["tiny:efficientnet", "tiny:cnn", "tiny:mobilenet", "tiny:torchvision"]
)
def test_a_folded_network_gives_the_same_outputs_and_is_unfolded_again(name):
    torch.manual_seed(0)
    network = (
        load_backbone(name, job("image-classification", 3)).network.eval().requires_grad_(False)
    )
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    inputs = torch.randn(2, 3, 64, 64)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    whole = network(inputs)
    found = pairs(network, lambda: network(inputs))
    assert len(found) == sum(
        isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in network.modules()
    )
    with fold(found):
        assert not torch.equal(found[0][0].weight, before[_path(network, found[0][0]) + ".weight"])
        torch.testing.assert_close(network(inputs), whole, rtol=1e-4, atol=1e-5)
    assert torch.equal(network(inputs), whole)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_batch_norm_that_trains_is_left_alone():
    network = (
        load_backbone("tiny:efficientnet", job("image-classification", 3))
        .network.eval()
        .requires_grad_(False)
    )
    inputs = torch.randn(2, 3, 64, 64)
    several = pairs(network, lambda: network(inputs))
    norm = several[0][1]
    norm.train()
    assert len(pairs(network, lambda: network(inputs))) == len(several) - 1
    norm.eval()
    norm.weight.requires_grad_(True)
    assert len(pairs(network, lambda: network(inputs))) == len(several) - 1


def _path(network, wanted):
    return next(name for name, module in network.named_modules() if module is wanted)
