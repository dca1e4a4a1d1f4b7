"""Adapters of PEFT: their formulas, the merged network, and the adapter that is kept."""

from __future__ import annotations

from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import graft
from graft.backbones.adapters.peft_folder import write
from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.base import files
from graft.base.errors import BackboneError, BadValue
from graft.studies.run import build_model
from graft.techniques.adapters.peft_technique import find_adapted
from graft.techniques.specs.combine import parse
from graft.training import optim
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import task_of, trained

TEXT, IMAGE = "text-classification", "image-classification"
NETWORKS = [
    (TEXT, "tiny:bert"),
    (TEXT, "tiny:gpt2"),
    (TEXT, "tiny:t5"),
    (IMAGE, "tiny:efficientnet"),
    (IMAGE, "tiny:vit"),
    (IMAGE, "tiny:convnext"),
    ("text-generation", "tiny:llama"),
]
ASKS_DEPRECATED = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
"""What peft 0.21 asks of networks of transformers 5.23."""
SPECS = ["lora:r=2", "rslora:r=2", "dora:r=2", "pissa:r=2", "ia3"]


def open_tiny(task_name: str, network: str):
    """The model in evaluation mode, its task, and a batch of its tiny data."""
    task, data = task_of(task_name)
    model = build_model(network, task, pretrained=True, seed=0).eval()
    feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, torch.device("cpu"))
    return model, task, next(feed.stream([[0, 1, 2]]))


def logits(model: Model, batch) -> torch.Tensor:
    with torch.no_grad():
        return model(batch).raw


def move(model: Model, technique) -> list[str]:
    """Move what the technique has added by random numbers; return its names."""
    names = optim.trainable(model, technique.phases(model, 1)[0])
    added = [name for name in names if technique.added_names in name]
    torch.manual_seed(0)
    with torch.no_grad():
        for name in added:
            parameter = model.network.get_parameter(name)
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return added


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("task_name", "network"), NETWORKS)
def test_the_merged_network_gives_what_the_adapted_one_did(task_name, network, spec):
    model, task, batch = open_tiny(task_name, network)
    pretrained, technique = logits(model, batch), parse(spec)
    objective = technique.objective(model, task)
    model.eval()
    torch.testing.assert_close(logits(model, batch), pretrained, rtol=1e-4, atol=1e-5)
    assert move(model, technique)
    adapted = logits(model, batch)
    assert not torch.equal(adapted, pretrained)
    objective.finish()
    torch.testing.assert_close(logits(model, batch), adapted, rtol=1e-4, atol=1e-5)
    assert not find_adapted(model.network)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("task_name", "network"), [(TEXT, "tiny:bert"), (IMAGE, "tiny:cnn")])
def test_adapters_compute_as_the_engine_places_them(task_name, network, spec):
    model, task, batch = open_tiny(task_name, network)
    technique = parse(spec)
    objective = technique.objective(model, task)
    engine = Engine("bf16")
    engine.place(objective)  # convolutions channels-last
    (phase,) = technique.phases(model, 1)
    objective.begin(phase)
    optim.freeze(model, added := move(model, technique))
    with engine.autocast():
        objective({"labeled": batch}, 0.0)["task"].backward()
    gradients = [model.network.get_parameter(name).grad for name in added]
    assert all(gradient.dtype == torch.float32 for gradient in gradients)
    assert all(gradient.isfinite().all() for gradient in gradients)


VALUE = "bert.encoder.layer.0.attention.self.value"
SECOND = "bert.encoder.layer.0.output.dense"


def weight_and_bias(path: str = VALUE) -> tuple[torch.Tensor, torch.Tensor]:
    """The pretrained weight and bias of a linear layer of the tiny network."""
    layer = open_tiny(TEXT, "tiny:bert")[0].network.get_submodule(path)
    return layer.weight.detach(), layer.bias.detach()


def merge(spec: str, path: str = VALUE) -> tuple[dict[str, torch.Tensor], nn.Module]:
    """What was added to the layer and moved, by its last names, and the merged layer."""
    model, task, _ = open_tiny(TEXT, "tiny:bert")
    technique = parse(spec)
    objective = technique.objective(model, task)
    move(model, technique)
    added = {
        name.replace(".default", "").removesuffix(".weight"): tensor.detach().clone()
        for name, tensor in model.network.get_submodule(path).named_parameters()
        if name.startswith(("lora_", "ia3_"))
    }
    objective.finish()
    return added, model.network.get_submodule(path)


@pytest.mark.parametrize(
    ("spec", "scale"), [("lora:r=4,alpha=8", 2.0), ("rslora:r=4,alpha=8", 4.0)]
)
def test_the_update_has_the_scale_of_the_formula(spec, scale):
    added, layer = merge(spec)
    expected = weight_and_bias()[0] + scale * added["lora_B"] @ added["lora_A"]
    torch.testing.assert_close(layer.weight, expected)


