"""Techniques that learn from pictures without labels: what they change, and an exact resume."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from graft.backbones.load import load_backbone
from graft.base.errors import BadValue
from graft.base.passes import join_by_row
from graft.base.records import Batch
from graft.studies.arguments import check_techniques
from graft.studies.run import build_model
from graft.techniques.diet import standardize
from graft.techniques.specs.combine import canonical, controls_of, is_held_against, parse
from graft.techniques.technique import Objective
from graft.techniques.unlabeled.patches import encode_visible, find_patches
from graft.training import checkpoint, optim
from graft.training.engine import Engine
from graft.training.feeds.feeds import Feeds
from graft.training.feeds.streams import Streams
from tests.contracts.tiny import NEVER, network_of, task_of, trained, with_unlabeled
from tests.jobs import job

TASK = "image-classification"
NAMES = ["diet", "simclr", "byol", "deep-clustering:clusters=4", "mae"]
ON_FEATURES = NAMES[:4]
TWO_VIEWS = ["simclr", "byol"]


def made(spec: str) -> tuple[Objective, Feeds]:
    """The objective of a technique, ready for its first step, and its feeds."""
    task, data = task_of(TASK)
    technique = parse(spec)
    data = with_unlabeled(data, parse("fixmatch"), task)
    model = build_model(network_of(spec, TASK), task, pretrained=True, seed=0)
    objective = technique.objective(model, task)
    preprocess = model.backbone.preprocess
    streams = Streams(data, task, technique, preprocess, Engine("fp32").device, 0, 8, 1.0)
    feeds, _ = streams.make_feeds(technique, objective)
    (phase,) = technique.phases(model, 1.0)
    objective.begin(phase)
    optim.freeze(model, optim.trainable(model, phase), technique.batch_norm)
    return objective, feeds.map(lambda feed: replace(feed, views=technique.views))


def look(objective: Objective, feeds: Feeds):
    """The outputs of a stream, as the trainer gives them."""

    def run(name: str):
        feed = feeds.by_stream[name]
        for batch in feed.stream(feed.plan(None)):
            with torch.no_grad():
                yield batch, objective.model(batch)

    return run


def kill_after(saves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the training right after so many checkpoints."""
    save, left = checkpoint.save, [saves]

    def save_and_stop(*args: object) -> None:
        save(*args)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", save_and_stop)


@pytest.mark.parametrize("spec", NAMES)
def test_all_but_the_head_learns(spec, tmp_path):
    model, position = trained(spec, TASK, tmp_path, checkpoint_seconds=NEVER)
    assert position.trainable < sum(parameter.numel() for parameter in model.parameters())
    fresh = build_model(network_of(spec, TASK), task_of(TASK)[0], pretrained=True, seed=0)
    groups, now = fresh.group_indices(), model.network.state_dict()
    before = fresh.network.state_dict()
    assert before.keys() == now.keys()
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, now[name])}
    assert moved
    assert all(groups[name] != -1 for name in moved)


@pytest.mark.parametrize("spec", [*NAMES, "full-fine-tuning:epochs=1 then byol"])
def test_a_kill_inside_an_epoch_goes_on_to_the_same_weights(spec, tmp_path, monkeypatch):
    whole, _ = trained(spec, TASK, tmp_path / "whole", epochs=4, checkpoint_seconds=NEVER)
    with monkeypatch.context() as patched:
        # An epoch has three steps and as many checkpoints: the eighth is inside the third epoch,
        # also after one checkpoint of a part before it.
        kill_after(8, patched)
        with pytest.raises(KeyboardInterrupt):
            trained(spec, TASK, tmp_path / "killed", epochs=4)
    killed = checkpoint.read_position(checkpoint.checkpoint_path(tmp_path / "killed"))
    assert killed.step % 3, "the run was killed inside an epoch"
    again, _ = trained(spec, TASK, tmp_path / "killed", epochs=4, checkpoint_seconds=NEVER)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


@pytest.mark.parametrize("spec", [*TWO_VIEWS, "simclr:views=2"])
def test_both_views_are_of_the_same_samples_and_differ(spec):
    _, feeds = made(spec)
    for epoch in range(2):
        for batches in feeds.stream((5, epoch), range(3)):
            one, other = batches.values()
            assert one.rows == other.rows
            for name, pixels in one.inputs.items():
                assert (pixels != other.inputs[name]).flatten(1).any(1).all()


def test_fewer_samples_than_a_batch_are_one_batch(tmp_path):
    trained("simclr:batch_size=500", TASK, tmp_path, checkpoint_seconds=NEVER)
    assert (tmp_path / "history.jsonl").read_text().count("views") == 2


def test_the_samples_are_those_of_training_and_the_unlabeled_ones_without_labels():
    _, feeds = made("diet")
    splits = with_unlabeled(task_of(TASK)[1], parse("fixmatch"), task_of(TASK)[0]).splits
    assert len(feeds.main.pieces) == len(splits["train"]) + len(splits["unlabeled"])
    assert next(feeds.stream((0, 0), range(1)))["samples"].target is None


