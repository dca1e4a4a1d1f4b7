"""Load a backbone by its name."""

from __future__ import annotations

import os
from pathlib import Path

from graft.backbones.backbone import Backbone
from graft.base import files, plugins
from graft.base.errors import BackboneError, UnknownName
from graft.base.job import Job

DEFAULTS = {
    "image": "wheel:efficientnet-lite0",
    "text": "wheel:minilm-l6",
    "audio": "wheel:whisper-tiny.en",
}
"""The built-in backbone for what a task reads, unless the task names another one."""


def load_backbone(spec: str, job: Job, pretrained: bool = True) -> Backbone:
    """Return the backbone that `spec` names, with a network for the job.

    `spec` is `source:name`, the alias of a built-in one, or the path of a model folder.
    `pretrained=False` is the same architecture with weights drawn from torch's global random state.
    Raises UnknownName, and BackboneError if the network cannot be had or does not do the job.
    """
    source, name = resolve(spec)
    backbone = plugins.load("source", source)().load(name, job, pretrained)
    _check(backbone, job)
    if pretrained:
        _check_finite(backbone)
    return backbone


def _check(backbone: Backbone, job: Job) -> None:
    reads = backbone.preprocess.reads
    if reads != job.reads:
        raise BackboneError(
            f"{backbone.name} reads {reads}, but {job.id} needs a backbone that reads {job.reads}. "
            "See: graft list backbones"
        )
    if job.form == "finished" and backbone.form != "finished":
        raise BackboneError(
            f"{backbone.name} is not a network for {job.id} yet, so its own head cannot be kept. "
            "Give the folder of a trained model, or leave out head=own."
        )


def _check_finite(backbone: Backbone) -> None:
    """Raise BackboneError for weights that are NaN or infinite, as a diverged training saves."""
    for name, tensor in backbone.network.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise BackboneError(
                f"The weights of {backbone.name} cannot be used: {name} has values that are NaN or "
                "infinite. Use another copy of the model, or one from before its training diverged."
            )


def usual_job(spec: str) -> Job:
    """Return the job that the network of a backbone does by default.

    Raises as `load_backbone`.
    """
    source, name = resolve(spec)
    return plugins.load("source", source)().usual_job(name)


def paths_of(spec: str) -> list[Path]:
    """Return the files and folders of the user's that a backbone is read from.

    They need not exist. Raises as `resolve`.
    """
    source, name = resolve(spec)
    find = getattr(plugins.load("source", source)(), "paths", None)
    return [files.expand_home(path) for path in find(name)] if find else []


def default_backbone(reads: str) -> str:
    """The built-in backbone for `image`, `text` or `audio`."""
    return DEFAULTS[reads]


def resolve(spec: str) -> tuple[str, str]:
    """Return the source and the name in it.

    Raises UnknownName, and BackboneError for the path of a missing folder.
    """
    source, colon, name = spec.partition(":")
    if colon and name and source in plugins.names("source"):
        return source, name
    if spec in plugins.names("backbone"):
        return "wheel", spec
    if files.is_folder(spec):
        return "local", spec
    if spec.endswith((".keras", ".h5")) and files.is_file(spec):
        raise BackboneError(f"{spec} is a file of Keras. Name its source too: keras:{spec}")
    if spec.startswith((".", "/", "~", "\\")):
        raise BackboneError(
            f"There is no folder {spec!r}. Give the folder of a saved model, or a name: see "
            "'graft list backbones'."
        )
    raise UnknownName.of("backbone", spec, _list_names(), see="graft list backbones")


def full_name(spec: str) -> str:
    """Return the one `source:name` of a backbone, however it is written; raises as `resolve`."""
    source, name = resolve(spec)
    return f"{source}:{os.path.normpath(files.expand_home(name)) if source == 'local' else name}"


def _list_names() -> list[str]:
    return [
        *plugins.names("backbone"),
        *(
            f"{source}:{name}"
            for source in plugins.names("source")
            for name in plugins.load("source", source)().names()
        ),
    ]
