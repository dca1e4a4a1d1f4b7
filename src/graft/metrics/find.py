"""Metrics by name: each module of this package lists its metrics in `METRICS`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Never

from graft import metrics
from graft.base.errors import GraftError, UnknownName
from graft.metrics.metric import Metric
from graft.metrics.parts import averaged, read_name


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
    """Return the metric of that name, which may be of several tasks; raises UnknownName."""
    metric = _known(name)
    if metric is None:
        raise UnknownName.of("metric", name, all_metrics())
    return metric


@cache
def find_or_assume(name: str) -> Metric:
    """Return the metric of that name; assume a fraction to maximize if it is not installed."""
    return _known(name) or Metric(name, _refuse, _refuse)


def averaged_metrics(name: str) -> dict[str, Metric]:
    """Return the metric of each task that a mean is of; none for another metric."""
    return averaged(name, all_metrics().get)


def is_installed(name: str) -> bool:
    """Whether the metric of that name can be computed here."""
    return _known(name) is not None


@cache
def _known(name: str) -> Metric | None:
    return all_metrics().get(name) or read_name(name, all_metrics().get)


def _refuse(*_: object) -> Never:
    raise GraftError("A metric that is not installed here cannot be computed.")