def test_diet_has_a_row_for_each_sample():
    objective, feeds = made("diet")
    assert objective.rows.weight.shape == (len(feeds.main.pieces), objective.width)


def test_the_rows_of_diet_begin_as_the_samples_and_are_then_learned():
    objective, feeds = made("diet")
    objective.before_epoch(look(objective, feeds))
    features = join_by_row(look(objective, feeds)("samples"), lambda _, o: o.features)[0]
    rows = objective.rows.weight.detach().clone()
    cosines = torch.nn.functional.cosine_similarity(rows, standardize(features))
    torch.testing.assert_close(cosines, torch.ones(len(rows)))
    torch.nn.init.zeros_(objective.rows.weight)
    objective.before_epoch(look(objective, feeds))
    assert not objective.rows.weight.any(), "later epochs go on with what was learned"


def test_diet_knows_samples_by_whole_numbers_in_half_precision():
    objective, feeds = made("diet")
    batch = next(feeds.stream((0, 0), range(1)))["samples"]
    batch.rows[0] = 299  # which bfloat16 rounds to 300
    objective.rows = torch.nn.Linear(objective.width, 300, bias=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective({"samples": batch}, 0.0)["picture"]
    assert loss.isfinite()


def test_clusters_are_labels_of_all_samples_and_are_found_again():
    objective, feeds = made("deep-clustering:clusters=3")
    assert objective.labels.tolist() == [0] * len(feeds.main.pieces)
    objective.before_epoch(look(objective, feeds))
    assert set(objective.labels.tolist()) == {0, 1, 2}
    first = objective.labels.clone()
    objective.before_epoch(look(objective, feeds))
    assert torch.equal(objective.labels, first), "nothing was trained in between"


def test_the_classifier_begins_at_the_centroids_of_the_clusters():
    objective, feeds = made("deep-clustering:clusters=3")
    objective.before_epoch(look(objective, feeds))
    (features,) = join_by_row(look(objective, feeds)("samples"), lambda _, o: o.features)
    centroids = torch.stack([features[objective.labels == k].mean(0) for k in range(3)])
    nearest = torch.cdist(features, centroids).argmin(1)
    assert (objective.classifier(features).argmax(1) == nearest).float().mean() > 0.9


def steps_of_byol(objective: Objective, feeds: Feeds, count: int) -> list[Tensor]:
    """The weights that have averages, after so many steps."""
    parameters = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for batches in feeds.stream((0, 0), range(count)):
        optimizer.zero_grad()
        sum(objective(batches, 0.0).values()).backward()
        optimizer.step()
        objective.after_step(0.0)
    return [weight.detach().clone() for weight in objective._weights()]


def test_the_teacher_of_byol_is_the_average_of_the_student():
    objective, feeds = made("byol:momentum=0.75")
    start = steps_of_byol(objective, feeds, 0)
    end = steps_of_byol(objective, feeds, 1)
    assert any((a != b).any() for a, b in zip(start, end, strict=True))
    for before, after, average in zip(start, end, objective.averages, strict=True):
        torch.testing.assert_close(average, 0.75 * before + 0.25 * after)


def test_a_forward_of_byol_leaves_the_weights_of_the_student():
    objective, feeds = made("byol")
    before = {name: tensor.clone() for name, tensor in objective.model.state_dict().items()}
    objective(next(feeds.stream((0, 0), range(1))), 0.0)
    assert all(torch.equal(t, before[name]) for name, t in objective.model.state_dict().items())


def test_a_checkpoint_of_byol_has_averages_of_what_trains_and_no_other_copy(tmp_path, monkeypatch):
    kill_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        trained("byol:from_group=-1", TASK, tmp_path, epochs=4)
    saved = load_file(checkpoint.checkpoint_path(tmp_path))
    objective, _ = made("byol:from_group=-1")
    averages = [name for name in saved if name.startswith("model/averages.")]
    assert len(averages) == len(objective.names) + len(list(objective.projector.parameters()))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.safetensors"]


def test_a_vision_transformer_that_sees_every_patch_gives_its_own_tokens():
    backbone = load_backbone("tiny:vit", job(TASK, 2))
    patches = find_patches(backbone)
    batch = Batch({"x": torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))})
    seen = []
    last = backbone.network.get_submodule(patches.last)
    hook = last.register_forward_hook(lambda module, args, output: seen.append(output))
    backbone.network.eval()
    backbone.call(backbone.network, batch)
    hook.remove()
    every = torch.arange(patches.count).expand(2, -1)
    tokens = encode_visible(
        backbone.network, patches, every, lambda: backbone.call(backbone.network, batch)
    )
    assert torch.equal(tokens, seen[0])


