"""Moving averages of weights: how slowly a teacher follows."""

from __future__ import annotations

import math


def teacher_momentum(progress: float, start: float = 0.996) -> float:
    """Return the momentum of the teacher at a progress from 0 to 1: it grows from `start` to 1.

    The teacher's weights become momentum * teacher + (1 - momentum) * student after each step.
    Formula: 1 - (1 - start) (cos(pi p) + 1) / 2.
    Source: arXiv:2006.07733 (BYOL) and arXiv:2104.14294 (DINO).
    """
    return 1 - (1 - start) * (math.cos(math.pi * progress) + 1) / 2
