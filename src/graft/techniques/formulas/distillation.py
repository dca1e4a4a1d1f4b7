"""Distillation: learn the probabilities and the features of a teacher."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def distillation(student: Tensor, teacher: Tensor, temperature: float, independent: bool) -> Tensor:
    """Return the loss of a student from the logits (B, C) of both networks, a scalar.

    Formula: T^2 mean over examples of KL(softmax(z_t / T) || softmax(z_s / T)). If the classes are
    `independent`, as several labels are, the sum over classes of the same of yes and no.
    Source: Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, arXiv:1503.02531:
    T^2 keeps the size of the gradients.
    """
    logits = [student.float() / temperature, teacher.float() / temperature]
    if independent:  # yes against no, whose logit is 0
        logits = [torch.stack([part, torch.zeros_like(part)], -1) for part in logits]
    ours, theirs = (part.log_softmax(-1) for part in logits)
    total = nn.functional.kl_div(ours, theirs, reduction="sum", log_target=True)
    return temperature**2 * total / len(student)


def feature_distillation(projected: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared error (scalar) of projected features (B, D) to the teacher's (B, D).

    The teacher's are standardized over the dimensions of each example, since the scale of features
    says little and differs between networks.
    Source: Romero et al.: FitNets, arXiv:1412.6550; standardized as in Wei et al.,
    arXiv:2205.14141.
    """
    theirs = nn.functional.layer_norm(teacher.float(), teacher.shape[-1:])
    return (projected.float() - theirs).square().mean()
