"""Graft: transfer learning with evidence.

`import graft` is quick: a name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "Backbone",
    "BackboneError",
    "BadValue",
    "Data",
    "DataError",
    "FolderError",
    "GraftError",
    "Head",
    "Job",
    "MissingExtra",
    "Model",
    "Objective",
    "Observer",
    "Phase",
    "Sample",
    "Task",
    "Technique",
    "UnknownName",
    "__version__",
    "adapt",
    "check",
    "compare",
    "datasets",
    "embed",
    "fit",
    "join_data",
    "leave_one_domain_out",
    "load",
    "load_backbone",
    "load_data",
    "plot",
    "resume",
]

_HOME = {
    "graft.adaptation": ("adapt",),
    "graft.left_out": ("leave_one_domain_out",),
    "graft.api": (
        "check",
        "compare",
        "embed",
        "fit",
        "load",
        "load_backbone",
        "load_data",
        "resume",
    ),
    "graft.backbones.backbone": ("Backbone", "Model"),
    "graft.backbones.heads.head": ("Head",),
    "graft.base.errors": (
        "BackboneError",
        "BadValue",
        "DataError",
        "FolderError",
        "GraftError",
        "MissingExtra",
        "UnknownName",
    ),
    "graft.base.job": ("Job",),
    "graft.base.records": ("Sample",),
    "graft.data.data": ("Data",),
    "graft.data.join": ("join_data",),
    "graft.tasks.task": ("Task",),
    "graft.techniques.technique": ("Objective", "Phase", "Technique"),
    "graft.training.observers": ("Observer",),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("graft-learn")
    if name in ("datasets", "plot"):
        return importlib.import_module(f"graft.{name}")
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'graft' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
