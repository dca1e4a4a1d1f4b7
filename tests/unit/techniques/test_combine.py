"""Two techniques in one: their losses, their settings, their weights and their checkpoints."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from safetensors import safe_open

from graft.base.errors import BadValue
from graft.studies.arguments import check_techniques, describe_order
from graft.studies.run import build_model
from graft.techniques.specs.combine import control_named, controls_of, is_held_against, parse
from graft.training.feeds.feed import Feed
from graft.training.loop.trainer import checkpoint_path
from graft.training.observers import Observer
from tests.contracts.tiny import TINY, Stop, task_of, trained

TASK = "text-classification"


class Sizes(Observer):
    """The steps of each phase, by the lines of history."""

    def __init__(self) -> None:
        self.steps: dict[str, int] = {}

    def epoch(self, row):
        self.steps[row["phase"]] = row["step"]


def objective_of(technique: str):
    task, _ = task_of(TASK)
    model = build_model(TINY[TASK], task, True, seed=0)
    return parse(technique).objective(model, task)


def elements(objective) -> int:
    return sum(tensor.numel() for tensor in objective.state_dict().values())


def stopped_checkpoint(technique: str, folder, after: int = 1) -> Counter[str]:
    """The elements of each kind of tensors in the checkpoint of a training that was stopped."""
    with pytest.raises(KeyboardInterrupt):
        trained(technique, TASK, folder, Stop(after), epochs=3)
    counts: Counter[str] = Counter()
    with safe_open(checkpoint_path(folder), "pt") as file:
        for key in file.keys():  # noqa: SIM118 - safe_open is no dict
            counts[key.partition("/")[0]] += file.get_tensor(key).numel()
    return counts


def test_a_sum_registers_the_model_once():
    both = objective_of("full-fine-tuning + contrastive-few-shot")
    alone = objective_of("full-fine-tuning")
    assert elements(both) == elements(alone)
    assert len(list(both.parameters())) == len(list(alone.parameters()))


@pytest.mark.parametrize("technique", ["l2-sp:patience=5", "full-fine-tuning:patience=5 + l2-sp"])
def test_a_checkpoint_holds_no_start_weights(technique, tmp_path):
    plain = stopped_checkpoint("full-fine-tuning:patience=5", tmp_path / "plain", after=2)
    penalized = stopped_checkpoint(technique, tmp_path / "penalized", after=2)
    assert penalized["model"] == plain["model"] > 0
    assert penalized["best"] == plain["best"] > 0


def test_a_checkpoint_holds_layers_that_two_models_share_once(tmp_path):
    # The language model and the classifier have one trunk; only their heads differ.
    whole = elements(objective_of("full-fine-tuning"))
    pretraining = stopped_checkpoint(
        "full-fine-tuning:epochs=1 then masked-language-modeling:epochs=3", tmp_path, after=3
    )
    assert whole < pretraining["model"] < 1.9 * whole


@pytest.mark.parametrize("spec", ["full-fine-tuning + lora:r=2", "lora:r=2 + l2-sp"])
def test_a_sum_leaves_no_adapters(spec, tmp_path):
    model, _ = trained(spec, TASK, tmp_path)
    fresh = build_model(TINY[TASK], task_of(TASK)[0], True, seed=0)
    assert set(model.state_dict()) == set(fresh.state_dict())


def test_a_sum_reads_the_batch_as_its_first_technique_does(monkeypatch):
    both = objective_of("contrastive-few-shot + l2-sp")
    calls = []
    monkeypatch.setattr(
        "graft.techniques.contrastive_few_shot.run_by_length",
        lambda model, batch: calls.append(len(batch)) or model(batch),
    )
    task, data = task_of(TASK)
    feed = Feed.of(data.splits["train"], task, both.model.backbone.preprocess, torch.device("cpu"))
    batches = {"labeled": next(feed.stream(feed.plan(None)))}
    assert set(both(batches, 0.0)) == {"task", "distance"}
    assert calls == [len(batches["labeled"])]


def test_losses_of_one_name_are_added():
    both, alone = objective_of("l2-sp:weight=1 + l2-sp:weight=2"), objective_of("l2-sp:weight=3")
    task, data = task_of(TASK)
    feed = Feed.of(data.splits["train"], task, both.model.backbone.preprocess, torch.device("cpu"))
    batches = {"labeled": next(feed.stream(feed.plan(None)))}
    for objective in (both, alone):
        with torch.no_grad():
            for parameter in objective.model.network.parameters():
                parameter.add_(0.1)
    torch.testing.assert_close(both(batches, 0.0)["distance"], alone(batches, 0.0)["distance"])


def test_each_part_has_its_own_batch_size(tmp_path):
    _, data = task_of(TASK)
    count = len(data.splits["train"])
    sizes = Sizes()
    trained(
        "bitfit:batch_size=4 then full-fine-tuning:batch_size=2", TASK, tmp_path, sizes, epochs=1
    )
    # `step` counts over all parts: a pass in batches of 4, then one in batches of 2.
    assert sizes.steps["fine-tuning"] == -(-count // 4) + -(-count // 2)


def test_a_head_trained_by_an_earlier_part_may_be_followed_by_texts_alone():
    task, data = task_of(TASK)
    check_techniques(TINY[TASK], ["full-fine-tuning then masked-language-modeling"], task, data)
    with pytest.raises(BadValue, match="leaves the new head"):
        check_techniques(
            TINY[TASK], ["masked-language-modeling then masked-language-modeling"], task, data
        )


def test_a_sequence_is_about_the_head_if_one_of_its_parts_is():
    assert parse("lora then feature-extraction").about_head
    assert parse("lp-ft + l2-sp").about_head
    assert not parse("lora then full-fine-tuning").about_head


def test_random_weights_cannot_follow_another_technique():
    with pytest.raises(BadValue, match="'from-scratch' begins with random weights"):
        parse("lora then from-scratch")
    assert not parse("from-scratch then lora").pretrained


@pytest.mark.parametrize(
    "technique",
    [
        "feature-extraction:epochs=1 then full-fine-tuning + l2-sp:weight=1",
        "lora:r=2,lr=0.01 then l2-sp:weight=1",
    ],
)
def test_a_later_part_goes_on_with_the_start_weights_it_began_with(technique, tmp_path):
    # After `lora then`, the start weights are not the pretrained ones but those of the first part.
    whole, _ = trained(technique, TASK, tmp_path / "whole", epochs=3)
    lines = len((tmp_path / "whole" / "history.jsonl").read_text().splitlines())
    for after in (lines - 2, lines - 1):
        folder = tmp_path / f"{after}"
        with pytest.raises(KeyboardInterrupt):
            trained(technique, TASK, folder, Stop(after), epochs=3)
        again, _ = trained(technique, TASK, folder, epochs=3)
        for name, tensor in whole.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[name]), name


@pytest.mark.parametrize(
    ("spec", "setting"),
    [
        ("full-fine-tuning + l2-sp:lr=0.01", "'lr' of 'l2-sp'"),
        ("full-fine-tuning + l2-sp:weight=1,epochs=2", "'epochs' of 'l2-sp'"),
        (
            "lora + l2-sp + contrastive-few-shot:batch_size=8",
            "'batch_size' of 'contrastive-few-shot'",
        ),
    ],
)
def test_a_setting_behind_a_plus_that_has_no_effect_is_refused(spec, setting):
    with pytest.raises(BadValue, match=rf"^{setting} has no effect after '\+'"):
        parse(spec)


@pytest.mark.parametrize("name", ["bitfit", "lp-ft:probe_lr=0.1", "full-fine-tuning"])
def test_a_technique_without_a_loss_of_its_own_is_not_added(name):
    with pytest.raises(BadValue, match=r"has no loss of its own that '\+' could add"):
        parse(f"l2-sp + {name}")


@pytest.mark.parametrize("name", ["adabn", "shot", "tent:epochs=2"])
def test_a_technique_that_needs_phases_of_its_own_is_not_added(name):
    with pytest.raises(BadValue, match=rf"needs phases .* Write: 'lp-ft then {name[:4]}"):
        parse(f"lp-ft + {name}")


@pytest.mark.parametrize("spec", ["lora + lora", "lora + l2-sp + lora", "lora:r=2 + lora:r=4"])
def test_layers_are_not_added_to_added_layers(spec):
    with pytest.raises(BadValue, match=r"Both sides of '\+' add layers"):
        parse(spec)


def test_adapters_may_be_added_after_others_were_merged(tmp_path):
    # PEFT warns of a second configuration in a network, and warnings are errors here.
    model, position = trained("lora:r=2,epochs=1 then lora:r=2,epochs=1", TASK, tmp_path)
    assert position.part == 1
    assert not [name for name in model.network.state_dict() if "lora_" in name]


def test_a_rank_beyond_the_layers_is_refused():
    task, data = task_of(TASK)
    with pytest.raises(BadValue, match=r"r=999,999,999 of 'lora'.*the highest is"):
        check_techniques(TINY[TASK], ["lora:r=999999999"], task, data)


def test_settings_of_losses_behind_a_plus_are_taken():
    penalty = parse("full-fine-tuning:lr=0.01 + l2-sp:weight=3")
    assert (penalty.lr, penalty.extra.weight) == (0.01, 3)
    adapters = parse("full-fine-tuning + lora:r=2,from_group=-2")
    assert (adapters.extra.r, adapters.extra.from_group) == (2, -2)


def test_a_sum_leaves_its_parts_as_they_are():
    both = objective_of("full-fine-tuning + l2-sp")
    task, data = task_of(TASK)
    feed = Feed.of(data.splits["train"], task, both.model.backbone.preprocess, torch.device("cpu"))
    batches = {"labeled": next(feed.stream(feed.plan(None)))}
    assert set(both(batches, 0.0)) == {"task", "distance"}
    assert set(both.main(batches, 0.0)) == {"task"}


@pytest.mark.parametrize(
    ("spec", "control"),
    [
        ("from-scratch", True),
        ("from-scratch:lr=1e-3,epochs=9", True),
        ("from-scratch + l2-sp", False),
        ("from-scratch then lora", False),
        ("from-scratch:lr=1e-3 then lora:r=4", False),
        ("full-fine-tuning", False),
        ("source-only:lr=1e-3", True),
        ("source-only + mcc", False),
        ("a-plugin-that-is-not-installed:x=1", False),
    ],
)
def test_a_control_is_a_technique_alone_that_says_it_is_one(spec, control):
    assert (control_named(spec) is not None) is control


@pytest.mark.parametrize(
    ("spec", "other", "is_held"),
    [
        ("lora", "from-scratch:lr=1e-3", True),
        ("lora", "source-only", False),
        ("mcc", "source-only:trains=head", True),
        ("feature-extraction + mcc", "source-only", False),
        ("feature-extraction + mcc", "source-only:trains=head,lr=1", True),
        ("mcc", "full-fine-tuning", False),
    ],
)
def test_a_control_may_have_further_settings(spec, other, is_held):
    assert is_held_against(spec, other) is is_held


@pytest.mark.parametrize(
    ("spec", "controls"),
    [
        ("lora", ["from-scratch"]),
        ("mcc:weight=2", ["source-only"]),
        ("full-fine-tuning + mcc", ["source-only"]),
        ("lp-ft then tent", ["source-only"]),
        ("lp-ft + mcc then shot", ["source-only"]),
        ("feature-extraction then shot", ["source-only:trains=head"]),
        ("feature-extraction + mcc then adabn then tent", ["source-only:trains=head"]),
        ("feature-extraction then lp-ft then adabn", ["source-only"]),
        ("feature-extraction:epochs=9 + mcc + bnm", ["source-only:trains=head"]),
        ("a-plugin-that-is-not-installed:x=1", ["from-scratch"]),
    ],
)
def test_a_technique_is_held_against_the_controls_of_its_parts(spec, controls):
    assert [control.technique for control in controls_of(spec)] == controls


def test_a_part_that_leaves_a_trained_head_behind_is_told():
    (note,) = describe_order(["lp-ft then diet", "diet then lp-ft", "lp-ft", "lp-ft then tent"])
    assert note.startswith("'lp-ft then diet' ends with 'diet'")
