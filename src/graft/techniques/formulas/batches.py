"""Check that batches are large enough, and of the same width, to be compared."""

from __future__ import annotations

from collections.abc import Sized

from torch import Tensor

from graft.base.errors import BadValue


def check_pair(formula: str, source: Tensor, target: Tensor, least: int = 2) -> None:
    """Raise BadValue if features (N, D) and (M, D) have too few rows or different widths."""
    for domain, features in (("source", source), ("target", target)):
        if len(features) < least:
            raise BadValue(
                f"{formula} needs at least {least} examples of each domain in a batch, and got "
                f"{len(features)} of the {domain}. Use a larger batch_size, or give more examples."
            )
    if source.shape[1:] != target.shape[1:]:
        raise BadValue(
            f"{formula} compares features of one width, and got {tuple(source.shape[1:])} of the "
            f"source and {tuple(target.shape[1:])} of the target. Use one network for both."
        )


def check_views(formula: str, views: Sized) -> None:
    """Raise BadValue if views, N of them, are of fewer than two examples."""
    if len(views) < 2:
        raise BadValue(
            f"{formula} compares each example of a batch with the others, and got a batch of "
            f"{len(views)}. Use a batch_size of at least 2."
        )
