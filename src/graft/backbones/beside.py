"""The trunk of a network under another head: the one that the network was pretrained with.

Map: `beside` opens the network again by its name, whichever source that is, and asks the library
of the network to put the trunk in it (`Library.share_trunk`). Libraries whose networks have equal
paths with any head do so by `share_modules`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import nn

from graft.backbones.backbone import Backbone
from graft.backbones.load import load_backbone, resolve
from graft.base import plugins
from graft.base.errors import BackboneError
from graft.base.job import Job


def beside(backbone: Backbone, job: Job) -> Backbone:
    """Return the network for the job around the trunk of `backbone`, so that both learn.

    Of a job without `outputs` the head is the pretrained one, and else fresh: see
    `Backbone.own_head`. Neither network changes how the other runs, except by what happens to the
    modules of the trunk, which are the same objects. Raises BackboneError if the network cannot be
    opened for the job, or if its trunk was opened for something else.
    """
    library = plugins.load("source", backbone.source)
    is_part = backbone.preprocess.reads == "image" and backbone.form != "vector"
    if is_part or not hasattr(library, "share_trunk"):
        raise BackboneError(
            f"{backbone.name} was opened as a whole network or as the trunk of one, so its layers "
            "are not those of the network that was pretrained. Use a task with one answer for an "
            "image, a text or a sound."
        )
    whole = load_backbone(backbone.name, job)
    library().share_trunk(whole, backbone)
    return replace(whole, lr=backbone.lr, added=backbone.added)


def under_own_head(backbone: Backbone, job: Job) -> Backbone:
    """Return what `beside` does, whose head is the pretrained one.

    Torch's global random state stays as it is. Raises BackboneError also if there is none.
    """
    with torch.random.fork_rng(devices=[]):  # weights are drawn before those of a file are read
        whole = beside(backbone, job)
    if not whole.own_head:
        source, name = resolve(backbone.name)
        carries = f" ({plugins.summary('backbone', name).rstrip('.')})" if source == "wheel" else ""
        raise BackboneError(
            f"{backbone.name}{carries} comes without a pretrained head for {job.id}. Use a network "
            "whose weights have one, such as efficientnet-lite0, smollm2-135m or whisper-tiny.en."
        )
    return whole


def share_modules(whole: Backbone, backbone: Backbone) -> None:
    """Put every module of `backbone` in `whole` but those of the head of `whole`.

    The paths of both networks must be equal below the head.
    """
    _share(whole.network, backbone.network, whole.head)


def _share(whole: nn.Module, trunk: nn.Module, heads: Collection[str]) -> None:
    """Share the tensors and the children of a module, down to the `heads`, paths within it."""
    whole._parameters.update(trunk._parameters)
    whole._buffers.update(trunk._buffers)
    for name, child in trunk.named_children():
        within = [path.removeprefix(f"{name}.") for path in heads if path.startswith(f"{name}.")]
        if within:
            _share(whole.get_submodule(name), child, within)
        elif name not in heads:
            setattr(whole, name, child)
