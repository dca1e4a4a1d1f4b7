"""The loop of torchvision's tutorial on fine-tuning of detectors, with no library around it.

It follows "TorchVision Object Detection Finetuning Tutorial" and the reference script for
detection: horizontal flips, SGD with momentum, a warmup in the first epoch, a rate that falls in
steps, COCO's metrics after each epoch. The network is the one that Graft trains: a frozen trunk of
timm's, and a feature pyramid of 128 channels from stride 8 on instead of 256 from stride 4.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import timm
import torch
from measure import Clock, Task, given, report
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.transforms.v2.functional import horizontal_flip, pil_to_tensor

CHANNELS, LEVELS = 128, (2, 3, 4)
"""The channels of the feature pyramid, and the levels of the trunk below it: strides 8 to 32."""
SIDES = ((16, 25), (39, 61), (95, 148), (231, 360))
"""The sides of the anchors of each level, in pixels of the input."""
PROPOSALS, BEFORE_NMS = 300, 1000
REGIONS, CELLS, FEATURES = 128, 7, 512
"""Regions of a picture that are learned from, cells a side of each, features made of these."""
RATE = 0.005 / 2
"""The rate of the tutorial by picture of a batch: its batches have two."""
FALLS = (16 / 26, 22 / 26)
"""When the rate falls to a tenth, in parts of the training: as in the reference script."""


class Boxed(Dataset):
    """Pictures by their paths with their boxes and classes, which begin at 1."""

    def __init__(self, rows: list, flips: bool):
        self.rows, self.flips = rows, flips

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        path, objects = self.rows[index]
        picture = pil_to_tensor(Image.open(path).convert("RGB")).float() / 255
        table = torch.tensor(objects, dtype=torch.float32).reshape(-1, 5)
        labels, boxes = table[:, 0].long() + 1, table[:, 1:]
        if self.flips and torch.rand(()) < 0.5:
            picture, width = horizontal_flip(picture), picture.shape[2]
            boxes = torch.stack(
                (width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]), 1
            )
        return picture, {"boxes": boxes, "labels": labels, "image_id": torch.tensor(index)}


class Pyramid(nn.Module):
    """A feature pyramid on a trunk of timm."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body.requires_grad_(False)
        channels = body.feature_info.channels()
        self.fpn = FeaturePyramidNetwork(channels, CHANNELS, LastLevelMaxPool())
        self.out_channels = CHANNELS

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        named = ((str(number), each) for number, each in enumerate(self.body(pictures)))
        return self.fpn(OrderedDict(named))


def load_network(task: Task) -> nn.Module:
    trunk = timm.create_model(
        f"local-dir:{task.weights}", pretrained=True, features_only=True, out_indices=LEVELS
    )
    config = timm.data.resolve_model_data_config(trunk)
    names = [str(number) for number in range(len(LEVELS))]
    return FasterRCNN(
        Pyramid(trunk),
        min_size=min(task.size),
        max_size=max(task.size),
        image_mean=config["mean"],
        image_std=config["std"],
        rpn_anchor_generator=AnchorGenerator(SIDES, ((0.5, 1.0, 2.0),) * len(SIDES)),
        rpn_pre_nms_top_n_train=BEFORE_NMS,
        rpn_pre_nms_top_n_test=BEFORE_NMS,
        rpn_post_nms_top_n_train=PROPOSALS,
        rpn_post_nms_top_n_test=PROPOSALS,
        box_roi_pool=MultiScaleRoIAlign(names, CELLS, sampling_ratio=2),
        box_head=TwoMLPHead(CHANNELS * CELLS**2, FEATURES),
        box_predictor=FastRCNNPredictor(FEATURES, len(task.classes) + 1),
        box_batch_size_per_image=REGIONS,
        box_score_thresh=0.01,
    )


def collate(rows: list) -> tuple:
    return tuple(zip(*rows, strict=True))


def train_epoch(network: nn.Module, loader: DataLoader, optimizer, is_first: bool) -> None:
    network.train()
    network.backbone.body.eval()
    warmup = None
    if is_first:
        steps = max(1, min(1000, len(loader) - 1))
        warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.001, total_iters=steps)
    for pictures, targets in loader:
        loss = sum(network(pictures, targets).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if warmup is not None:
            warmup.step()


def ap50(network: nn.Module, loader: DataLoader, num_classes: int) -> float:
    """Return COCO's average precision at an overlap of 0.5."""
    network.eval()
    truth, detections = [], []
    with torch.no_grad():
        for pictures, targets in loader:
            for target, found in zip(targets, network(pictures), strict=True):
                image = int(target["image_id"])
                truth += rows_of(image, target)
                scores = found["scores"].tolist()
                for row, score in zip(rows_of(image, found), scores, strict=True):
                    detections.append({**row, "score": score})
    if not detections:
        return 0.0
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": image} for image in range(len(loader.dataset))],
        "categories": [{"id": number + 1} for number in range(num_classes)],
        "annotations": [{**row, "id": number} for number, row in enumerate(truth, 1)],
    }
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(detections), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return float(evaluation.stats[1])


def rows_of(image: int, objects: dict[str, Tensor]) -> list[dict]:
    """Return objects as COCO lists them."""
    boxes = np.asarray(objects["boxes"], float)
    sides = boxes[:, 2:] - boxes[:, :2]
    return [
        {
            "image_id": image,
            "category_id": label,
            "bbox": [*corner, *side],
            "area": side[0] * side[1],
            "iscrowd": 0,
        }
        for corner, side, label in zip(
            boxes[:, :2].tolist(), sides.tolist(), objects["labels"].tolist(), strict=True
        )
    ]


def main() -> None:
    task, clock = given(), Clock()
    torch.manual_seed(task.seed)
    with clock.running("load"):
        network = load_network(task)
    with clock.running("all"):
        loaders = {
            split: DataLoader(
                Boxed(getattr(task, split), flips=split == "train"),
                task.batch_size,
                shuffle=split == "train",
                collate_fn=collate,
            )
            for split in ("train", "val", "test")
        }
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        rate = RATE * task.batch_size
        optimizer = torch.optim.SGD(trained, lr=rate, momentum=0.9, weight_decay=0.0005)
        falls = [round(task.epochs * part) for part in FALLS]
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, falls)
        for epoch in range(task.epochs):
            with clock.running("train"):
                train_epoch(network, loaders["train"], optimizer, epoch == 0)
                scheduler.step()
            ap50(network, loaders["val"], len(task.classes))
        quality = ap50(network, loaders["test"], len(task.classes))
    report(
        clock.seconds["all"],
        quality,
        ("torchvision", "torch", "timm", "pycocotools"),
        load_seconds=clock.seconds["load"],
        rate=len(task.train) * task.epochs / clock.seconds["train"],
        notes=f"SGD with momentum, rate {rate:g}, horizontal flips, fp32",
    )


if __name__ == "__main__":
    main()
