"""Networks of the timm library, their weights from the Hugging Face hub."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.beside import share_modules
from graft.backbones.hub import hub
from graft.backbones.known_classes import IMAGENET, imagenet_classes
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.trunk import make_trunk
from graft.base.errors import BackboneError, UnknownName
from graft.base.job import Job

LOCAL = "local-dir:"
"""How timm marks the path of a folder that it saved."""


class Timm:
    """Image networks of timm: `timm:resnet50`, `timm:vit_base_patch16_224.augreg_in21k`.

    Example: graft fit photos -b timm:resnet50
    """

    def names(self) -> list[str]:
        import timm

        return timm.list_models()

    def usual_job(self, name: str) -> Job:
        return Job("features", "image", "vector")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raise UnknownName, or BackboneError if the requested pretrained weights do not exist."""
        import timm

        if not timm.is_model(name.split(".")[0]):
            raise UnknownName.of("timm network", name, timm.list_models(), see="timm.list_models()")
        if not pretrained:
            return self._make(name, job, False)
        if not timm.is_model_pretrained(name.split(".")[0]):
            raise BackboneError(
                f"timm has no pretrained weights for {name!r}. "
                "Choose another network, or train it from scratch."
            )
        with hub(f"timm:{name}", reads="image"):
            return self._make(name, job, True)

    def _make(self, name: str, job: Job, pretrained: bool) -> Backbone:
        if job.form == "pyramid":
            return self.trunk(name, job.size, pretrained)
        return self.create(name, job.outputs, pretrained)

    def tiny(self, job: Job) -> list[str]:
        fits = job.reads == "image" and job.form in ("vector", "pyramid")
        return ["test_resnet", "test_convnext"] if fits else []

    def create(
        self,
        name: str,
        outputs: int | None,
        pretrained: bool = False,
        size: tuple[int, int] | None = None,
        **settings: Any,
    ) -> Backbone:
        """The network `name` with timm's own `settings`.

        `outputs` is None for as many as it was trained with; `size` is another width and height of
        the input than its usual one.
        """
        import timm

        given = {} if outputs is None else {"num_classes": outputs}
        network = timm.create_model(name, pretrained=pretrained, **given, **settings)
        own_head = pretrained and network.num_classes == network.pretrained_cfg["num_classes"] > 0
        if outputs is None and network.num_classes == 0:
            network.reset_classifier(1)  # weights without a classifier, read for their features
        network.eval()
        preprocess = _preprocess(network, size)
        head = (_classifier(network, name),)
        groups = layer_groups.find(network, head, preprocess.example())
        lr = learning_rate.usual(network, "image", network.num_features, None)
        spec = f"timm:{name}"
        return Backbone(
            spec,
            "timm",
            network,
            "vector",
            head,
            groups,
            preprocess,
            lr,
            own_head=own_head,
            known=_classes_of(network),
        )

    def trunk(
        self,
        name: str,
        size: tuple[int, int] | None,
        pretrained: bool = False,
        **settings: Any,
    ) -> Backbone:
        """The network `name` as a trunk that yields a pyramid.

        Raises BackboneError if it has no feature maps, or not those of a pyramid.
        """
        import timm

        if size and timm.is_model(name.split(".")[0]) and _has_fixed_size(name):
            settings["img_size"] = (size[1], size[0])  # not the one that it was saved with
        try:
            with _no_word_of_left_out_layers():
                network = timm.create_model(
                    name, pretrained=pretrained, features_only=True, **settings
                )
        except (RuntimeError, AssertionError, AttributeError, TypeError, ValueError) as error:
            raise BackboneError(
                f"timm:{name} yields no feature maps ({error}). Use a network that does: resnet, "
                "efficientnet, mobilenet, convnext, swin and most others."
            ) from error
        built_as = network.pretrained_cfg["architecture"]
        return make_trunk(
            "timm",
            built_as if name.startswith(LOCAL) else name,
            network,
            _preprocess(network, size),
            settings,
            getattr(network, "output_fmt", "NCHW") == "NHWC",
        )

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        """timm's own folder, as `timm.create_model("local-dir:FOLDER", pretrained=True)` opens."""
        from timm.models import save_for_hf

        p = backbone.preprocess
        data = {
            "input_size": (3, p.size[1], p.size[0]),
            "mean": p.mean,
            "std": p.std,
            "interpolation": p.interpolation,
        }
        names = {"label_names": list(classes)}
        save_for_hf(
            backbone.network,
            folder,
            model_config=names,
            safe_serialization=True,
            data_config=data | {"crop_pct": p.crop},
        )

    def share_trunk(self, whole: Backbone, backbone: Backbone) -> None:
        """The layers of both have the same paths."""
        share_modules(whole, backbone)

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return config.is_file() and "pretrained_cfg" in json.loads(
            config.read_text(encoding="utf-8")
        )

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        return self._make(f"{LOCAL}{folder}", job, pretrained)


@contextmanager
def _no_word_of_left_out_layers() -> Iterator[None]:
    """timm warns that a trunk has no place for the weights of the classifier."""
    logger = logging.getLogger("timm.models._builder")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _preprocess(network: Any, size: tuple[int, int] | None) -> ImagePreprocess:
    """What its weights were made for, or pictures of another width and height."""
    import timm

    usual = timm.data.resolve_data_config({}, model=network)
    side = usual["input_size"][-1]
    return ImagePreprocess(
        size=size or (side, side),
        mean=tuple(usual["mean"]),
        std=tuple(usual["std"]),
        interpolation=usual["interpolation"],
        crop=usual["crop_pct"],
        input_name=next(iter(inspect.signature(network.forward).parameters)),
    )


def _classes_of(network: Any) -> tuple[str, ...]:
    """What its outputs are called, if they are those that it was pretrained with."""
    settings = network.pretrained_cfg
    if network.num_classes != settings["num_classes"]:
        return ()
    names = settings.get("label_names")
    return tuple(names) if names else imagenet_classes() if network.num_classes == IMAGENET else ()


def _has_fixed_size(name: str) -> bool:
    """Whether the network must be built for the size of its input."""
    import timm

    return bool(getattr(timm.get_pretrained_cfg(name), "fixed_input_size", False))


def _classifier(network: Any, name: str) -> str:
    """The dotted path of the last layer; raises BackboneError if that is not one linear layer."""
    from torch import nn

    last = network.get_classifier()
    if not isinstance(last, nn.Linear):
        raise BackboneError(
            f"timm:{name} does not end in one linear layer but in "
            f"{type(last).__name__}. Choose a network that does: resnet, "
            "efficientnet, mobilenet, vit, convnext, swin and most others."
        )
    return next(path for path, module in network.named_modules() if module is last)