def test_dora_separates_length_and_direction():
    added, layer = merge("dora:r=4,alpha=8")
    direction = weight_and_bias()[0] + 2.0 * added["lora_B"] @ added["lora_A"]
    lengths = added["lora_magnitude_vector"][:, None]
    expected = lengths * direction / direction.norm(dim=1, keepdim=True)
    torch.testing.assert_close(layer.weight, expected)


def test_pissa_begins_with_the_largest_singular_values():
    model, task, _ = open_tiny(TEXT, "tiny:bert")
    weight, _ = weight_and_bias()
    parse("pissa:r=4,alpha=8").objective(model, task)
    layer = model.network.get_submodule(VALUE)
    principal = 2.0 * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    left, values, right = torch.linalg.svd(weight)
    expected = left[:, :4] @ torch.diag(values[:4]) @ right[:4]
    torch.testing.assert_close(principal, expected, rtol=1e-4, atol=1e-6)
    residual = layer.get_base_layer().weight
    torch.testing.assert_close(residual, weight - expected, rtol=1e-4, atol=1e-6)


def test_pissa_equals_the_initialization_of_peft():
    weight, _ = weight_and_bias()
    theirs = nn.ModuleDict({"layer": nn.Linear(*reversed(weight.shape))})
    with torch.no_grad():
        theirs["layer"].weight.copy_(weight)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["layer"], init_lora_weights="pissa")
    peft.inject_adapter_in_model(config, theirs)
    model, task, _ = open_tiny(TEXT, "tiny:bert")
    parse("pissa:r=4,alpha=8").objective(model, task)
    ours = model.network.get_submodule(VALUE).get_base_layer().weight
    expected = theirs["layer"].get_base_layer().weight
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "multiple"), [("lora", 10), ("pissa", 3), ("ia3", 100)])
def test_the_rate_is_a_multiple_of_that_of_the_network_and_that_of_the_head_is_not(name, multiple):
    model, _, _ = open_tiny(IMAGE, "tiny:cnn")
    (phase,) = parse(name).phases(model, 1)
    assert phase.lr == pytest.approx(multiple * model.backbone.lr)
    assert phase.head_lr == pytest.approx(10 * model.backbone.lr)


def test_ia3_scales_what_keys_and_values_give():
    added, layer = merge("ia3")
    weight, bias = weight_and_bias()
    torch.testing.assert_close(layer.weight, added["ia3_l"] * weight)
    torch.testing.assert_close(layer.bias, added["ia3_l"][:, 0] * bias)


def test_ia3_scales_what_enters_the_second_layer():
    added, layer = merge("ia3", SECOND)
    weight, bias = weight_and_bias(SECOND)
    torch.testing.assert_close(layer.weight, weight * added["ia3_l"])
    torch.testing.assert_close(layer.bias, bias)


@pytest.mark.parametrize(
    ("task_name", "network", "names"),
    [
        (TEXT, "tiny:bert", {"key", "value", "output.dense"}),
        (TEXT, "tiny:distilbert", {"k_lin", "v_lin", "lin2"}),
        (TEXT, "tiny:gpt2", {"c_attn", "mlp.c_proj"}),
        (TEXT, "tiny:llama", {"k_proj", "v_proj", "down_proj"}),
        (TEXT, "tiny:t5", {"k", "v", "wo"}),
        (IMAGE, "tiny:vit", {"qkv", "fc2"}),
        (IMAGE, "tiny:swin", {"qkv", "fc2"}),
    ],
)
def test_ia3_knows_the_names_of_layers(task_name, network, names):
    model, _, _ = open_tiny(task_name, network)
    targets = parse("ia3").targets(model)
    assert targets
    assert {n for n in names if any(t.endswith(f".{n}") for t in targets)} == names
    assert all(target.endswith(tuple(f".{name}" for name in names)) for target in targets)
    assert not any("attention.output" in target for target in targets)


def test_ia3_scales_the_ungrouped_convolutions_of_other_networks():
    model, _, _ = open_tiny(IMAGE, "tiny:efficientnet")
    layers = [model.network.get_submodule(path) for path in parse("ia3").targets(model)]
    assert layers
    assert all(isinstance(layer, nn.Conv2d) and layer.groups == 1 for layer in layers)


@pytest.mark.parametrize("name", ["lora", "rslora", "dora", "pissa"])
def test_a_rank_beyond_the_layers_is_refused(name):
    task, _ = task_of(TEXT)
    with pytest.raises(BadValue, match=f"r=999 of '{name}' is a rank that no layer"):
        parse(f"{name}:r=999").check(load_backbone("tiny:bert", task.job()), task)


def fit(technique: str, backbone: str, folder: Path):
    data = task_of(TEXT)[1]
    return graft.fit(data, backbone, technique, epochs=2, precision="fp32", out=folder)


