"""The layers of a network that adapters are added to."""

from __future__ import annotations

import re
from collections.abc import Callable

from torch import nn

from graft.backbones.adapters.layer import plain_path
from graft.backbones.backbone import Model

KEYS_AND_VALUES = re.compile(
    r"(^|\.)(k|v|key|value|k_proj|v_proj|k_lin|v_lin|key_proj|value_proj"
    r"|c_attn|qkv|query_key_value)$"
)
"""The names of the linear layers that compute the keys and values of attention; some compute the
queries too."""
SECOND_OF_FEED_FORWARD = re.compile(
    r"(^|\.)(fc2|lin2|wo|w2|down_proj|dense_4h_to_h|layer_2|linear2|output_dense|mlp\.c_proj|mlp\.3"
    r"|(?<!attention\.)output\.dense)$"
)
"""The names of the second layer of the feed-forward part of a transformer."""
OUTPUT_OF_ATTENTION = re.compile(
    r"(^|\.)(attention\.output\.dense|out_proj|o_proj|out_lin|attn\.proj|attn\.c_proj"
    r"|SelfAttention\.o|EncDecAttention\.o)$"
)
"""The names of the last layer of attention."""


def is_conv1d(module: nn.Module) -> bool:
    """GPT-2's own linear layer, its weight transposed.

    Recognized by name, since transformers is not imported here.
    """
    return type(module).__name__ == "Conv1D"


def is_linear(module: nn.Module) -> bool:
    """Whether it is a linear layer."""
    return isinstance(module, nn.Linear) or is_conv1d(module)


def is_ungrouped_convolution(module: nn.Module) -> bool:
    """Whether it is a convolution in which each output reads every input channel."""
    return isinstance(module, nn.Conv2d) and module.groups == 1


def find_layers(model: Model, first: int, wanted: Callable[[str, nn.Module], bool]) -> list[str]:
    """Return the paths of the wanted layers from the layer group `first` on, below the head.

    `wanted` gets the path that a layer has in its library, whatever was added around it. Left out
    are layers whose owner reads the weight itself and does not call the layer.
    """
    indices, network = model.group_indices(), model.network

    def is_below_head(path: str) -> bool:
        return path not in model.backbone.head and indices[f"{path}.weight"] >= first

    def is_called(path: str) -> bool:
        owner = network.get_submodule(path.rpartition(".")[0])
        return not isinstance(owner, nn.MultiheadAttention | nn.TransformerEncoderLayer)

    modules = network.named_modules()
    candidates = [path for path, module in modules if wanted(plain_path(path), module)]
    return [path for path in candidates if is_below_head(path) and is_called(path)]
