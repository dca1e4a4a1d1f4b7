"""Label shift: the shares of the classes in the target, estimated without its labels."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.base.errors import DataError


def estimate_class_shares(
    source_labels: Tensor, source_predictions: Tensor, target_predictions: Tensor, classes: int
) -> Tensor:
    """Return the estimated shares (C,) of the classes in the target.

    Classes (N,) of held-out source examples, those predicted for them (N,), and those predicted
    for the target (M,).
    Formula: q = p w with C w = u; C_ij the share of source examples that are predicted i and are j,
    u_i the share of target examples that are predicted i, p the shares in the source. Negative
    estimates are 0, and q has sum 1. Right if the classes look the same in both domains, and only
    their shares differ.
    Source: Lipton et al.: Detecting and Correcting for Label Shift with Black Box Predictors,
    arXiv:1802.03916 (BBSE).
    Raises DataError if a class has no source example, or predictions do not separate the classes.
    """
    joint = _shares(source_predictions * classes + source_labels, classes**2)
    joint = joint.view(classes, classes)
    if torch.linalg.matrix_rank(joint) < classes:
        raise DataError(
            f"The shares of {classes} classes in the target cannot be estimated: in the held-out "
            "source examples a class is missing, or predictions do not separate some classes. "
            "Give more held-out source examples."
        )
    weights = torch.linalg.solve(joint, _shares(target_predictions, classes))
    shares = (joint.sum(0) * weights).clamp(min=0)
    return shares / shares.sum()


def _shares(labels: Tensor, classes: int) -> Tensor:
    return labels.cpu().bincount(minlength=classes).double() / len(labels)
