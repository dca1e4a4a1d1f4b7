"""Networks that several benchmarks train: EfficientNet-lite0 that reads pictures small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graft.backbones.backbone import Backbone
from graft.backbones.load import load_backbone
from graft.base import files, plugins
from graft.base.job import Job

NUM_CLASSES = 1000


def shrink_efficientnet(out: Path, pixels: int) -> str:
    """Write the network as a folder that reads pictures of so many pixels; return its path."""
    folder = out / f"efficientnet-lite0-{pixels}"
    if not folder.exists():
        backbone = load_backbone("efficientnet-lite0", Job("features", "image", "vector"))
        backbone.preprocess = replace(backbone.preprocess, size=(pixels, pixels))
        save_network(backbone, folder)
    return str(folder)


def save_network(backbone: Backbone, folder: Path) -> None:
    """Write a network as its library does, with its classes where it knows their names."""
    classes = list(backbone.known) or [str(number) for number in range(NUM_CLASSES)]
    library = plugins.load("source", backbone.source)()
    files.write_folder(folder, lambda part: library.save(backbone, str(part), classes, None))
