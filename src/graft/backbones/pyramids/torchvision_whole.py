"""Whole detectors of torchvision, which were trained on COCO, and what was trained from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.classes import adapt_classes
from graft.backbones.pyramids.saved import load_weights
from graft.base import plugins
from graft.base.errors import BackboneError
from graft.base.job import Job

if TYPE_CHECKING:
    from torch import Tensor

    Known = tuple[dict[str, Tensor], list[str]]

    from graft.backbones.pyramids.torchvision_detector import TorchvisionDetector

HEADS = {"fasterrcnn": "faster-rcnn", "fcos": "fcos", "retinanet": "retinanet"}
"""How the names of networks begin -> the head that they end in."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = (1344, 800)
"""Width and height of the largest picture that torchvision makes of one, in multiples of 32."""
UNNAMED = ("__background__", "N/A")
"""What torchvision calls outputs that are no class of COCO."""
WITHOUT_EPSILON = ("fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn")
"""Their norms divided by the root of the variance alone when they were trained."""
EPSILON = 1e-5
"""What a norm of torch adds to the variance."""


def detector_names() -> list[str]:
    """The detectors of torchvision that end in a head of Graft."""
    from torchvision import models

    names = models.list_models(module=models.detection)
    return [name for name in names if name.partition("_")[0] in HEADS]


def describe_coco(name: str, weights: dict[str, Tensor]) -> Known:
    """The tensors that torchvision calls DEFAULT, as this network has them, and their classes.

    Outputs of no class are named by an empty text.
    """
    from torchvision import models

    categories = models.get_model_weights(name).DEFAULT.meta["categories"]
    first = _head(name).first_class
    known = ["" if category in UNNAMED else category for category in categories[first:]]
    if name in WITHOUT_EPSILON:
        variances = {key: t - EPSILON for key, t in weights.items() if key.endswith("running_var")}
        weights = weights | variances
    return weights, known


def open_whole(name: str, job: Job, read: Callable[[], Known] | None) -> Backbone:
    """Open the detector `name` for the classes of the job; without any it keeps those of COCO.

    `read` gives trained weights and the classes that they know; without it all weights are drawn.
    Raises BackboneError for a job that needs a trunk.
    """
    from torchvision import models

    from graft.backbones.pyramids.torchvision_network import give_float32, pictures_as_they_are

    if job.form != "finished":
        raise BackboneError(
            f"torchvision:{name} is a whole detector, whose trunk takes no other head: use it with "
            "head=own, or a network such as torchvision:resnet50 as a trunk."
        )
    head, size = _head(name), job.size or SIZE
    preprocess = ImagePreprocess(size, MEAN, STD, "bilinear", crop=1.0).with_size(size)
    arguments = {"weights_backbone": None, **head.limits(), **pictures_as_they_are(preprocess)}
    categories = models.get_model_weights(name).DEFAULT.meta["categories"]
    num_classes = len(categories) if job.outputs is None else job.outputs + head.first_class
    network = models.get_model(name, weights=None, num_classes=num_classes, **arguments).eval()
    head.prepare(network)
    give_float32(network.backbone)
    backbone = Backbone(
        f"torchvision:{name}",
        "torchvision",
        network,
        job.form,
        head.paths,
        layer_groups.find(network, head.paths, preprocess.example(), head.call),
        preprocess,
        learning_rate.usual(network, "image", network.backbone.out_channels, None),
        own_head=True,
        head_name=plugins.name_of(type(head)),
        architecture={"architecture": name, "arguments": arguments, "num_classes": num_classes},
        call=head.call,
        compared=head.compared,
        trunk=head.trunk,
    )
    if read is not None:
        weights, known = read()
        if job.classes not in ((), tuple(known)):
            weights = adapt_classes(backbone, head.rows_of_classes, weights, known, job.classes)
        load_weights(backbone, weights)
    return backbone


def _head(name: str) -> TorchvisionDetector:
    return plugins.load("head", HEADS[name.partition("_")[0]])()
