"""Official YOLOX detectors, and what the head of that name makes of other trunks."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graft.backbones import hub
from graft.backbones.backbone import Backbone
from graft.backbones.heads.head import attach_head, head_of
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.classes import adapt_classes
from graft.backbones.pyramids.coco import CLASSES as COCO
from graft.backbones.pyramids.saved import load_weights, open_network, save_network
from graft.backbones.pyramids.trunk import make_trunk
from graft.base import files
from graft.base.errors import BackboneError, UnknownName
from graft.base.job import Job

if TYPE_CHECKING:
    from torch import Tensor

SIZES = {
    "yolox_nano": (16, 1, True),
    "yolox_tiny": (24, 1, False),
    "yolox_s": (32, 1, False),
    "yolox_m": (48, 2, False),
    "yolox_l": (64, 3, False),
    "yolox_x": (80, 4, False),
}
"""Name -> the channels of the trunk's first stage, the bottlenecks of its shortest stages, and
whether its convolutions are depthwise."""
SIDE = {"yolox_nano": 416, "yolox_tiny": 416}
"""The sides of the pictures that the small ones were made for; those of the others are 640."""
HOST = "https://github.com"
RELEASE = f"{HOST}/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
HEAD = "yolox"
CLASS_LAYERS = "head.cls_preds."


class Yolox:
    """Official YOLOX detectors, pretrained on COCO: `yolox:yolox_s`, or `yolox:FILE.pth`.

    Their trunk is one of other heads, too. With the head `own` the whole detector is kept, and of
    its classes those that the data have by the same name.

    Example: graft fit cells -b yolox:yolox_s
    """

    def names(self) -> list[str]:
        return list(SIZES)

    def paths(self, name: str) -> list[str]:
        return [name] if name.endswith(".pth") else []

    def usual_job(self, name: str) -> Job:
        return Job("features", "image", "pyramid")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raises UnknownName, and BackboneError for another job and weights that cannot be had."""
        if job.form not in ("pyramid", "finished"):
            raise BackboneError(
                f"yolox:{name} finds objects in pictures, and {job.id} needs {job.form} features. "
                "See: graft list backbones"
            )
        file = files.expand_home(name)
        if file.suffix != ".pth" and name not in SIZES:
            raise UnknownName.of("YOLOX detector", name, self.names(), see="graft list backbones")
        if file.suffix != ".pth" and not pretrained:
            return self.trunk(name, job.size)
        weights = read_checkpoint(file if file.suffix == ".pth" else _download(name), name)
        backbone = self.trunk(size_of(weights, name), job.size)
        if not pretrained:
            return backbone
        known = names_of_classes(len(weights[f"{CLASS_LAYERS}0.bias"]))
        backbone = attach_head(HEAD, backbone, job.outputs or len(known))
        backbone.name, backbone.form = f"yolox:{name}", job.form
        if job.form == "finished":
            rows = head_of(backbone).rows_of_classes
            weights = adapt_classes(backbone, rows, weights, known, job.classes)
        load_weights(backbone, weights)
        return backbone

    def tiny(self, job: Job) -> list[str]:
        return ["yolox_nano"] if (job.reads, job.form) == ("image", "pyramid") else []

    def trunk(self, name: str, size: tuple[int, int] | None, **arguments: Any) -> Backbone:
        """The trunk of the detector with random weights."""
        from graft.backbones.heads.layers.yolox.darknet import GRAY, CspDarknet

        side = SIDE.get(name, 640)
        preprocess = ImagePreprocess(
            size=size or (side, side),
            mean=(GRAY / 255,) * 3,
            std=(1 / 255,) * 3,
            interpolation="bilinear",
            crop=1.0,
            input_name="pixels",
        )
        return make_trunk("yolox", name, CspDarknet(*SIZES[name]), preprocess, arguments)

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        save_network(backbone, folder, classes, "yolox")

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return config.is_file() and files.read_json(config, "a model").get("library") == "yolox"

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        config = files.read_json(Path(folder, "config.json"), "a YOLOX folder")
        return open_network(folder, config, job, pretrained)


def read_checkpoint(file: Path, name: str) -> dict[str, Tensor]:
    """The tensors of an official checkpoint by the names that they have here.

    Raises BackboneError for a file that is none.
    """
    import torch

    wrong = (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError)
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        state = checkpoint["model"]
        return {_name_here(key): tensor.float() for key, tensor in state.items()}
    except (*wrong, pickle.UnpicklingError) as error:
        raise BackboneError(
            f"yolox:{name} is no checkpoint of YOLOX ({error}). Pass a file whose 'model' has "
            "tensors named backbone.backbone..., backbone... and head..., as the official ones."
        ) from error


def size_of(weights: dict[str, Tensor], name: str) -> str:
    """Which of the official sizes the tensors are of; raises BackboneError for others."""
    width = len(weights.get("trunk.stem.conv.conv.weight", ()))
    depthwise = "trunk.dark2.0.dconv.conv.weight" in weights
    for size, (channels, _, is_depthwise) in SIZES.items():
        if (channels, is_depthwise) == (width, depthwise):
            return size
    raise BackboneError(
        f"yolox:{name} has another trunk than {', '.join(SIZES)}: {width or 'no'} channels in its "
        "first stage. Convert it to one of these, or train one of them. YOLOv3's Darknet-53 is not "
        "read."
    )


def names_of_classes(count: int) -> list[str]:
    """The names of so many classes: those of COCO, or numbers, for a checkpoint has no names."""
    return list(COCO) if count == len(COCO) else [str(number) for number in range(count)]


def _name_here(key: str) -> str:
    """The name of a tensor in this network: trunk, neck and head side by side."""
    if key.startswith("backbone.backbone."):
        return key.replace("backbone.backbone.", "trunk.", 1)
    return key.replace("backbone.", "neck.", 1) if key.startswith("backbone.") else key


def _download(name: str) -> Path:
    """The official checkpoint, from torch's cache or its host; raises BackboneError."""
    import torch

    file = Path(torch.hub.get_dir(), "checkpoints", f"{name}.pth")
    if file.exists():
        return file
    if not hub.answers(HOST):
        raise hub.unreachable(
            f"yolox:{name}", HOST, OSError(), offline=True, file=file, reads="image"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(f"{RELEASE}/{name}.pth", str(file), progress=False)
    except OSError as error:
        raise hub.unreachable(f"yolox:{name}", HOST, error, offline=False, reads="image") from error
    return file
