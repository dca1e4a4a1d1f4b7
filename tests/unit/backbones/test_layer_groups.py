"""Layer groups of the networks that people use, at their real depth where that costs little."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graft.backbones import layer_groups
from graft.base import plugins

VIT = {"img_size": 64, "embed_dim": 48, "num_heads": 3}
IMAGE = {
    ("timm", "resnet18"): ["stem", "layer1", "layer2", "layer3", "layer4", "head"],
    ("timm", "resnet50"): ["stem", "layer1", "layer2", "layer3", "layer4", "head"],
    ("timm", "tf_efficientnet_lite0"): [
        "stem",
        *(f"blocks.{i}" for i in range(7)),
        "conv_head",
        "head",
    ],
    ("timm", "efficientnet_b0"): ["stem", *(f"blocks.{i}" for i in range(7)), "conv_head", "head"],
    ("timm", "mobilenetv3_small_100"): [
        "stem",
        *(f"blocks.{i}" for i in range(6)),
        "conv_head",
        "head",
    ],
    ("timm", "convnext_atto"): ["stem", *(f"stages.{i}" for i in range(4)), "head"],
    ("timm", "swin_tiny_patch4_window7_224"): [
        "patch_embed",
        *(f"layers.{i}" for i in range(4)),
        "head",
    ],
    ("timm", "vit_tiny_patch16_224"): ["patch_embed", *(f"blocks.{i}" for i in range(12)), "head"],
    ("timm", "vgg11"): [
        *(f"features.{i}" for i in (0, 3, 6, 8, 11, 13, 16, 18)),
        "pre_logits",
        "head",
    ],
    ("torchvision", "resnet18"): ["stem", "layer1", "layer2", "layer3", "layer4", "head"],
    ("torchvision", "vgg11"): [
        *(f"features.{i}" for i in (0, 3, 6, 8, 11, 13, 16, 18)),
        "classifier.0",
        "classifier.3",
        "head",
    ],
    ("torchvision", "mobilenet_v3_small"): [
        *(f"features.{i}" for i in range(13)),
        "classifier.0",
        "head",
    ],
    ("torchvision", "efficientnet_b0"): [*(f"features.{i}" for i in range(9)), "head"],
}
SETTINGS = {
    "vit_tiny_patch16_224": {"img_size": 64},
    "swin_tiny_patch4_window7_224": {
        "img_size": 64,
        "window_size": 2,
        "embed_dim": 24,
        "num_heads": (1, 2, 4, 8),
    },
    ("timm", "vgg11"): {"mlp_ratio": 1 / 64},
}


def check_covered_once(network: nn.Module, groups) -> None:
    saved = set(network.state_dict())
    wanted = [
        name for name, _ in (*network.named_parameters(), *network.named_buffers()) if name in saved
    ]
    assert sorted(tensor for group in groups for tensor in group.tensors) == sorted(wanted)


@pytest.mark.parametrize("case", IMAGE, ids=":".join)
def test_image_networks(case):
    source, name = case
    settings = SETTINGS.get(case) or SETTINGS.get(name, {})
    backbone = plugins.load("source", source)().create(name, 3, size=(64, 64), **settings)
    assert [group.name for group in backbone.groups] == IMAGE[case]
    check_covered_once(backbone.network, backbone.groups)


BERT = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 12,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
TEXT = {
    "bert": (
        BERT,
        ["bert.embeddings", *(f"bert.encoder.layer.{i}" for i in range(12)), "bert.pooler", "head"],
    ),
    "roberta": (
        BERT,
        ["roberta.embeddings", *(f"roberta.encoder.layer.{i}" for i in range(12)), "head"],
    ),
    "electra": (
        BERT | {"embedding_size": 8},
        [
            "electra.embeddings",
            "electra.embeddings_project",
            *(f"electra.encoder.layer.{i}" for i in range(12)),
            "head",
        ],
    ),
    "distilbert": (
        {"vocab_size": 60, "dim": 16, "n_layers": 6, "n_heads": 2, "hidden_dim": 32},
        ["distilbert.embeddings", *(f"distilbert.transformer.layer.{i}" for i in range(6)), "head"],
    ),
    "xlnet": (
        {"vocab_size": 60, "d_model": 16, "n_layer": 12, "n_head": 2, "d_inner": 32},
        ["transformer.word_embedding", *(f"transformer.layer.{i}" for i in range(12)), "head"],
    ),
    "gpt2": (
        {
            "vocab_size": 60,
            "n_embd": 16,
            "n_layer": 12,
            "n_head": 2,
            "bos_token_id": 2,
            "eos_token_id": 3,
        },
        ["stem", *(f"transformer.h.{i}" for i in range(12)), "head"],
    ),
    "llama": (
        BERT | {"num_key_value_heads": 2},
        ["model.embed_tokens", *(f"model.layers.{i}" for i in range(12)), "head"],
    ),
    "t5": (
        {
            "vocab_size": 60,
            "d_model": 16,
            "d_kv": 8,
            "d_ff": 32,
            "num_layers": 6,
            "num_heads": 2,
            "decoder_start_token_id": 0,
        },
        [
            "transformer.encoder.embed_tokens",
            *(f"transformer.encoder.block.{i}" for i in range(6)),
            *(f"transformer.decoder.block.{i}" for i in range(6)),
            "head",
        ],
    ),
}
HEADS = {
    "bert": ("dropout", "classifier"),
    "gpt2": ("score",),
    "llama": ("score",),
    "t5": ("classification_head",),
    "xlnet": ("sequence_summary", "logits_proj"),
    "distilbert": ("pre_classifier", "classifier"),
}


@pytest.mark.parametrize("kind", TEXT)
def test_text_networks(kind):
    from transformers import AutoConfig, AutoModelForSequenceClassification

    settings, names = TEXT[kind]
    network = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model(kind, num_labels=3, pad_token_id=0, **settings)
    )
    ids = torch.tensor([[5, 6, 7, 1], [8, 9, 10, 1]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    groups = layer_groups.find(network, HEADS.get(kind, ("classifier",)), inputs)
    assert [group.name for group in groups] == names
    check_covered_once(network, groups)
    assert network.training


class Tied(nn.Module):
    """Parts declared backwards, one used twice, one unused, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.unused = nn.Linear(4, 4)
        self.second = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.norm = nn.LayerNorm(4)
        self.first = nn.Linear(4, 4)
        self.second[0].weight = self.first.weight
        self.token = nn.Parameter(torch.zeros(4))
        self.register_buffer("scale", torch.ones(4))
        self.register_buffer("scratch", torch.ones(4), persistent=False)

    def forward(self, x):
        return self.head(self.second(self.norm(self.first(x * self.scale + self.token))))


