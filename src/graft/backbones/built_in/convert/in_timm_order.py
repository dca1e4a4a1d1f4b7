"""Image networks whose tensors have the order and shapes of timm's, under other names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from graft.base import plugins
from graft.base.errors import BackboneError

TF_PIXELS = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
"""What the EfficientNet-lite networks were trained with; timm's own (0.5, 0.5) is a little off."""


def write_folder(architecture: str, blob: bytes, folder: Path, settings: dict[str, Any]) -> None:
    """Write timm's folder of the state dict in `blob`.

    `settings` replace those of timm's configuration. Raises BackboneError if this version of timm
    builds the architecture with other shapes.
    """
    import timm
    import torch

    weights = torch.load(io.BytesIO(blob), weights_only=True)
    source = plugins.load("source", "timm")()
    backbone = source.create(architecture, None, pretrained_cfg_overlay=settings)
    state = backbone.network.state_dict()
    if [tuple(t.shape) for t in state.values()] != [tuple(t.shape) for t in weights.values()]:
        raise BackboneError(
            f"The weights do not fit timm {timm.__version__}'s {architecture}. "
            "Use another version of timm."
        )
    backbone.network.load_state_dict(dict(zip(state, weights.values(), strict=True)))
    labels = timm.data.ImageNetInfo()
    classes = [labels.index_to_description(i) for i in range(labels.num_classes())]
    source.save(backbone, str(folder), classes, multi_label=False)
