"""A network of a library as a trunk that yields a pyramid, before it has a head."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from graft.backbones import learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.levels import NEEDED, Levels
from graft.base.records import Batch
from graft.base.trees import Tree


def make_trunk(
    library: str,
    name: str,
    network: nn.Module,
    preprocess: ImagePreprocess,
    arguments: dict[str, Any],
    channels_last: bool = False,
) -> Backbone:
    """Describe a network of `library` that returns feature maps; `arguments` build it again.

    Raises BackboneError if the maps are not those of a pyramid.
    """
    spec = f"{library}:{name}"
    preprocess = preprocess.with_size(whole_size(preprocess.size))
    network.eval()
    with torch.no_grad():
        maps = network(next(iter(preprocess.example().values())))
    levels = Levels.of(maps, preprocess.size[0], spec, channels_last)
    trunk = {
        "library": library,
        "name": name,
        "arguments": arguments,
        "strides": list(levels.strides),
        "channels": list(levels.channels),
    }
    lr = learning_rate.usual(network, "image", levels.channels[-1], None)
    return Backbone(
        spec,
        library,
        network,
        "pyramid",
        (),
        [],
        preprocess,
        lr,
        architecture={"trunk": trunk},
        call=partial(run, levels),
        levels=levels,
    )


def run(levels: Levels, network: nn.Module, batch: Batch) -> tuple[Tree, None]:
    """What a trunk without a head returns: its levels."""
    return levels.read(network(*batch.inputs.values())), None


def whole_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size, or the next larger one whose sides are multiples of the coarsest stride."""
    coarsest = NEEDED[-1]
    width, height = (-(-side // coarsest) * coarsest for side in size)
    return width, height