def test_order_is_that_of_running_and_every_tensor_has_one_owner():
    network = Tied()
    groups = layer_groups.find(network, ("head",), {"x": torch.zeros(2, 4)})
    assert [group.modules for group in groups] == [("first", "norm"), ("second",), ("head",)]
    owner = {tensor: group.name for group in groups for tensor in group.tensors}
    assert (
        owner["second.0.weight"] == "stem"
    )  # the first name of the tied weight, in the group that runs first
    assert owner["second.0.bias"] == "second"
    assert owner["token"] == owner["scale"] == owner["unused.weight"] == "stem"
    assert "scratch" not in owner
    check_covered_once(network, groups)


def test_tensors_of_a_cut_container_go_before_it():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.positions = nn.Parameter(torch.zeros(4))
            self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(8))

        def forward(self, x):
            x = x + self.positions
            for layer in self.layers:
                x = layer(x)
            return x

    network = nn.Sequential()
    network.add_module("patches", nn.Linear(4, 4))
    network.add_module("encoder", Encoder())
    network.add_module("head", nn.Linear(4, 2))
    groups = layer_groups.find(network, ("head",), {"input": torch.zeros(1, 4)})
    assert [group.name for group in groups] == [
        "patches",
        *(f"encoder.layers.{i}" for i in range(8)),
        "head",
    ]
    assert (
        "encoder.positions" in groups[0].tensors
    )  # what enters the first layer holds them already


def test_the_modes_of_all_modules_stay():
    network = Tied()
    network.norm.eval()
    layer_groups.find(network, ("head",), {"x": torch.zeros(2, 4)})
    assert network.training
    assert network.second.training
    assert not network.norm.training
