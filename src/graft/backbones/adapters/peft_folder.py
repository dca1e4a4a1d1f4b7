"""An adapter by itself, in the form in which the PEFT library saves one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import head_of
from graft.backbones.language import mean_pooling
from graft.base import files
from graft.base.errors import BadValue

if TYPE_CHECKING:  # peft imports transformers, which takes seconds
    from peft import PeftConfig

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT writes before the name that a tensor has in the network."""
LIBRARIES = ("transformers", "timm", "torchvision")
"""The libraries whose networks can be opened without Graft, to put an adapter into them."""


@dataclass
class KeptAdapter:
    """What was trained beside a frozen network: an adapter in PEFT's form, and a new head."""

    config: PeftConfig
    tensors: dict[str, Tensor]
    """The tensors of the adapter and of the head, by their names in PEFT without its prefix."""
    head: list[str]
    """The paths of the new modules, which are saved whole."""


def check_keepable(backbone: Backbone, technique: str, batch_norm: str) -> None:
    """Raise BadValue if the adapter would not be all that PEFT needs beside the network."""
    owner = f"keep=adapter of {technique!r}"
    if not _is_of_library(backbone):
        raise BadValue(
            f"{owner} needs a network that {', '.join(LIBRARIES[:-1])} or {LIBRARIES[-1]} can open "
            f"without Graft, and {backbone.name} has layers of its own. Leave out keep=adapter: "
            "the merged model is saved in any case."
        )
    norms = (
        m for m in backbone.network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
    )
    if batch_norm == "updated" and any(norms):
        raise BadValue(
            f"{owner} keeps no statistics of batch normalizations, which batch_norm=updated "
            "changes. Leave out one of them."
        )


def _is_of_library(backbone: Backbone) -> bool:
    """Whether a library makes the network with its head, and not Graft around a trunk."""
    is_whole = head_of(backbone).detach(backbone) is backbone.network
    is_plain = is_whole and not backbone.trunk and not backbone.added
    return is_plain and type(backbone.network).__module__.partition(".")[0] in LIBRARIES


def collect(model: Model, targets: list[str]) -> KeptAdapter:
    """Copy the adapter that PEFT has put into the layers at `targets`, and the new head."""
    from peft import get_peft_model_state_dict

    network = model.network
    config = network.peft_config["default"]
    config.target_modules = set(targets)  # PEFT had shortened them to common endings
    tensors = get_peft_model_state_dict(network, save_embedding_layers=False)
    head = []
    for path in model.backbone.head if model.fresh_head else ():
        state = network.get_submodule(path).state_dict()
        if state:
            head.append(path)
            tensors |= {f"{path}.{name}": tensor for name, tensor in state.items()}
    copies = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    return KeptAdapter(config, copies, head)


def write(kept: KeptAdapter, backbone: Backbone, folder: Path) -> None:
    """Write the folder that `peft.PeftModel.from_pretrained(network, folder)` puts into a network.

    The network is named by its spec; one that transformers opens as it is, by its name on the hub
    or its folder. A sentence encoder it opens without the mean over tokens.
    """
    config, base = kept.config, backbone.name
    if not mean_pooling.is_installed(backbone.network):
        base = base.removeprefix("transformers:").removeprefix("local:")
    config.base_model_name_or_path = base
    config.modules_to_save = kept.head or None
    config.inference_mode = True
    tensors = {f"{PREFIX}{name}": tensor.contiguous() for name, tensor in kept.tensors.items()}

    def fill(part: Path) -> None:
        config.save_pretrained(str(part))
        save_file(tensors, part / WEIGHTS, metadata={"format": "pt"})

    files.write_folder(folder, fill)


def describe(folder: Path) -> dict[str, Any] | None:
    """Return the config of the adapter in a folder, None if it holds none."""
    path = folder / CONFIG
    return files.read_json(path, "an adapter") if path.is_file() else None
