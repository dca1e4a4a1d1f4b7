"""The text that was written for a sample, and how likely its target was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.tasks.task import objects


@dataclass(frozen=True)
class Written:
    """The text that was written for a sample, None before.

    Of its target the nats, its tokens and their bytes.
    """

    text: str | None
    nats: float = math.nan
    tokens: int = 0
    bytes: int = 0


def as_json(score: Written) -> dict[str, Any]:
    """Return the row of a prediction; the numbers of a text of no network are None."""
    if math.isnan(score.nats):
        return {
            "prediction": score.text,
            "confidence": None,
            "nats": None,
            "tokens": None,
            "bytes": None,
        }
    sure = math.exp(-score.nats / max(score.bytes, 1))
    return {
        "prediction": score.text,
        "confidence": sure,
        "nats": score.nats,
        "tokens": score.tokens,
        "bytes": score.bytes,
    }


def most_tokens(scores: np.ndarray, longest: int, margin: float) -> int | None:
    """The tokens of a text of so many `margin` times the `longest` bytes; None if nothing tells.

    They are counted by the bytes of a token in the targets.
    """
    size, count = sum(score.bytes for score in scores), sum(score.tokens for score in scores)
    return max(1, math.ceil(margin * longest * count / size)) if size else None


def texts_of(scores: np.ndarray) -> np.ndarray:
    """Return the generated texts (N,)."""
    return objects([score.text for score in scores])


def likelihoods_of(scores: np.ndarray) -> np.ndarray:
    """Return the nats, tokens and bytes (N,) of each target."""
    return objects([(score.nats, score.tokens, score.bytes) for score in scores])
