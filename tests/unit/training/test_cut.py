"""A cut network is given back as it was."""

from __future__ import annotations

from torch import nn

from graft.backbones.backbone import Backbone, Model
from graft.training.frozen.cut import Cut


def test_a_forward_that_another_library_set_on_a_module_is_there_again_after_a_replay():
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))

    def wrapped(x):
        return x

    network[0].forward = wrapped
    backbone = Backbone("toy", "toy", network, "vector", ("2",), [], None, 1e-3)
    with Cut(Model(backbone), "2", ("0", "1")).installed():
        assert network[0].forward is not wrapped
    assert network[0].forward is wrapped
    assert "forward" not in vars(network[1])
