"""The techniques that keep what a network was pretrained on."""

from __future__ import annotations

import copy
import json

import pytest
import torch

from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.errors import BadValue
from graft.base.job import Job
from graft.base.records import Sample
from graft.studies.run import build_model
from graft.tasks.pretexts.source_task import unique_names
from graft.techniques.formulas.distillation import distillation
from graft.techniques.source.old_head import OldHead
from graft.techniques.specs.combine import parse
from graft.techniques.specs.stream import REHEARSED
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import NEVER, task_of, trained
from tests.unit.techniques.test_regularization import prepare, shift

PICTURES = "image-classification"
KEEPING = ["lwf", "ewc"]


def look_at(objective, batches):
    """The `look` of the batch that is there."""

    def look(name):
        with torch.no_grad():
            output = objective.model(batches[name])
        yield batches[name], output

    return look


@pytest.mark.parametrize("name", KEEPING)
def test_with_a_weight_of_0_it_is_plain_fine_tuning(name, tmp_path):
    plain = "full-fine-tuning" + (":weight_decay=0" if name == "ewc" else "")
    runs = [
        trained(spec, PICTURES, tmp_path / str(i), checkpoint_seconds=NEVER)[0]
        for i, spec in enumerate((f"{name}:weight=0", plain))
    ]
    one, other = (run.state_dict() for run in runs)
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())


def test_lwf_is_the_divergence_of_the_old_head_from_the_start():
    objective, batches = prepare("lwf:weight=3,temperature=2")
    assert float(objective(batches, 0.0)["old classes"].detach()) == pytest.approx(0, abs=1e-6)
    start = copy.deepcopy(objective.model)
    shift(objective)
    head = OldHead(load_backbone("tiny:efficientnet", Job("x", "image", "vector", 3)), "lwf")
    now, then = (head(model(batches["labeled"]).features) for model in (objective.model, start))
    assert now.shape[1] == 1000
    loss = objective(batches, 0.5)["old classes"]
    torch.testing.assert_close(loss, 3 * distillation(now, then, 2.0, False))


def test_the_old_head_does_not_train():
    for name in KEEPING:
        objective, _ = prepare(name)
        assert not any(p.requires_grad for p in objective.old_head.parameters())


def test_ewc_counts_moves_by_the_squared_gradients_of_the_old_head():
    objective, batches = prepare("ewc:weight=4,examples=5")
    objective.before_epoch(look_at(objective, batches))
    assert float(objective(batches, 0.0)["distance"].detach()) == 0
    shift(objective)
    expected = sum(
        (objective.get_buffer(f"fisher_{number}") * (now - start).square()).sum()
        for number, (_, now, start) in enumerate(objective.pairs())
    )
    assert float(expected.detach()) > 0
    torch.testing.assert_close(objective(batches, 0.0)["distance"].detach(), 2 * expected.detach())


def test_what_matters_is_measured_once_and_where_weights_train():
    objective, batches = prepare("partial-fine-tuning + ewc:examples=3")
    ewc = objective.extra
    ewc.before_epoch(look_at(objective, batches))
    weights = [objective.model.network.get_parameter(name) for name in ewc.names]
    assert ewc.is_measured.tolist() == [weight.requires_grad for weight in weights]
    assert any(ewc.is_measured)
    before = [buffer.clone() for buffer in ewc.buffers()]
    shift(objective)
    ewc.before_epoch(look_at(objective, batches))
    assert all(torch.equal(a, b) for a, b in zip(before, ewc.buffers(), strict=True))


