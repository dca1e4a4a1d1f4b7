"""Layers that stay in a network: what they compute, and the folders in which they are saved."""

from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import load_file

import graft
from graft.backbones.adapters import added
from graft.backbones.adapters.layer import MARK
from graft.backbones.backbone import Model
from graft.backbones.folder import open_model
from graft.backbones.load import load_backbone
from graft.base import files
from graft.base.errors import BackboneError, BadValue
from graft.deploy.predictor import Predictor
from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import Stop, task_of, trained

TEXT, IMAGE = "text-classification", "image-classification"
BOTTLENECK, DEEP, SHALLOW = (
    "bottleneck-adapters:hidden=4",
    "vpt:tokens=3",
    "vpt:tokens=3,deep=false",
)


def open_tiny(task_name: str, network: str):
    """The model in evaluation mode, its task, and a batch of its tiny data."""
    task, data = task_of(task_name)
    model = build_model(network, task, pretrained=True, seed=0).eval()
    feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, torch.device("cpu"))
    return model, task, next(feed.stream([[0, 1, 2]]))


def logits(model: Model, batch) -> torch.Tensor:
    with torch.no_grad():
        return model(batch).raw


def adapt(task_name: str, network: str, spec: str):
    """A model to which a technique has added its layers, moved by random numbers, and a batch."""
    model, task, batch = open_tiny(task_name, network)
    parse(spec).objective(model, task)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if MARK in name:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model.eval(), batch


@pytest.mark.parametrize(
    ("task_name", "network"),
    [(TEXT, "tiny:bert"), (TEXT, "tiny:gpt2"), (TEXT, "tiny:t5"), (IMAGE, "tiny:vit")],
)
def test_a_bottleneck_changes_nothing_before_it_is_trained(task_name, network):
    model, task, batch = open_tiny(task_name, network)
    before = logits(model, batch)
    parse("bottleneck-adapters").objective(model, task)
    torch.testing.assert_close(logits(model.eval(), batch), before, rtol=1e-5, atol=1e-6)


def test_a_bottleneck_computes_its_formula():
    model, _ = adapt(TEXT, "tiny:bert", BOTTLENECK)
    layer = model.network.bert.encoder.layer[0].output.dense
    hidden = torch.randn(2, 5, layer.base.in_features)
    output = layer.base(hidden)
    down, up = layer.added_down, layer.added_up
    inner = torch.nn.functional.gelu(output @ down.weight.T + down.bias)
    torch.testing.assert_close(layer(hidden), output + inner @ up.weight.T + up.bias)


def test_bottlenecks_stand_after_attention_and_feed_forward_or_the_latter_alone():
    model, _, _ = open_tiny(TEXT, "tiny:bert")
    after = {
        place: {
            path.partition(".layer.0.")[2]
            for path in parse(f"bottleneck-adapters:place={place}").layers(model)
            if ".layer.0." in path
        }
        for place in ("both", "feed-forward")
    }
    assert after["both"] == {"attention.output.dense", "output.dense"}
    assert after["feed-forward"] == {"output.dense"}


@pytest.mark.parametrize("spec", [DEEP, SHALLOW])
def test_prompted_blocks_read_learned_tokens(spec):
    model, batch = adapt(IMAGE, "tiny:vit", spec)
    network, picture = model.network, next(iter(batch.inputs.values()))
    with torch.no_grad():
        hidden = network.norm_pre(network._pos_embed(network.patch_embed(picture)))
        count = hidden.shape[1]
        for number, block in enumerate(network.blocks):
            if spec == DEEP or number == 0:
                tokens = block.added_tokens.expand(len(picture), -1, -1)
                hidden = torch.cat([hidden[:, :count], tokens], dim=1)
            hidden = getattr(block, "base", block)(hidden)
        expected = network.forward_head(network.norm(hidden[:, :count]))
    torch.testing.assert_close(logits(model, batch), expected, rtol=1e-4, atol=1e-5)


def test_prompted_blocks_can_be_prompted_again():
    model, task, batch = open_tiny(IMAGE, "tiny:vit")
    parse(DEEP).objective(model, task)
    before = {name: tensor.clone() for name, tensor in added.tensors_of(model.network).items()}
    parse("vpt:tokens=2").objective(model, task)
    after = added.tensors_of(model.network)
    assert len(after) == 2 * len(before)
    for name, tensor in before.items():  # what was learned first stands inside of what comes later
        torch.testing.assert_close(after[name.replace(MARK, f".base{MARK}")], tensor)
    assert logits(model.eval(), batch).isfinite().all()