def test_mae_draws_hidden_patches_without_seeing_them():
    objective, feeds = made("mae:hidden=0.5")
    batch = next(feeds.stream((0, 0), range(1)))["samples"]
    patches = objective.patches
    visible = torch.tensor([[0, 3]]).expand(len(batch), -1)

    def draw() -> Tensor:
        tokens = encode_visible(
            objective.model.network, patches, visible, lambda: objective.model(batch)
        )
        return objective.decoder(tokens, visible)

    drawn = draw()
    assert drawn.shape == (len(batch), patches.count, 3 * patches.size**2)
    batch.inputs["x"][:, :, :16, 16:] += 9  # the second patch, in the upper right corner
    assert torch.equal(draw(), drawn)
    batch.inputs["x"][:, :, :16, :16] += 9
    assert not torch.equal(draw(), drawn)


@pytest.mark.parametrize("name", ["cnn", "convnext", "swin", "efficientnet"])
def test_mae_is_refused_for_other_networks(name):
    task = task_of(TASK)[0]
    with pytest.raises(BadValue, match=f"tiny:{name} is none that runs on some patches"):
        parse("mae then lp-ft").check(load_backbone(f"tiny:{name}", task.job()), task)


@pytest.mark.parametrize("spec", NAMES)
@pytest.mark.parametrize(
    ("name", "backbone"),
    [("text-classification", "tiny:bert"), ("audio-classification", "tiny:whisper")],
)
def test_texts_and_sounds_are_refused(name, backbone, spec):
    task = task_of(name)[0]
    with pytest.raises(BadValue, match=f"learns from pictures, which {name} does not read"):
        parse(spec).check(build_model(backbone, task, pretrained=True, seed=0).backbone, task)


def test_early_stopping_is_refused_where_no_head_trains():
    task = task_of(TASK)[0]
    with pytest.raises(BadValue, match=r"Leave out patience=2"):
        parse("diet:patience=2").check(load_backbone("tiny:cnn", task.job()), task)


@pytest.mark.parametrize("spec", ON_FEATURES)
def test_networks_without_one_vector_of_features_are_refused(spec):
    task = task_of("semantic-segmentation")[0]
    backbone = build_model("tiny:efficientnet", task, pretrained=True, seed=0).backbone
    with pytest.raises(BadValue, match="vectors that enter a linear head"):
        parse(spec).check(backbone, task)


@pytest.mark.parametrize("setting", ["views=1", "augment=none"])
@pytest.mark.parametrize("name", TWO_VIEWS)
def test_two_equal_views_are_refused(name, setting):
    task = task_of(TASK)[0]
    with pytest.raises(BadValue, match=r"views=1"):
        parse(f"{name}:{setting}").check(load_backbone("tiny:cnn", task.job()), task)


@pytest.mark.parametrize("name", TWO_VIEWS)
def test_a_batch_of_one_is_refused(name):
    objective, feeds = made(name)
    drawn = next(feeds.stream((0, 0), range(1)))
    batches = {stream: batch.take(slice(1)) for stream, batch in drawn.items()}
    with pytest.raises(BadValue, match="batch_size of at least 2"):
        objective(batches, 0.0)


def test_nothing_can_be_added_to_what_learns_without_labels():
    with pytest.raises(BadValue, match=r"Write: 'lora then diet'"):
        parse("lora + diet")


@pytest.mark.parametrize(
    ("spec", "control"),
    [
        ("diet then lp-ft", "longer-fine-tuning:times=1.0"),
        ("simclr:epochs=3 then lp-ft", "longer-fine-tuning:passes=3.0,times=2.0"),
    ],
)
def test_the_control_is_plain_fine_tuning_for_as_long(spec, control):
    (found,) = controls_of(spec)
    assert found.technique == control
    assert found.words == "as many steps of plain fine-tuning"
    assert is_held_against(spec, canonical(control))
    assert not is_held_against(spec, "longer-fine-tuning:times=7.0")


@pytest.mark.parametrize(("name", "times"), [("diet", 1), ("simclr", 2)])
def test_the_control_adds_the_passes_of_self_supervision(name, times):
    task, data = task_of(TASK)
    data = with_unlabeled(data, parse("fixmatch"), task)
    (control,) = controls_of(f"{name} then lp-ft")
    technique = parse(control.technique)
    model = build_model("tiny:efficientnet", task, pretrained=True, seed=0)
    objective = technique.objective(model, task)
    preprocess = model.backbone.preprocess
    streams = Streams(data, task, technique, preprocess, Engine("fp32").device, 0, 8, 5.0)
    feeds, _ = streams.make_feeds(technique, objective)
    labeled, unlabeled = len(data.splits["train"]), len(data.splits["unlabeled"])
    passed = streams.budget(technique, objective, feeds.main) * labeled
    assert passed == pytest.approx(5 * labeled + times * 5 * (labeled + unlabeled))


@pytest.mark.parametrize("spec", NAMES)
def test_a_technique_that_learns_the_task_is_asked_for_behind_it(spec):
    task, data = task_of(TASK)
    with pytest.raises(BadValue, match=f"Write: '{spec} then full-fine-tuning'"):
        check_techniques(network_of(spec, TASK), [spec], task, data)
