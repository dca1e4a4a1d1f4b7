"""Networks of the timm library, their weights from the Hugging Face hub."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.hub import hub
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base.errors import BackboneError, UnknownName
from graft.base.job import Job


class Timm:
    """Image networks of timm: `timm:resnet50`, `timm:vit_base_patch16_224.augreg_in21k`."""

    def names(self) -> list[str]:
        import timm

        return timm.list_models()

    def usual_job(self, name: str) -> Job:
        return Job("features", "image", "vector")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raises UnknownName, and BackboneError if weights are asked for that cannot be had."""
        import timm

        if not timm.is_model(name.split(".")[0]):
            raise UnknownName.of("timm network", name, timm.list_models(), see="timm.list_models()")
        if not pretrained:
            return self.create(name, job.outputs)
        if not timm.is_model_pretrained(name.split(".")[0]):
            raise BackboneError(
                f"timm has no pretrained weights for {name!r}. Choose another network, or train it "
                "from scratch."
            )
        with hub(f"timm:{name}"):
            return self.create(name, job.outputs, pretrained=True)

    def tiny(self, job: Job) -> list[str]:
        does_it = (job.reads, job.form) == ("image", "vector")
        return ["test_resnet", "test_convnext"] if does_it else []

    def create(
        self,
        name: str,
        outputs: int | None,
        pretrained: bool = False,
        size: int | None = None,
        **settings: Any,
    ) -> Backbone:
        """The network `name` with timm's own `settings`.

        `outputs` is None for as many as it was trained with; `size` is another input size in pixels
        than its usual one.
        """
        import timm

        given = {} if outputs is None else {"num_classes": outputs}
        network = timm.create_model(name, pretrained=pretrained, **given, **settings)
        if outputs is None and network.num_classes == 0:
            network.reset_classifier(1)  # weights without a classifier, read for their features
        network.eval()
        usual = timm.data.resolve_data_config({}, model=network)
        preprocess = ImagePreprocess(
            size=size or usual["input_size"][-1],
            mean=tuple(usual["mean"]),
            std=tuple(usual["std"]),
            interpolation=usual["interpolation"],
            crop=usual["crop_pct"],
            input_name=next(iter(inspect.signature(network.forward).parameters)),
        )
        head = (_classifier(network, name),)
        groups = layer_groups.find(network, head, preprocess.example())
        lr = learning_rate.usual(network, "image", network.num_features, None)
        return Backbone(f"timm:{name}", "timm", network, "vector", head, groups, preprocess, lr)

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        """timm's own folder, as `timm.create_model("local-dir:FOLDER", pretrained=True)` opens."""
        from timm.models import save_for_hf

        p = backbone.preprocess
        data = {
            "input_size": (3, p.size, p.size),
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

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return config.is_file() and "pretrained_cfg" in json.loads(
            config.read_text(encoding="utf-8")
        )

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        return self.create(f"local-dir:{folder}", job.outputs, pretrained=pretrained)


def _classifier(network: Any, name: str) -> str:
    """The dotted path of the last layer; raises BackboneError if that is not one linear layer."""
    from torch import nn

    last = network.get_classifier()
    if not isinstance(last, nn.Linear):
        raise BackboneError(
            f"timm:{name} does not end in one linear layer but in {type(last).__name__}. Choose a "
            "network that does: resnet, efficientnet, mobilenet, vit, convnext, swin and most "
            "others."
        )
    return next(path for path, module in network.named_modules() if module is last)
