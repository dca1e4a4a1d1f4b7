"""Regularized fine-tuning: what it adds to the loss or the step, and where it is refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
import torch

from graft.backbones.backbone import Model, evaluating
from graft.backbones.beside import under_own_head
from graft.backbones.load import load_backbone
from graft.base import trees
from graft.base.errors import BadValue
from graft.studies.run import build_model
from graft.techniques.regularized.maps import record_maps
from graft.techniques.specs.combine import parse
from graft.training import optim
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import NEVER, task_of, trained

PICTURES, TEXTS = "image-classification", "text-classification"
NETWORKS = {PICTURES: "tiny:efficientnet", TEXTS: "tiny:bert"}


def prepare(spec, name=PICTURES, network=None):
    """The objective of a technique as its last phase begins, and a batch of training samples."""
    task, data = task_of(name)
    model = build_model(network or NETWORKS[name], task, pretrained=True, seed=0)
    technique = parse(spec)
    objective = technique.objective(model, task)
    phase = technique.phases(model, 1.0)[-1]
    objective.begin(phase)
    optim.freeze(model, optim.trainable(model, phase), technique.batch_norm)
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, torch.device("cpu"))
    (batch,) = feed.stream([list(range(12))])
    return objective, {"labeled": batch}


def shift(objective):
    """Move all weights of the model, each by another amount."""
    with torch.no_grad():
        for parameter in objective.model.parameters():
            steps = torch.arange(parameter.numel(), dtype=torch.float32)
            parameter.add_(0.1 * torch.sin(0.7 * steps).view_as(parameter))


@pytest.mark.parametrize("name", [PICTURES, TEXTS])
@pytest.mark.parametrize(
    ("spec", "plain"),
    [
        ("delta:weight=0", "full-fine-tuning:weight_decay=0"),
        ("bss:weight=0", "full-fine-tuning"),
        ("label-smoothing:smoothing=0", "full-fine-tuning"),
        ("mixout:probability=0", "full-fine-tuning"),
        ("stochnorm:probability=0", "full-fine-tuning:batch_norm=updated"),
        ("bi-tuning:weight=0", "full-fine-tuning"),
        ("co-tuning:weight=0", "full-fine-tuning"),
        ("cutmix:probability=0", "full-fine-tuning"),
    ],
)
def test_without_weight_it_is_plain_fine_tuning_to_the_last_bit(spec, plain, name, tmp_path):
    if name == TEXTS and spec.startswith(("bi-tuning", "cutmix")):
        pytest.skip("its batches are mixed whatever their lengths, or it reads no texts")
    how = {"backbone": NETWORKS[name], "checkpoint_seconds": NEVER}
    model, _ = trained(spec, name, tmp_path / "a", **how)
    other, _ = trained(plain, name, tmp_path / "b", **how)
    for tensor_name, tensor in other.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[tensor_name]), tensor_name


@pytest.mark.parametrize(
    ("spec", "losses"),
    [
        ("delta", {"task", "distance"}),
        ("l2-sp + delta + bss", {"task", "distance", "spectral"}),
        ("full-fine-tuning + bi-tuning", {"task", "classifier_contrast", "category_contrast"}),
        ("co-tuning", {"task", "relation"}),
        ("lora:r=2 + co-tuning", {"task", "relation"}),
        ("mixup", {"task"}),
        ("full-fine-tuning + mixup", {"task", "mixed"}),
        ("mixup + label-smoothing", {"task", "smoothing"}),
        ("lora:r=2 + r-drop", {"task", "second", "difference"}),
    ],
)
@pytest.mark.parametrize("name", [PICTURES, TEXTS])
def test_each_technique_names_its_losses_and_their_gradients_are_finite(name, spec, losses):
    objective, batches = prepare(spec, name)
    named = objective(batches, 0.5)
    assert set(named) == losses
    assert set(named) - {"spectral"} <= set(objective.loss_weights(batches))
    sum(named.values()).backward()
    trained_ones = [p for p in objective.parameters() if p.requires_grad]
    assert all(p.grad is None or p.grad.isfinite().all() for p in trained_ones)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("name", "network"), [(PICTURES, "tiny:cnn"), (TEXTS, "tiny:bert")])
def test_the_relation_is_what_the_pretrained_network_tells_of_each_class(name, network, precision):
    objective, batches = prepare("co-tuning:temperature=2", name, network)
    batch, task = batches["labeled"], objective.task
    batch.target = torch.arange(len(batch)) % len(task.classes)  # each class occurs
    fresh = build_model(network, task, pretrained=True, seed=0)
    whole = Model(under_own_head(fresh.backbone, replace(task.job(), outputs=None))).eval()

    def look(stream):
        output = objective.model.eval()(batch)
        yield batch, replace(output, features=output.features.to(precision))

    with torch.no_grad():
        objective.before_epoch(look)
        rounding = 1e-4 if precision == torch.float32 else 0.02  # that of features in bfloat16
        told = (whole(batch).logits / 2).softmax(1)
        expected = [told[batch.target == label].mean(0) for label in range(len(task.classes))]
        torch.testing.assert_close(
            objective.relation, torch.stack(expected), rtol=rounding, atol=1e-6
        )
        before = objective.relation.clone()
        shift(objective)
        objective.before_epoch(look)
    assert torch.equal(objective.relation, before), "it is that before the training"


def test_co_tuning_trains_the_trunk_under_the_pretrained_head_and_not_this_head():
    objective, batches = prepare("co-tuning", PICTURES, "tiny:cnn")
    objective.relation.fill_(1 / objective.relation.shape[1])
    objective(batches, 0.5)["relation"].backward()
    head = objective.model.backbone.head[0]
    moved = {
        name.startswith(f"{head}.")
        for name, parameter in objective.model.network.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    assert moved == {False}
    assert not any(parameter.requires_grad for parameter in objective.source_head.parameters())


@pytest.mark.parametrize("spec", ["delta:weight=2", "full-fine-tuning + delta:weight=2"])
def test_the_distance_of_delta_is_that_from_a_copy_made_at_the_start(spec):
    objective, batches = prepare(spec)
    start = copy.deepcopy(objective.model).eval()
    assert objective(batches, 0.0)["distance"].item() == pytest.approx(0.0, abs=1e-6)
    shift(objective)
    loss = objective(batches, 0.0)["distance"]
    maps = []
    for model in (objective.model, start):
        with record_maps(model) as read, torch.no_grad():
            model(batches["labeled"])
        maps.append(read)
    expected = [
        ((now - before).flatten(1).norm(dim=1) / before.flatten(1).norm(dim=1)).square().mean()
        for now, before in zip(maps[0].values(), maps[1].values(), strict=True)
    ]
    assert len(expected) == len(objective.model.backbone.groups) - 1
    torch.testing.assert_close(loss.detach(), torch.stack(expected).mean())


def test_no_gradient_flows_into_the_start_and_no_hook_is_left():
    objective, batches = prepare("delta", TEXTS)
    shift(objective)
    sum(objective(batches, 0.0).values()).backward()
    assert all(start.grad is None for start in objective.start)
    assert not any(module._forward_hooks for module in objective.model.network.modules())


def test_mixout_mixes_the_linear_layers_of_gpt2_which_have_a_class_of_their_own():
    objective, batches = prepare("mixout:probability=0.9", TEXTS, "tiny:gpt2")
    shift(objective)
    with torch.no_grad():
        objective.model.network.apply(_without_dropout)
        plain = objective.model(batches["labeled"]).logits
        assert not torch.equal(objective.outputs(batches)["labeled"].logits, plain)


def _without_dropout(layer):
    if isinstance(layer, torch.nn.Dropout):
        layer.p = 0.0


def test_mixout_lies_between_the_start_and_now_and_evaluation_sees_the_weights():
    objective, batches = prepare("mixout:probability=0.999999", TEXTS)
    start = copy.deepcopy(objective.model)
    shift(objective)
    with torch.no_grad():
        for name, _, before in objective.pairs():  # vectors are not mixed: they are as before
            if before.dim() == 1 or "embeddings" in name:
                objective.model.network.get_parameter(name).copy_(before)
        for module in (objective.model, start):
            module.apply(_without_dropout)
        objective.model.backbone.linear.load_state_dict(start.backbone.linear.state_dict())
        # Nearly all weights are those at the start.
        mixed = objective.outputs(batches)["labeled"].logits
        torch.testing.assert_close(mixed, start(batches["labeled"]).logits)
        with evaluating(objective.model):
            now = objective.outputs(batches)["labeled"].logits
            assert torch.equal(now, objective.model(batches["labeled"]).logits)
    assert not torch.allclose(now, mixed)


def test_all_channels_by_moving_statistics_are_what_evaluation_sees():
    objective, batches = prepare("stochnorm:probability=1")
    with torch.no_grad():
        trained_as = objective.outputs(batches)["labeled"].logits
        with evaluating(objective.model):
            evaluated = objective.model(batches["labeled"]).logits
    torch.testing.assert_close(trained_as, evaluated)
    assert not any(m._forward_hooks for m in objective.finish().network.modules())


def test_the_norms_of_stochnorm_take_up_the_statistics_of_batches(tmp_path):
    model, _ = trained("stochnorm", PICTURES, tmp_path, backbone=NETWORKS[PICTURES])
    fresh = load_backbone(NETWORKS[PICTURES], task_of(PICTURES)[0].job()).network.state_dict()
    moved = [
        name
        for name, tensor in model.network.state_dict().items()
        if name.endswith("running_mean") and not torch.equal(tensor, fresh[name])
    ]
    assert moved


def test_a_mixed_loss_is_that_of_both_labels():
    objective, batches = prepare("mixup:alpha=1")
    torch.manual_seed(3)
    loss = objective(batches, 0.0)["task"]
    pairs, batch = objective.pairs, batches["labeled"]
    inputs = trees.map_leaves(
        lambda x: pairs.share * x + (1 - pairs.share) * x[pairs.partners], batch.inputs
    )
    batch.inputs = inputs
    logits = objective.model(batch).logits
    labels = torch.nn.functional.one_hot(batch.target, logits.shape[1]).float()
    soft = pairs.share * labels + (1 - pairs.share) * labels[pairs.partners]
    expected = torch.nn.functional.cross_entropy(logits, soft)
    assert 0 < pairs.share < 1
    torch.testing.assert_close(loss, expected)


def test_a_solver_sees_the_plain_loss():
    objective, batches = prepare("feature-extraction + mixup", TEXTS)
    assert set(objective(batches, 0.0)) == {"task", "mixed"}
    assert set(objective.eval()(batches, 0.0)) == {"task"}


@pytest.mark.parametrize("name", ["mixup:alpha=9", "cutmix:probability=1"])
def test_pictures_that_are_mixed_are_not_recorded(name, tmp_path):
    spec = f"partial-fine-tuning:from_group=-1,views=1 + {name}"
    how = {"backbone": NETWORKS[PICTURES], "epochs": 4, "checkpoint_seconds": NEVER}
    _, position = trained(spec, PICTURES, tmp_path / "a", **how)
    _, plain = trained(spec.partition(" + ")[0], PICTURES, tmp_path / "b", **how)
    assert (position.recorded, plain.recorded) == (False, True)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("surgical-fine-tuning:groups=2", PICTURES),
        ("surgical-fine-tuning:groups=2,weight_decay=0.1", TEXTS),
        ("surgical-fine-tuning:groups=2 + l2-sp", TEXTS),
    ],
)
def test_surgery_changes_the_chosen_groups_alone_and_names_them(spec, name, tmp_path):
    model, position = trained(spec, name, tmp_path, backbone=NETWORKS[name])
    fresh = build_model(NETWORKS[name], task_of(name)[0], pretrained=True, seed=0).state_dict()
    indices = model.group_indices()
    moved = {
        indices[key.removeprefix("network.")]
        for key, tensor in model.state_dict().items()
        if not torch.equal(tensor, fresh[key])
    }
    names = [model.backbone.groups[group].name for group in sorted(moved - {-1})]
    assert len(names) == 2
    (warning,) = position.warnings
    assert all(name in warning for name in names)
    weights = model.network.named_parameters()
    assert position.trainable == sum(
        weight.numel() for key, weight in weights if indices[key] in moved
    )
    last = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[-1])
    assert last["phase"] == "surgery"


@pytest.mark.parametrize(
    ("spec", "name", "network", "words"),
    [
        ("cutmix", TEXTS, "tiny:bert", "reads text. Use 'mixup'"),
        ("label-smoothing", "text-regression", "tiny:bert", "each example has a class.*Use "),
        ("mixup", "token-classification", "tiny:bert", "each example has a class.*Use "),
        ("bss", "token-classification", "tiny:bert", "sequence features. Use 'l2-sp'"),
        ("co-tuning", "token-classification", "tiny:bert", "sequence features. Use 'l2-sp'"),
        ("co-tuning", "image-regression", "tiny:cnn", "each example has a class.*Use "),
        ("co-tuning", TEXTS, "wheel:minilm-l6", "the pretrained head.*comes without.*Use a net"),
        ("r-drop", PICTURES, "tiny:cnn", "has no dropout.* Use 'label-smoothing'"),
        ("stochnorm", TEXTS, "tiny:bert", "has none. Use 'mixout' or 'l2-sp'"),
        ("stochnorm:batch_norm=frozen", PICTURES, "tiny:cnn", "Leave out batch_norm"),
        ("surgical-fine-tuning:groups=99", TEXTS, "tiny:bert", "Use a number from 1 to 5"),
    ],
)
def test_a_task_or_network_without_meaning_is_refused(spec, name, network, words):
    task, _ = task_of(name)
    with pytest.raises(BadValue, match=words):
        parse(spec).check(load_backbone(network, task.job()), task)


@pytest.mark.parametrize("name", ["mixout", "stochnorm", "surgical-fine-tuning"])
def test_what_changes_the_step_itself_is_not_added(name):
    with pytest.raises(BadValue, match=rf"'{name}' needs phases of its own"):
        parse(f"full-fine-tuning + {name}")
