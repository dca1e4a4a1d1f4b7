"""A plain loop of PyTorch around a U-Net of segmentation-models-pytorch.

It follows the examples of that library: as many loading workers as cores, its own metrics, no
augmentation. Only the encoder is frozen, with its batch normalization in evaluation mode.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import timm
import torch
from measure import Clock, Task, given, report
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

WORKERS = os.cpu_count() or 1
UNKNOWN = 255
"""The class of pixels whose color is that of no class."""


class Masked(Dataset):
    """Pictures by their paths with their masks, both resized to the input."""

    def __init__(self, task: Task, split: str, config: dict):
        self.rows, self.colors, self.size = getattr(task, split), task.colors, tuple(task.size)
        self.mean, self.std = (np.array(config[name], np.float32) for name in ("mean", "std"))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture, mask = (Image.open(path).convert("RGB") for path in self.rows[index])
        pixels = np.asarray(picture.resize(self.size, Image.Resampling.BILINEAR), np.float32)
        codes = np.asarray(mask.resize(self.size, Image.Resampling.NEAREST))
        labels = np.full(codes.shape[:2], UNKNOWN, np.int64)
        for number, color in enumerate(self.colors):
            labels[(codes == color).all(axis=2)] = number
        normal = (pixels / 255 - self.mean) / self.std
        return torch.from_numpy(normal).permute(2, 0, 1), torch.from_numpy(labels)


def load_network(task: Task) -> tuple[nn.Module, dict]:
    """Return a U-Net with the pretrained encoder, frozen, and how the encoder reads pictures."""
    trunk = timm.create_model(f"local-dir:{task.weights}", pretrained=True, features_only=True)
    config = json.loads(Path(task.weights, "config.json").read_text(encoding="utf-8"))
    network = smp.Unet(
        f"tu-{config['architecture']}", encoder_weights=None, classes=len(task.classes)
    )
    network.encoder.model.load_state_dict(trunk.state_dict())
    network.encoder.requires_grad_(False)
    return network, timm.data.resolve_model_data_config(trunk)


def train_epoch(network: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> None:
    criterion = nn.CrossEntropyLoss(ignore_index=UNKNOWN)
    network.train()
    network.encoder.eval()
    for pictures, masks in loader:
        optimizer.zero_grad()
        criterion(network(pictures), masks).backward()
        optimizer.step()


def miou(network: nn.Module, loader: DataLoader, num_classes: int) -> float:
    """Return the mean IoU over the classes, of the pixels of all pictures."""
    network.eval()
    counts = []
    with torch.no_grad():
        for pictures, masks in loader:
            predicted = network(pictures).argmax(1)
            counts.append(
                smp.metrics.get_stats(
                    predicted,
                    masks,
                    mode="multiclass",
                    num_classes=num_classes,
                    ignore_index=UNKNOWN,
                )
            )
    sums = [torch.cat(parts) for parts in zip(*counts, strict=True)]
    return float(smp.metrics.iou_score(*sums, reduction="macro"))


def main() -> None:
    task, clock = given(), Clock()
    torch.manual_seed(task.seed)
    with clock.running("load"):
        network, config = load_network(task)
    with clock.running("all"):
        loaders = {
            split: DataLoader(
                Masked(task, split, config),
                task.batch_size,
                shuffle=split == "train",
                num_workers=WORKERS,
            )
            for split in ("train", "val", "test")
        }
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained)
        for _ in range(task.epochs):
            with clock.running("train"):
                train_epoch(network, loaders["train"], optimizer)
            miou(network, loaders["val"], len(task.classes))
        quality = miou(network, loaders["test"], len(task.classes))
    report(
        clock.seconds["all"],
        quality,
        ("segmentation_models_pytorch", "torch", "timm"),
        load_seconds=clock.seconds["load"],
        rate=len(task.train) * task.epochs / clock.seconds["train"],
        notes=f"AdamW, rate 0.001, {WORKERS} loading workers, fp32",
    )


if __name__ == "__main__":
    main()
