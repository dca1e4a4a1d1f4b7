"""Metrics by name: each module of this package lists its metrics in `METRICS`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Never

from graft import metrics
from graft.base.errors import GraftError, UnknownName
from graft.metrics.metric import Metric


@cache
def all_metrics() -> dict[str, Metric]:
    """All metrics by name."""
    modules = [
        importlib.import_module(f"{metrics.__name__}.{module.name}")
        for module in pkgutil.iter_modules(metrics.__path__)
    ]
    return {
        name: metric
        for module in modules
        for name, metric in getattr(module, "METRICS", {}).items()
    }


def find(name: str) -> Metric:
    """Return the metric of that name; raises UnknownName."""
    if name not in all_metrics():
        raise UnknownName.of("metric", name, all_metrics())
    return all_metrics()[name]


def find_or_assume(name: str) -> Metric:
    """Return the metric of that name; assume a fraction to maximize if it is not installed."""
    return all_metrics().get(name) or Metric(name, _refuse, _refuse)


def _refuse(*_: object) -> Never:
    raise GraftError("A metric that is not installed here cannot be computed.")
