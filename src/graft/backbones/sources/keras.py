"""Networks of Keras, translated to PyTorch when they are opened and written back when saved."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from graft.backbones.backbone import Backbone
from graft.backbones.beside import share_modules
from graft.backbones.keras.applications import APPLICATIONS, CROP
from graft.backbones.pyramids.saved import open_network, save_network
from graft.base import files, specs
from graft.base.errors import BackboneError, UnknownName
from graft.base.job import Job

CONFIG, MODEL = "config.json", "model.keras"
"""The files of a saved network; Keras needs the second one alone."""


@dataclass(frozen=True)
class Options:
    """What may follow the name of a network: `keras:VGG16:weights=FILE,mode=caffe`."""

    weights: str | None = None
    """A file of weights, as `model.save_weights` writes it, in place of those of ImageNet. Random
    weights are the technique `from-scratch`."""
    mode: Literal["caffe", "tf", "torch", "unit", "raw"] | None = None
    """How pictures are prepared: see `graft.backbones.keras.applications`."""
    stretch: bool = False
    """Whether the whole picture is stretched to the shape of the input, as Keras' loaders do."""


class Keras:
    """Networks of Keras: `keras:VGG16`, `keras:FILE.keras`, `keras:VGG16:weights=FILE.weights.h5`.

    Names are those of keras.applications, without their classifiers. Files are `.keras` or `.h5`,
    or `.json` for an architecture whose weights are in another file. They must hold a functional or
    sequential model of Keras' own layers that reads one picture in three colors.

    The network is translated to PyTorch, and a trained one is saved as a `.keras` file with its new
    last layer, which gives the same logits in Keras. TensorFlow is not needed, and not imported.

    A file that does not say how its pictures are prepared needs `mode`: `caffe`, `tf` or `torch` as
    in Keras' preprocess_input, `unit` for pixels from 0 to 1, `raw` for 0 to 255. Its network sees
    the largest part in the middle of a picture that has the shape of its input, those of
    keras.applications 7/8 of its sides. With `stretch=true` it sees the whole picture, stretched
    to its input, as image_dataset_from_directory does. NASNet is missing, since Keras does not
    build it on PyTorch.

    Example: graft fit photos -b keras:EfficientNetB0
    """

    def names(self) -> list[str]:
        return list(APPLICATIONS)

    def paths(self, name: str) -> list[str]:
        what, options = _parse(name)
        files = [] if what in APPLICATIONS else [what]
        return files if options.weights is None else [*files, options.weights]

    def usual_job(self, name: str) -> Job:
        return Job("features", "image", "vector")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raise UnknownName, and BackboneError for weights or files that cannot be had or read."""
        from graft.backbones.keras import models, networks
        from graft.backbones.keras.graph import graph_of

        what, options = _parse(name)
        if options.stretch and job.form == "pyramid":
            raise BackboneError(
                f"keras:{name} asks to stretch pictures, but detection and segmentation pad them "
                "to the shape of the input. Leave stretch=true out."
            )
        is_file = models.is_file(what)
        if not is_file and what not in APPLICATIONS:
            raise _unknown(what)
        model = _read(what, options, pretrained)
        size = models.read_size(model, what)
        graph_of(model)  # refuses several outputs before the mode is asked for
        usual = None if is_file else APPLICATIONS[what][1]
        mode = options.mode or usual or models.find_mode(model)
        crop = 1.0 if is_file or options.stretch else CROP
        preprocess = networks.preprocess_of(mode, size, crop, options.stretch)
        described = networks.describe(model, name, job, preprocess)
        return replace(described, own_head=described.own_head and pretrained)

    def tiny(self, job: Job) -> list[str]:
        return ["MobileNet"] if (job.reads, job.form) == ("image", "vector") else []

    def trunk(self, name: str, size: tuple[int, int] | None, **arguments: Any) -> Backbone:
        """The network as a trunk that yields a pyramid, with random weights.

        Its `arguments` hold the architecture: `networks.rebuild_trunk` reads them.
        """
        from graft.backbones.keras import networks

        return networks.rebuild_trunk(name, size, **arguments, seed=_draw_seed())

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        """A `.keras` file that gives the same logits in Keras, and what is to know about it.

        A network under a head for pyramids has no layers of Keras; it is saved as safetensors.
        """
        from graft.backbones.keras import networks

        if "trunk" in backbone.architecture:
            save_network(backbone, folder, classes, "keras")
            return
        networks.save_model(backbone, Path(folder, MODEL))
        config = {"library": "keras", "classes": list(classes)}
        files.write_json(
            Path(folder, CONFIG), config | {"preprocess": backbone.preprocess.settings()}
        )

    def share_trunk(self, whole: Backbone, backbone: Backbone) -> None:
        """The layers of both have the same paths."""
        share_modules(whole, backbone)

    def owns(self, folder: str) -> bool:
        config = Path(folder, CONFIG)
        return (
            config.is_file()
            and json.loads(config.read_text(encoding="utf-8")).get("library") == "keras"
        )

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        from graft.backbones.keras import models, networks

        config = files.read_json(Path(folder, CONFIG), "a Keras folder")
        if "trunk" in config:
            return open_network(folder, config, job, pretrained)
        model = models.open_file(Path(folder, MODEL))
        model = model if pretrained else models.draw_again(model, _draw_seed())
        described = networks.describe(model, folder, job, networks.restore(config["preprocess"]))
        return replace(described, own_head=described.own_head and pretrained)


def _parse(name: str) -> tuple[str, Options]:
    """Split `VGG16:weights=FILE` into the name and its options; a path may have colons."""
    what, options = re.fullmatch(r"(.*?)((?<=.):\w+=.*)?", name).groups()
    parameters = specs.parse(f"keras{options or ''}")[1]
    options = specs.build(Options, "network", f"keras:{what}", parameters)
    if options.weights and options.weights.lower() == "none":
        raise BackboneError(
            f"keras:{what} has no option weights={options.weights}. For random weights use the "
            f"technique from-scratch: -b keras:{what} -t from-scratch"
        )
    return what, options


def _unknown(name: str) -> BackboneError | UnknownName:
    """The error for a name that is not among those of keras.applications that can be built."""
    if name.lower().startswith("nasnet"):
        return BackboneError(
            f"Keras itself does not build {name!r} on PyTorch. Use another of its networks: see "
            "'graft list backbones --source keras'."
        )
    return UnknownName.of(
        "Keras network", name, APPLICATIONS, see="graft list backbones --source keras"
    )


def _read(what: str, options: Options, pretrained: bool) -> Any:
    """The model of Keras, with the weights that are asked for, or random ones."""
    from graft.backbones.keras import models

    if not pretrained:
        if not models.is_file(what):
            return models.make_application(what, _draw_seed())
        return models.draw_again(models.open_file(files.expand_home(what)), _draw_seed())
    if not models.is_file(what):
        if options.weights is None:
            return models.open_pretrained(what)
        model = models.make_application(what)
    else:
        model = models.open_file(files.expand_home(what))
    if options.weights is not None:
        models.load_weights(model, options.weights, f"keras:{what}")
    elif what.endswith(".json"):
        raise BackboneError(
            f"{what} is an architecture without weights. Name a file of its weights too: "
            f"keras:{what}:weights=FILE.weights.h5"
        )
    return model


def _draw_seed() -> int:
    """A seed for Keras, from torch's global random state."""
    return int(torch.randint(2**31, ()))
