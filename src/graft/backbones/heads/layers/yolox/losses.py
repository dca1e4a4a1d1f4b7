"""What YOLOX minimizes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from graft.backbones.heads.layers.yolox.assignment import Assignment, assign
from graft.backbones.heads.layers.yolox.predictor import Predictions

BOX_WEIGHT = 5.0
"""What the IoU counts for, beside objectness and classes."""


def losses(predictions: Predictions, boxes: Tensor, classes: Tensor) -> dict[str, Tensor]:
    """The four losses of a batch, their sum to be minimized.

    Formula, with F cells that are to find an object, in all pictures together:
    box = 5 sum_F (1 - IoU^2) / F; objectness: the cross-entropy over all cells, 1 at the F and 0
    elsewhere, / F; class: the cross-entropy of each class by itself over the F cells, whose target
    is the IoU for the object's class and 0 for others, / F; offset = sum_F |o - o*| / F, with o*
    the offsets at which a box equals its object. Pictures without objects teach the objectness.
    Source: arXiv:2107.08430; the offset loss is that of its last epochs, without mosaic.

    `boxes` (B, M, 4) are left, top, right, bottom in pixels of the network's input; `classes`
    (B, M) are -1 where there is no box.
    """
    rows, targets, labels, ious = [], [], [], []
    predicted, count = predictions.boxes, predictions.objectness.shape[1]
    for number in range(len(predicted)):
        real = classes[number] >= 0
        objects, kinds = _centered(boxes[number][real].float()), classes[number][real]
        assigned = _assign(predictions, predicted, number, objects, kinds)
        rows.append(assigned.cells + number * count)
        targets.append(objects[assigned.objects])
        labels.append(kinds[assigned.objects])
        ious.append(assigned.ious)
    cells, target = torch.cat(rows), torch.cat(targets)  # (F,), (F, 4)
    wanted = functional.one_hot(torch.cat(labels), predictions.logits.shape[-1])
    wanted = wanted * torch.cat(ious)[:, None]  # (F, C)
    is_object = torch.zeros_like(predictions.objectness).flatten()
    is_object[cells] = 1.0
    entropy = functional.binary_cross_entropy_with_logits
    sums = {
        "box": BOX_WEIGHT * (1 - _paired_ious(predicted.flatten(0, 1)[cells], target) ** 2).sum(),
        "objectness": entropy(predictions.objectness.flatten(), is_object, reduction="sum"),
        "class": entropy(predictions.logits.flatten(0, 1)[cells], wanted, reduction="sum"),
        "offset": _offset_loss(predictions, cells, target),
    }
    return {name: each / max(len(cells), 1) for name, each in sums.items()}


def _assign(
    predictions: Predictions, predicted: Tensor, number: int, objects: Tensor, kinds: Tensor
) -> Assignment:
    """Which cells of one picture are to find its objects."""
    return assign(
        objects,
        kinds,
        predicted[number],
        predictions.objectness[number],
        predictions.logits[number],
        predictions.grid,
    )


def _centered(boxes: Tensor) -> Tensor:
    """From left, top, right, bottom to center x and y, width and height."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat(((low + high) / 2, high - low), -1)


def _paired_ious(boxes: Tensor, others: Tensor) -> Tensor:
    """The IoU (F,) of boxes with others, one by one."""
    low = torch.maximum(boxes[:, :2] - boxes[:, 2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = torch.minimum(boxes[:, :2] + boxes[:, 2:] / 2, others[:, :2] + others[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (boxes[:, 2:].prod(-1) + others[:, 2:].prod(-1) - shared + 1e-16)


def _offset_loss(predictions: Predictions, cells: Tensor, target: Tensor) -> Tensor:
    """The distance of the offsets from those at which each box equals its object."""
    pictures = len(predictions.offsets)
    corners = predictions.grid.corners.repeat(pictures, 1)[cells]
    strides = predictions.grid.strides.repeat(pictures, 1)[cells]
    centers = target[:, :2] / strides - corners
    wanted = torch.cat((centers, torch.log(target[:, 2:] / strides + 1e-8)), -1)
    return (predictions.offsets.flatten(0, 1)[cells] - wanted).abs().sum()
