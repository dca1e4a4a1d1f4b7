"""Metrics by name: each module of this package names its own in `METRICS`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from graft import metrics
from graft.base.errors import UnknownName
from graft.metrics.metric import Metric


@cache
def known() -> dict[str, Metric]:
    """Every metric by its name."""
    modules = [
        importlib.import_module(f"{metrics.__name__}.{found.name}")
        for found in pkgutil.iter_modules(metrics.__path__)
    ]
    return {
        name: metric
        for module in modules
        for name, metric in getattr(module, "METRICS", {}).items()
    }


def find(name: str) -> Metric:
    """The metric of that name; raises UnknownName."""
    if name not in known():
        raise UnknownName.of("metric", name, known())
    return known()[name]
