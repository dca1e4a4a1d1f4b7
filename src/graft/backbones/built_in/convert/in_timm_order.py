"""Image networks whose tensors have the order and shapes of timm's, under other names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from graft.base.errors import BackboneError

TF_PIXELS = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
"""The normalization that EfficientNet-lite was trained with; timm's (0.5, 0.5) is slightly off."""


def write_folder(
    architecture: str, blob: bytes, folder: Path, settings: dict[str, Any], classes: list[str]
) -> None:
    """Write timm's folder of the state dict in `blob`.

    `settings` replace those of timm's configuration; without `classes` the network ends in its
    features. Raises BackboneError if this version of timm builds it with other shapes.
    """
    import timm
    import torch
    from timm.models import save_for_hf

    weights = torch.load(io.BytesIO(blob), weights_only=True)
    network = timm.create_model(
        architecture, num_classes=len(classes), pretrained_cfg_overlay=settings
    )
    state = network.state_dict()
    if [tuple(t.shape) for t in state.values()] != [tuple(t.shape) for t in weights.values()]:
        raise BackboneError(
            f"The weights do not fit timm {timm.__version__}'s {architecture}. "
            "Use another version of timm."
        )
    network.load_state_dict(dict(zip(state, weights.values(), strict=True)))
    labels = {"label_names": classes} if classes else {}
    save_for_hf(network, str(folder), model_config=labels, safe_serialization=True)
