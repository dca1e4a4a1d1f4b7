"""Learned keys and values: what attention makes of them, beside PEFT and beside a cache."""

from __future__ import annotations

import peft
import pytest
import torch
from torch import Tensor, nn

from graft.backbones.adapters import added
from graft.backbones.adapters.layer import MARK
from graft.backbones.adapters.prefix import attend_with_prefix
from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.base.errors import BadValue
from graft.studies.run import build_model
from graft.tasks.text.generation import Decoding, write_tokens
from graft.techniques.adapters.attention import find_attention
from graft.techniques.specs.combine import parse
from tests.contracts.tiny import task_of, trained

TEXT, WRITING = "text-classification", "text-generation"
SPEC = "prefix-tuning:tokens=3"
ASKS_DEPRECATED = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
"""What peft 0.21 asks of networks of transformers 5.23."""
TOKENS = torch.tensor([[7, 9, 30, 12, 8]])


def attend(query: Tensor, key: Tensor, value: Tensor, readable: Tensor) -> Tensor:
    """The formula of attention, where `readable` (T, S) says what a query may read."""
    scores = query @ key.mT / query.shape[-1] ** 0.5
    return scores.masked_fill(~readable, -torch.inf).softmax(-1) @ value


@pytest.mark.parametrize("mask", ["none", "bool", "float", "causal"])
def test_every_query_reads_the_prefix_whatever_the_mask(mask):
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 5, 8).double()
    keys, values = torch.randn(2, 4, 3, 8).double()
    readable = torch.ones(5, 5, dtype=torch.bool)
    asked = {}
    if mask in ("bool", "float"):
        readable[:, 3:] = False
        asked["attn_mask"] = readable
    if mask == "float":
        asked["attn_mask"] = torch.zeros(5, 5).double().masked_fill(~readable, -torch.inf)
    if mask == "causal":
        readable, asked = readable.tril(), {"is_causal": True}
    both = [
        torch.cat([prefix.expand(2, -1, -1, -1), tensor], dim=2)
        for prefix, tensor in ((keys, key), (values, value))
    ]
    expected = attend(query, *both, nn.functional.pad(readable, (3, 0), value=True))
    torch.testing.assert_close(
        attend_with_prefix(keys, values, query, key, value, **asked), expected
    )


def test_heads_of_queries_that_share_keys_share_the_prefix():
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 4, 5, 8), torch.randn(2, 2, 5, 8), torch.randn(2, 2, 5, 8)
    keys, values = torch.randn(2, 2, 3, 8)
    shared = attend_with_prefix(keys, values, query, key, value, enable_gqa=True)
    repeated = (tensor.repeat_interleave(2, dim=1) for tensor in (key, value))
    torch.testing.assert_close(attend_with_prefix(keys, values, query, *repeated), shared)


def open_prefixed(task_name: str, network: str, spec: str = SPEC) -> Model:
    """A model in evaluation mode with a prefix of random numbers."""
    task, _ = task_of(task_name)
    model = build_model(network, task, pretrained=True, seed=0)
    parse(spec).objective(model, task)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if MARK in name:
                parameter.normal_()
    return model.eval()


def prefixes(model: Model) -> list[tuple[Tensor, Tensor]]:
    """The keys and values (1, G, P, D) of each layer."""
    layers = [layer for _, layer in added.added_layers(model.network)]
    return [
        (layer.added_keys[None].detach(), layer.added_values[None].detach()) for layer in layers
    ]


@torch.no_grad()
def test_a_prefix_is_a_cache_of_keys_and_values_that_counts_no_position():
    from transformers import DynamicCache

    model = open_prefixed(WRITING, "tiny:gpt2")
    found = model.network(input_ids=TOKENS).logits
    plain = load_backbone("tiny:gpt2", task_of(WRITING)[0].job()).network
    cache = DynamicCache()
    for number, (keys, values) in enumerate(prefixes(model)):
        cache.update(keys, values, number)
    positions = torch.arange(TOKENS.shape[1])[None]
    expected = plain(input_ids=TOKENS, past_key_values=cache, position_ids=positions).logits
    assert not torch.allclose(plain(input_ids=TOKENS).logits, expected, atol=1e-3)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@ASKS_DEPRECATED
