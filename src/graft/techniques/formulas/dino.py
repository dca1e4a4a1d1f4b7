"""DINO: a student predicts its teacher's centered and sharpened output for other views."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.base.errors import BadValue
from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def dino(
    student: Tensor,
    teacher: Tensor,
    center: Tensor,
    student_temperature: float = 0.1,
    teacher_temperature: float = 0.04,
) -> Tensor:
    """Return the cross-entropy between views of student (V, N, K) and teacher (T, N, K), a scalar.

    The first T of the V views are those that the teacher sees; a view is not compared with itself.
    Formula: mean over t, v != t and examples of -sum_k q_k log p_k, q = softmax((teacher - center)
    / teacher_temperature), p = softmax(student / student_temperature). `center` (K,) keeps one
    output from winning always, the low temperature keeps outputs from being all alike. No gradient
    flows through the teacher.
    Source: Caron et al.: Emerging Properties in Self-Supervised Vision Transformers,
    arXiv:2104.14294.
    Raises BadValue if there is no other view to compare with.
    """
    views, teachers = len(student), len(teacher)
    if views < 2:
        raise BadValue(f"DINO compares views of an example, and got {views}. Use at least 2.")
    targets = ((teacher - center).detach() / teacher_temperature).softmax(-1)
    log_p = (student / student_temperature).log_softmax(-1)
    losses = -torch.einsum("tnk,vnk->tv", targets, log_p) / student.shape[1]
    is_other = ~torch.eye(teachers, views, dtype=torch.bool, device=losses.device)
    return losses[is_other].mean()


@torch.no_grad()
def update_center(center: Tensor, teacher: Tensor, momentum: float = 0.9) -> Tensor:
    """Return the center (K,) after a batch of the teacher's outputs (T, N, K).

    Formula: momentum * center + (1 - momentum) * the mean over views and examples.
    Source: arXiv:2104.14294, equation 4.
    """
    return momentum * center + (1 - momentum) * teacher.mean((0, 1)).to(center)