@pytest.mark.parametrize("first", ["vpt:deep=false", "vpt:deep=false + l2-sp"])
def test_prompts_that_go_through_all_blocks_leave_no_plain_stack_to_later_parts(first):
    task, _ = task_of(IMAGE)
    backbone = load_backbone("tiny:vit", task.job())
    state, draws = set(backbone.network.state_dict()), torch.random.get_rng_state()
    with pytest.raises(BadValue, match="'vpt' found no plain stack of blocks"):
        parse(f"{first} then vpt").check(backbone, task)
    parse(f"vpt then {first}").check(backbone, task)
    assert set(backbone.network.state_dict()) == state
    assert not backbone.added
    assert torch.equal(torch.random.get_rng_state(), draws)


def test_only_the_blocks_from_a_layer_group_on_are_prompted():
    model, _, _ = open_tiny(IMAGE, "tiny:vit")
    blocks = [f"blocks.{number}" for number in range(len(model.network.blocks))]
    assert list(parse(DEEP).layers(model)) == blocks
    last = parse(f"{DEEP},from_group=-1").layers(model)
    assert list(last) == blocks[-1:]
    one = parse(f"{SHALLOW},from_group=-1").layers(model)
    assert one == last, "in one block, deep and shallow are the same"


@pytest.mark.parametrize("network", ["tiny:swin", "tiny:cnn", "tiny:convnext"])
def test_prompts_need_a_plain_stack_of_blocks(network):
    task, _ = task_of(IMAGE)
    backbone = load_backbone(network, task.job())
    state = set(backbone.network.state_dict())
    with pytest.raises(BadValue, match=r"'vpt' found no plain stack of blocks.*Use 'lora'"):
        parse("vpt").check(backbone, task)
    assert set(backbone.network.state_dict()) == state
    assert not backbone.added


def test_prompts_are_refused_where_a_block_counts_its_tokens():
    task, _ = task_of(IMAGE)
    backbone = load_backbone("tiny:vit", task.job())
    block = type(backbone.network.blocks[0])

    class Counting(block):
        def forward(self, hidden):
            return super().forward(hidden.view(len(hidden), count, -1))

    count = backbone.network.pos_embed.shape[1]
    for each in backbone.network.blocks:
        each.__class__ = Counting
    with pytest.raises(BadValue, match="takes more of them"):
        parse("vpt").check(backbone, task)
    assert not added.added_layers(backbone.network)


def test_bottlenecks_need_a_transformer():
    task, _ = task_of(IMAGE)
    with pytest.raises(BadValue, match=r"found no block of a transformer in tiny:cnn.*Use 'lora'"):
        parse("bottleneck-adapters").check(load_backbone("tiny:cnn", task.job()), task)


CASES = [
    (TEXT, "tiny:bert", BOTTLENECK),
    (TEXT, "tiny:bert", "prefix-tuning:tokens=3"),
    (TEXT, "tiny:bert", "prompt-tuning:tokens=3"),
    (IMAGE, "tiny:vit", DEEP),
    (IMAGE, "tiny:vit", SHALLOW),
]


@pytest.mark.parametrize(("task_name", "network", "spec"), CASES)
def test_what_was_added_is_taken_out_and_put_back(task_name, network, spec):
    model, batch = adapt(task_name, network, spec)
    before, adapted = set(model.state_dict()), logits(model, batch)
    fresh, _, _ = open_tiny(task_name, network)
    with added.without_added(model.network):
        assert set(model.state_dict()) == set(fresh.state_dict())
        torch.testing.assert_close(logits(model, batch), logits(fresh, batch))
    assert set(model.state_dict()) == before
    assert torch.equal(logits(model, batch), adapted)
    assert torch.equal(logits(copy.deepcopy(model), batch), adapted)


@pytest.mark.parametrize(("task_name", "network", "spec"), CASES)
def test_a_run_is_saved_opened_and_started_from(task_name, network, spec, tmp_path):
    task, data = task_of(task_name)
    run = graft.fit(data, network, spec, epochs=2, precision="fp32", out=tmp_path / "run")
    names = {path.name for path in (run.folder / "model").iterdir()}
    assert names == {"base", "added.safetensors", "graft.json", "probe.safetensors"}
    opened, _ = open_model(run.folder / "model")
    assert set(load_file(run.folder / "model" / "added.safetensors")) == set(
        added.tensors_of(opened.network)
    )
    measured = Predictor(run.folder).evaluate(data)["accuracy"]["value"]
    assert measured == pytest.approx(run.result["metrics"]["test"]["accuracy"]["value"])
    again = build_model(str(run.folder / "model"), task, pretrained=True, seed=0)
    for name, tensor in added.tensors_of(opened.network).items():
        assert torch.equal(added.tensors_of(again.network)[name], tensor), name