def check_opens(run: Path, base: nn.Module) -> None:
    """Assert that `base` gives what the run did, once PEFT has put its adapter into it."""
    probe = load_file(run / "model" / "probe.safetensors")
    inputs = {
        name.removeprefix("inputs."): tensor
        for name, tensor in probe.items()
        if name.startswith("inputs.")
    }
    opened = peft.PeftModel.from_pretrained(base, run / "adapter").eval()
    with torch.no_grad():
        found = opened(**inputs).logits
    assert not torch.equal(found, torch.zeros_like(found))
    torch.testing.assert_close(found, probe["logits"], rtol=1e-4, atol=1e-5)


@ASKS_DEPRECATED
@pytest.mark.parametrize("spec", ["lora:r=2,lr=0.01", "dora:r=2", "rslora:r=2", "pissa:r=2", "ia3"])
def test_a_kept_adapter_opens_in_peft(spec, tmp_path):
    from transformers import AutoModelForSequenceClassification

    settings = "keep=adapter" if ":" not in spec else f"{spec.partition(':')[2]},keep=adapter"
    run = fit(f"{spec.partition(':')[0]}:{settings}", "tiny:bert", tmp_path / "run")
    load_backbone("tiny:bert", task_of(TEXT)[0].job()).network.save_pretrained(tmp_path / "base")
    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base", num_labels=3)
    check_opens(run.folder, base)
    config = files.read_json(run.folder / "adapter" / "adapter_config.json", "an adapter")
    assert config["base_model_name_or_path"] == "tiny:bert"
    assert config["modules_to_save"] == ["classifier"]


@ASKS_DEPRECATED
def test_a_kept_adapter_of_the_built_in_encoder_opens_in_peft(tmp_path):
    if not any(Path(files.cache_folder(), "backbones").glob("minilm-l6-*")):
        pytest.skip("minilm-l6 is not in the cache")
    run = fit("lora:r=2,keep=adapter", "minilm-l6", tmp_path / "run")
    task, _ = task_of(TEXT)
    check_opens(run.folder, load_backbone("minilm-l6", task.job()).network)


def test_an_adapter_of_a_network_of_timm_opens_in_peft(tmp_path):
    technique = "feature-extraction then lora:r=2,lr=0.01,keep=adapter"
    model, _ = trained(technique, IMAGE, tmp_path / "run", backbone="tiny:vit")
    write(model.kept, model.backbone, tmp_path / "adapter")
    other, _, batch = open_tiny(IMAGE, "tiny:vit")
    opened = peft.PeftModel.from_pretrained(other.network, tmp_path / "adapter").eval()
    with torch.no_grad():
        found = opened(*batch.inputs.values())
    torch.testing.assert_close(found, logits(model.eval(), batch), rtol=1e-4, atol=1e-5)


def test_the_folder_of_an_adapter_is_no_backbone(tmp_path):
    run = fit("lora:r=2,keep=adapter", "tiny:bert", tmp_path / "run")
    task, _ = task_of(TEXT)
    with pytest.raises(BackboneError, match=r"an adapter for tiny:bert and no network.*model/"):
        load_backbone(str(run.folder / "adapter"), task.job())


def test_no_adapter_is_kept_unless_asked(tmp_path):
    run = fit("lora:r=2", "tiny:bert", tmp_path / "run")
    assert not (run.folder / "adapter").exists()


@pytest.mark.parametrize(
    "spec",
    [
        "lora:keep=adapter then full-fine-tuning",
        "full-fine-tuning then lora:keep=adapter",
        "from-scratch then ia3:keep=adapter",
        "full-fine-tuning + lora:keep=adapter",
    ],
)
def test_no_adapter_is_kept_of_a_network_that_changes(spec):
    with pytest.raises(BadValue, match=r"keep=adapter of '(lora|ia3)' keeps all that changes"):
        parse(spec)


@pytest.mark.parametrize(
    "spec", ["feature-extraction then lora:keep=adapter", "lora:keep=adapter + l2-sp"]
)
def test_an_adapter_may_be_kept_after_the_head_or_with_further_losses(spec):
    assert parse(spec).parts[-1].keeps_adapter


@pytest.mark.parametrize(
    ("task_name", "network"),
    [("object-detection", "tiny:cnn"), ("audio-classification", "tiny:whisper")],
)
def test_an_adapter_of_a_network_of_graft_is_not_kept(task_name, network):
    task, _ = task_of(task_name)
    backbone = task.with_head(load_backbone(network, task.job()))
    with pytest.raises(BadValue, match="needs a network that transformers, timm or torchvision"):
        parse("lora:keep=adapter").check(backbone, task)


def test_statistics_of_batch_norm_are_not_kept_in_an_adapter():
    task, _ = task_of(IMAGE)
    backbone = load_backbone("tiny:cnn", task.job())
    with pytest.raises(BadValue, match="batch_norm=updated"):
        parse("lora:keep=adapter,batch_norm=updated").check(backbone, task)
