"""What a technique may need of a network and a task, refused in the same words by all."""

from __future__ import annotations

from graft.backbones.backbone import Backbone
from graft.base.errors import BadValue
from graft.tasks.task import Task


def check_classes(technique: str, task: Task) -> None:
    """Raises BadValue if the task does not give each example a class, or several."""
    if task.parts:
        raise BadValue(
            f"{technique!r} is for a single task in which each example has a class, and these are "
            f"{len(task.parts)} tasks: {', '.join(task.parts)}. Use 'full-fine-tuning', or learn "
            "one of them alone: --columns label=NAME without --task."
        )
    if task.gives != "classes":
        other = "'feature-extraction'" if task.fresh_head else "'lora'"
        raise BadValue(
            f"{technique!r} is for tasks in which each example has a class, which {task.name} is "
            f"not. Use {other} or 'full-fine-tuning'."
        )


def check_several(technique: str, task: Task) -> None:
    """Raise BadValue for a single task."""
    if not task.parts:
        raise BadValue(
            f"{technique!r} is for several tasks, and {task.name} is one. Give one more --task, or "
            "leave it out."
        )


def check_one_class(technique: str, task: Task) -> None:
    """Raises BadValue if the task does not give each example exactly one class."""
    check_classes(technique, task)
    if task.multi_label:
        raise BadValue(
            f"{technique!r} is for examples with one class each, and these have several labels. "
            "Use 'full-fine-tuning', or data with one label each."
        )


def check_vectors(technique: str, backbone: Backbone, instead: str, role: str = "backbone") -> None:
    """Raise BadValue if the network has not one vector of features for each example."""
    if backbone.form != "vector":
        raise BadValue(
            f"{technique!r} reads one vector of features for each example, and {backbone.name} "
            f"yields {backbone.form} features. Use {instead}, or another {role}."
        )
