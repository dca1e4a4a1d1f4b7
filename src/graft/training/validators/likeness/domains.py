"""How far apart two domains are, without labels of the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torch import Tensor

from graft.base.errors import DataError
from graft.metrics.domains.label_shift import estimate_class_shares
from graft.metrics.domains.proxy_a_distance import proxy_a_distance
from graft.training.validators.validator import Seen

Value = TypeVar("Value")


def describe_domains(seen: Seen, classes: Sequence[str]) -> dict[str, Any]:
    """Return the proxy A-distance of the features, and the shares of the classes in both domains.

    Those of the target are estimated from predictions. What cannot be said is None.
    """
    shares = _measure_or_none(lambda: _class_shares(seen, len(classes)))
    return {
        "proxy_a_distance": _measure_or_none(lambda: proxy_a_distance(seen.source, seen.target)),
        "class_shares": shares
        and {
            name: {"source": float(source), "target": float(target)}
            for name, source, target in zip(classes, *shares, strict=True)
        },
    }


def _class_shares(seen: Seen, classes: int) -> tuple[Tensor, Tensor]:
    predicted = (logits.argmax(1) for logits in (seen.source_logits, seen.target_logits))
    target = estimate_class_shares(seen.labels, *predicted, classes)
    counts = seen.labels.bincount(minlength=classes)
    return counts / counts.sum(), target


def _measure_or_none(measure: Callable[[], Value]) -> Value | None:
    try:
        return measure()
    except DataError:  # too few samples, or a class that is never predicted
        return None