def test_a_prefix_computes_what_that_of_peft_does():
    model = open_prefixed(WRITING, "tiny:gpt2")
    plain = load_backbone("tiny:gpt2", task_of(WRITING)[0].job()).network
    for network in (model.network, plain):  # PEFT counts the prefix among the positions
        network.transformer.wpe.weight.zero_()
    config = peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    theirs = peft.get_peft_model(plain, config).eval()
    rows = [tensor[0].transpose(0, 1).flatten(1) for pair in prefixes(model) for tensor in pair]
    theirs.prompt_encoder["default"].embedding.weight.copy_(torch.cat(rows, dim=1))
    expected = theirs(input_ids=TOKENS).logits
    torch.testing.assert_close(
        model.network(input_ids=TOKENS).logits, expected, rtol=1e-4, atol=1e-5
    )


@torch.no_grad()
@pytest.mark.parametrize("on_left", [False, True])
@pytest.mark.parametrize("network", ["tiny:gpt2", "tiny:llama"])
def test_padding_on_either_side_changes_no_token(network, on_left):
    model = open_prefixed(WRITING, network).network
    count, sides = TOKENS.shape[1], (4, 0) if on_left else (0, 4)
    ids, mask = (nn.functional.pad(each, sides) for each in (TOKENS, torch.ones_like(TOKENS)))
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    found = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
    kept = found[:, -count:] if on_left else found[:, :count]
    torch.testing.assert_close(kept, model(input_ids=TOKENS).logits, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("network", ["tiny:gpt2", "tiny:llama", "tiny:t5", "tiny:bart"])
def test_texts_are_generated_with_a_cache_as_without(network, beams):
    task_name = WRITING if network in ("tiny:gpt2", "tiny:llama") else "translation"
    model = open_prefixed(task_name, network)
    ids = torch.tensor([[7, 9, 30, 12, 8], [0, 0, 0, 20, 21]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 0, 1, 1]])
    inputs = {"input_ids": ids, "attention_mask": mask}
    decoding = Decoding(max_new_tokens=8, num_beams=beams)
    cached, whole = (
        write_tokens(model, inputs, decoding, use_cache=use_cache) for use_cache in (True, False)
    )
    assert torch.equal(cached, whole)


def test_decoders_have_a_prefix_in_the_attention_to_their_encoder_too():
    model = build_model("tiny:bart", task_of("translation")[0], pretrained=True, seed=0)
    kinds = {path.rpartition(".")[2] for path in find_attention(model.backbone)}
    assert kinds == {"self_attn", "encoder_attn"}


def test_only_the_attention_from_a_layer_group_on_has_a_prefix():
    model = build_model("tiny:bert", task_of(TEXT)[0], pretrained=True, seed=0)
    paths = [f"bert.encoder.layer.{number}.attention.self" for number in range(3)]
    assert list(parse(SPEC).layers(model)) == paths
    assert list(parse(f"{SPEC},from_group=-2").layers(model)) == paths[-1:]


@pytest.mark.parametrize(
    ("task_name", "network"), [(TEXT, "tiny:xlnet"), ("image-classification", "tiny:cnn")]
)
def test_a_network_without_such_attention_is_refused(task_name, network):
    task, _ = task_of(task_name)
    backbone = load_backbone(network, task.job())
    with pytest.raises(BadValue, match=r"'prefix-tuning' found no attention in tiny:.*Use 'lora'"):
        parse(SPEC).check(backbone, task)
    assert not backbone.added


def test_a_prefix_behind_a_recording_ends_at_the_same_weights(tmp_path, monkeypatch):
    # SGD, since Adam turns the rounding of a small gradient into a whole step.
    spec = f"{SPEC},from_group=-2,views=1,optimizer=sgd,lr=0.01"
    behind, position = trained(spec, TEXT, tmp_path / "behind", epochs=6, backbone="tiny:bert")
    assert position.cache["used"]
    monkeypatch.setenv("GRAFT_CACHE_GB", "0")
    whole, position = trained(spec, TEXT, tmp_path / "whole", epochs=6, backbone="tiny:bert")
    assert not position.cache["used"]
    for name, tensor in added.tensors_of(whole.network).items():
        torch.testing.assert_close(
            added.tensors_of(behind.network)[name], tensor, rtol=1e-3, atol=1e-5
        )
