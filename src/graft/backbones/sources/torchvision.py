"""Networks of the torchvision library, their weights from its own host."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from graft.backbones import hub, layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.beside import share_modules
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.saved import open_network, save_network
from graft.backbones.pyramids.stages import cut_into_stages
from graft.backbones.pyramids.torchvision_whole import describe_coco, detector_names, open_whole
from graft.backbones.pyramids.trunk import make_trunk
from graft.base import files
from graft.base.errors import UnknownName
from graft.base.job import Job

UNFIT = ("googlenet", "inception_v3", "squeezenet1_0", "squeezenet1_1")
"""Their heads are convolutions, or they return several outputs in training."""
CHANNELS_LAST = ("swin",)
"""Their feature maps are (B, H, W, C)."""


class Torchvision:
    """Image networks of torchvision: `torchvision:resnet18`, with the weights it calls DEFAULT.

    Its detectors, such as `torchvision:fasterrcnn_resnet50_fpn_v2`, are opened whole, with the head
    `own`: of the classes of COCO those are kept that the data have by the same name.

    Example: graft fit photos -b torchvision:resnet18
    """

    def names(self) -> list[str]:
        from torchvision import models

        networks = [name for name in models.list_models(module=models) if name not in UNFIT]
        return [*networks, *detector_names()]

    def usual_job(self, name: str) -> Job:
        return Job("features", "image", "finished" if name in detector_names() else "vector")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raise UnknownName, or BackboneError if the requested pretrained weights do not exist."""
        if name not in self.names():
            raise UnknownName.of(
                "torchvision network", name, self.names(), see="torchvision.models.list_models()"
            )
        if name in detector_names():
            read = (lambda: describe_coco(name, _download(name))) if pretrained else None
            return open_whole(name, job, read)
        weights = _download(name) if pretrained else None
        if job.form == "pyramid":
            return self.trunk(name, job.size, weights)
        from torchvision import models

        known = tuple(models.get_model_weights(name).DEFAULT.meta["categories"])
        return self.create(name, job.outputs, weights, known=known)

    def tiny(self, job: Job) -> list[str]:
        fits = job.reads == "image" and job.form in ("vector", "pyramid")
        return ["shufflenet_v2_x0_5"] if fits else []

    def create(
        self,
        name: str,
        outputs: int | None,
        weights: dict | None = None,
        size: tuple[int, int] | None = None,
        known: tuple[str, ...] = (),
        **settings: Any,
    ) -> Backbone:
        """The network `name`, built with torchvision's own `settings`.

        `weights` is a state dict of it, whose head is left out if it has another number of outputs;
        `known` are its classes; `size` is another width and height of the input than its usual one.
        """
        from torchvision import models

        given = {} if outputs is None else {"num_classes": outputs}
        network = models.get_model(name, weights=None, **given, **settings).eval()
        head, last = _last_linear(network)
        fits = weights is not None and weights[f"{head}.weight"].shape == last.weight.shape
        if weights is not None:
            head_weights = {
                k: v for k, v in network.state_dict().items() if k.startswith(f"{head}.")
            }
            network.load_state_dict(weights if fits else weights | head_weights)
        preprocess = _preprocess(name, network, size)
        groups = layer_groups.find(network, (head,), preprocess.example())
        lr = learning_rate.usual(network, "image", last.in_features, None)
        architecture = {
            "architecture": name,
            "arguments": settings,
            "num_classes": last.out_features,
        }
        spec = f"torchvision:{name}"
        return Backbone(
            spec,
            "torchvision",
            network,
            "vector",
            (head,),
            groups,
            preprocess,
            lr,
            own_head=fits,
            known=known if fits else (),
            architecture=architecture,
        )

    def trunk(
        self,
        name: str,
        size: tuple[int, int] | None,
        weights: dict | None = None,
        **settings: Any,
    ) -> Backbone:
        """The network `name` as a trunk that yields a pyramid; `weights` as in `create`.

        Raises BackboneError if its feature maps are not those of a pyramid.
        """
        from torchvision import models

        network = models.get_model(name, weights=None, **settings).eval()
        if weights is not None:
            head = _last_linear(network)[0]
            head_weights = {
                k: v for k, v in network.state_dict().items() if k.startswith(f"{head}.")
            }
            network.load_state_dict(weights | head_weights)
        preprocess = _preprocess(name, network, size)
        channels_last = name.startswith(CHANNELS_LAST)
        stages = cut_into_stages(network, channels_last)
        return make_trunk("torchvision", name, stages, preprocess, settings, channels_last)

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        """`config.json` with the arguments of `torchvision.models.get_model`, and the weights."""
        from safetensors.torch import save_file

        if "trunk" in backbone.architecture:
            save_network(backbone, folder, classes, "torchvision")
            return
        config = {"library": "torchvision", **backbone.architecture, "classes": list(classes)}
        files.write_json(
            Path(folder, "config.json"), config | {"preprocess": backbone.preprocess.settings()}
        )
        weights = {
            name: tensor.contiguous() for name, tensor in backbone.network.state_dict().items()
        }
        save_file(weights, Path(folder, "model.safetensors"))

    def share_trunk(self, whole: Backbone, backbone: Backbone) -> None:
        """The layers of both have the same paths."""
        share_modules(whole, backbone)

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return (
            config.is_file()
            and json.loads(config.read_text(encoding="utf-8")).get("library") == "torchvision"
        )

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        from safetensors.torch import load_file

        config = files.read_json(Path(folder, "config.json"), "a torchvision folder")
        if "trunk" in config:
            return open_network(folder, config, job, pretrained)
        name, arguments = config["architecture"], config["arguments"]
        weights = load_file(Path(folder, "model.safetensors")) if pretrained else None
        if name in detector_names():
            read = (lambda: (weights, config["classes"])) if pretrained else None
            return open_whole(name, job, read)
        if job.form == "pyramid":
            return self.trunk(name, job.size, weights, **arguments)
        outputs, size = job.outputs or config["num_classes"], tuple(config["preprocess"]["size"])
        known = tuple(config["classes"])
        return self.create(name, outputs, weights, size, known, **arguments)


def _download(name: str) -> dict:
    """The DEFAULT weights, from torch's cache or torchvision's host; raises BackboneError."""
    import torch
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    cached = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
    host = "/".join(weights.url.split("/")[:3])
    if not cached.exists() and not hub.answers(host):
        raise hub.unreachable(
            f"torchvision:{name}", host, OSError(), offline=True, file=cached, reads="image"
        )
    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except OSError as error:
        raise hub.unreachable(
            f"torchvision:{name}", host, error, offline=False, reads="image"
        ) from error


def _last_linear(network: Any) -> tuple[str, Any]:
    from torch import nn

    return [
        (path, module) for path, module in network.named_modules() if isinstance(module, nn.Linear)
    ][-1]


def _preprocess(name: str, network: Any, size: tuple[int, int] | None) -> ImagePreprocess:
    """What the DEFAULT weights were made for, or pictures of another width and height."""
    from torchvision import models

    usual = models.get_model_weights(name).DEFAULT.transforms()
    return ImagePreprocess(
        size=size or (usual.crop_size[0], usual.crop_size[0]),
        mean=tuple(usual.mean),
        std=tuple(usual.std),
        interpolation=usual.interpolation.value,
        crop=min(1.0, usual.crop_size[0] / usual.resize_size[0]),
        input_name=next(iter(inspect.signature(network.forward).parameters)),
    )