@pytest.mark.parametrize("name", KEEPING)
def test_a_network_keeps_more_of_what_it_knew(name, tmp_path):
    """The old head of the trained trunk is nearer to that of the start than by plain training."""
    task, _ = task_of(PICTURES)
    network = "tiny:efficientnet"
    head = OldHead(load_backbone(network, task.job()), name)
    start = build_model(network, task, pretrained=True, seed=0)
    (batch,) = prepare(name)[1].values()
    strong = f"{name}:weight=1000,views=1,lr=0.01"
    plain = "full-fine-tuning:views=1,lr=0.01,weight_decay=0"
    moved = {}
    for spec in (strong, plain):
        model, _ = trained(spec, PICTURES, tmp_path / spec[:3], epochs=4, checkpoint_seconds=NEVER)
        with torch.no_grad():
            now, then = (head(each.eval()(batch).features) for each in (model, start))
        moved[spec] = float(distillation(now, then, 1.0, False))
    assert moved[strong] < moved[plain]


@pytest.mark.parametrize("name", KEEPING)
def test_a_network_without_a_known_head_is_refused(name):
    task, _ = task_of("text-classification")
    made = load_backbone("tiny:distilbert", task.job())
    with pytest.raises(BadValue, match=rf"'{name}' reads what one pretrained layer.*Use 'l2-sp'"):
        parse(name).check(made, task)
    sounds, _ = task_of("audio-classification")
    made = sounds.with_head(load_backbone("tiny:whisper", sounds.job()))
    with pytest.raises(BadValue, match=r"reads frames.*use 'l2-sp'"):
        parse(name).check(made, sounds)


def test_a_folder_whose_head_had_other_classes_has_an_old_head(tmp_path):
    made = load_backbone("tiny:cnn", Job("image-classification", "image", "vector", 4))
    plugins.load("source", "timm")().save(made, str(tmp_path), list("abcd"), None)
    task, _ = task_of(PICTURES)
    head = OldHead(load_backbone(str(tmp_path), task.job()), "lwf")
    assert head(torch.zeros(2, made.network.num_features)).shape == (2, 4)


def test_replay_takes_samples_of_the_old_classes_in_each_step(tmp_path):
    task, data = task_of(PICTURES)
    network = "tiny:efficientnet"
    model = build_model(network, task, pretrained=True, seed=0)
    objective = parse("replay:weight=2").objective(model, task)
    (_, labeled), source = next(iter(prepare("replay")[1].items())), objective.source
    known = unique_names(source.model.backbone.known)
    samples = [Sample(s.id, {**s.roles, "label": known[5]}) for s in data.splits["train"][:6]]
    feed = Feed.of(samples, source.pretext, model.backbone.preprocess, torch.device("cpu"))
    (batch,) = feed.stream([list(range(6))])
    losses = objective({"labeled": labeled, REHEARSED: batch}, 0.0)
    logits = objective.old_network(batch).logits
    expected = 2 * torch.nn.functional.cross_entropy(logits, torch.full((6,), 5))
    torch.testing.assert_close(losses["rehearsal"], expected)
    assert losses.keys() == {"task", "rehearsal"}


@pytest.mark.parametrize(
    ("name", "technique"),
    [
        (PICTURES, "replay"),
        (PICTURES, "lora + replay:share=0.5"),
        ("text-classification", "replay"),
        ("text-generation", "replay"),
    ],
)
def test_replay_learns_what_it_rehearses(name, technique, tmp_path):
    trained(f"{technique}", name, tmp_path, epochs=4, checkpoint_seconds=NEVER)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    losses = [json.loads(line)["losses"] for line in lines]
    rehearsed = [row["rehearsal"] for row in losses if "rehearsal" in row]
    assert rehearsed[-1] < rehearsed[0]


def test_replay_on_recorded_layers_is_that_of_the_whole_network(tmp_path):
    _, position = trained(
        "partial-fine-tuning:views=1 + replay", PICTURES, tmp_path, checkpoint_seconds=NEVER
    )
    assert not position.cache["used"]
    assert all(phase["unchanged"] for phase in position.frozen)


def test_samples_of_sounds_are_not_rehearsed():
    task, _ = task_of("audio-classification")
    made = load_backbone("tiny:whisper", task.job())
    with pytest.raises(BadValue, match=r"pictures and texts.*Use 'l2-sp'"):
        parse("replay").check(made, task)