def test_its_library_alone_opens_the_network_without_what_was_added(tmp_path):
    from transformers import AutoModelForSequenceClassification

    data = task_of(TEXT)[1]
    run = graft.fit(data, "tiny:bert", BOTTLENECK, epochs=2, precision="fp32", out=tmp_path / "run")
    with pytest.raises(ValueError, match="Unrecognized model"):
        AutoModelForSequenceClassification.from_pretrained(run.folder / "model")
    plain = AutoModelForSequenceClassification.from_pretrained(run.folder / "model" / "base")
    pretrained = load_backbone("tiny:bert", task_of(TEXT)[0].job()).network
    torch.testing.assert_close(
        plain.bert.encoder.layer[0].output.dense.weight,
        pretrained.bert.encoder.layer[0].output.dense.weight,
    )


def test_layers_may_be_added_to_added_ones(tmp_path):
    spec = f"{BOTTLENECK},epochs=1 then {BOTTLENECK},epochs=1 then lora:r=2,epochs=1"
    model, _ = trained(spec, TEXT, tmp_path, backbone="tiny:bert")
    fresh, _, _ = open_tiny(TEXT, "tiny:bert")
    assert len(model.backbone.added) == 2
    with added.without_added(model.network):
        assert set(model.state_dict()) == set(fresh.state_dict())


def test_a_stopped_training_between_two_parts_goes_on_to_the_same_weights(tmp_path):
    spec = f"{BOTTLENECK},epochs=2 then full-fine-tuning:epochs=2"
    whole, _ = trained(spec, TEXT, tmp_path / "whole", backbone="tiny:bert")
    with pytest.raises(KeyboardInterrupt):
        trained(spec, TEXT, tmp_path / "cut", Stop(4), backbone="tiny:bert")
    again, _ = trained(spec, TEXT, tmp_path / "cut", backbone="tiny:bert")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


@pytest.mark.parametrize("deep", ["true", "false"])
def test_prompts_behind_a_recording_end_at_the_same_weights(deep, tmp_path, monkeypatch):
    # SGD, since Adam turns the rounding of a small gradient into a whole step.
    spec = f"vpt:tokens=2,deep={deep},from_group=-1,views=1,optimizer=sgd,lr=0.01"
    behind, position = trained(spec, IMAGE, tmp_path / "behind", epochs=6, backbone="tiny:vit")
    assert position.cache["used"]
    monkeypatch.setenv("GRAFT_CACHE_GB", "0")
    whole, position = trained(spec, IMAGE, tmp_path / "whole", epochs=6, backbone="tiny:vit")
    assert not position.cache["used"]
    for name, tensor in added.tensors_of(whole.network).items():
        found = added.tensors_of(behind.network)[name]
        torch.testing.assert_close(found, tensor, rtol=1e-3, atol=1e-5)


def test_added_layers_of_another_network_are_refused():
    model, _ = adapt(TEXT, "tiny:bert", BOTTLENECK)
    tensors, record = added.tensors_of(model.network), model.backbone.added[0]
    other, _, _ = open_tiny(TEXT, "tiny:gpt2")
    with pytest.raises(BackboneError, match=r"not those of tiny:gpt2, which has no layer 'bert\."):
        added.add(other.backbone, record["kind"], record["layers"])
    wider, _ = adapt(TEXT, "tiny:bert", "bottleneck-adapters:hidden=8")
    with pytest.raises(BackboneError, match=r"is \(8,\) and not \(4,\).*Use the network"):
        added.load(wider.backbone, tensors)


def test_a_changed_file_of_added_layers_is_refused(tmp_path):
    data = task_of(TEXT)[1]
    run = graft.fit(data, "tiny:bert", BOTTLENECK, epochs=1, precision="fp32", out=tmp_path / "run")
    path = run.folder / "model" / "added.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\\0")
    with pytest.raises(graft.GraftError, match=r"added\.safetensors has changed"):
        open_model(run.folder / "model")
    assert files.read_json(run.folder / "model" / "graft.json", "a model")["added"]
