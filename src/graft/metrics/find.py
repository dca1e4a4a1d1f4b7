"""Metrics by name: each module of this package names its own in `METRICS`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Never

from graft import metrics
from graft.base.errors import GraftError, UnknownName
from graft.metrics.metric import Metric


@cache
def known() -> dict[str, Metric]:
    """Every metric by its name."""
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
    """The metric of that name; raises UnknownName."""
    if name not in known():
        raise UnknownName.of("metric", name, known())
    return known()[name]


def named(name: str) -> Metric:
    """The metric of that name; one not installed here is taken for a fraction to be maximized."""
    return known().get(name) or Metric(name, _not_installed, _not_installed)


def _not_installed(*_: object) -> Never:
    raise GraftError("A metric that is not installed here cannot be computed.")
