"""Averages of weights as candidates: what is tried and kept, also after a stop among them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from graft.base.errors import BadValue
from graft.studies.run import build_model, estimate_run
from graft.studies.spec import RunSpec
from graft.techniques.specs.combine import parse
from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import NEVER, Stop, task_of, trained

TASK, NETWORK = "image-classification", "tiny:cnn"
COMBINED = [
    "wise-ft",
    "full-fine-tuning + wise-ft",
    "full-fine-tuning:batch_norm=updated + wise-ft",
    "gradual-unfreezing + wise-ft",
    "lora:r=2 + wise-ft",
    "swa:batch_norm=updated",
    "lora:r=2,schedule=constant + swa:share=0.5",
    "full-fine-tuning:patience=1 + swa",
    "swa + wise-ft",
    "greedy-soup:batch_norm=updated",
    "feature-extraction then greedy-soup:runs=2",
]


def rows_of(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def measure(model) -> float:
    """The loss of a model on the validation split."""
    task, data = task_of(TASK)
    feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, torch.device("cpu"))
    return evaluate(model, feed, Engine("fp32")).loss


@pytest.mark.parametrize("spec", COMBINED)
def test_the_best_candidate_on_validation_comes_out(spec, tmp_path):
    model, _ = trained(spec, TASK, tmp_path, backbone=NETWORK, checkpoint_seconds=NEVER)
    rows = rows_of(tmp_path)
    last = [row for row in rows if row["phase"] == rows[-1]["phase"]]
    tried = [row for row in last if "lr" not in row]
    assert min(row["val"]["loss"] for row in tried) == rows[-1]["val"]["loss"]
    # Merging adapters rounds float32 weights once.
    assert measure(model) == pytest.approx(rows[-1]["val"]["loss"], abs=1e-5)


@pytest.mark.parametrize("spec", [*COMBINED, "lora:r=2 then greedy-soup:runs=2"])
def test_a_run_stopped_among_candidates_ends_with_the_same_weights(spec, tmp_path):
    whole, _ = trained(spec, TASK, tmp_path / "whole", backbone=NETWORK)
    num_lines = len(rows_of(tmp_path / "whole"))
    for after in (num_lines - 2, num_lines // 2):
        folder = tmp_path / f"{after}"
        with pytest.raises(KeyboardInterrupt):
            trained(spec, TASK, folder, Stop(after), backbone=NETWORK)
        again, position = trained(spec, TASK, folder, backbone=NETWORK)
        assert position.history == num_lines
        for name, tensor in whole.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[name]), name


def objective_of(spec: str):
    task = task_of(TASK)[0]
    model = build_model(NETWORK, task, pretrained=True, seed=0)
    technique = parse(spec)
    return technique.objective(model, task), technique.phases(model, 1.0), model.backbone.linear


def test_wise_ft_goes_from_the_last_weights_to_those_before_the_body_trained():
    objective, (probe, tuning, closing), head = objective_of("wise-ft")
    for phase, value in ((probe, 1.0), (tuning, 3.0)):
        objective.begin(phase)
        with torch.no_grad():
            head.bias.fill_(value)
    objective.begin(closing)
    path = closing.candidates.path(objective, None)
    values = {round(tried.chosen["alpha"], 1): float(head.bias.detach().mean()) for tried in path}
    # The probed head is the start, and not the random one: 1 + 2 alpha.
    assert values == pytest.approx({k / 10: 1 + 2 * k / 10 for k in range(11)})


def test_a_given_alpha_is_kept_whatever_validation_says(tmp_path):
    trained("wise-ft:alpha=0.5", TASK, tmp_path, backbone=NETWORK)
    assert [row["alpha"] for row in rows_of(tmp_path) if "alpha" in row] == [0.5]


@pytest.mark.parametrize(("lr", "is_dropped"), [(1e-3, False), (1.0, True)])
def test_wise_ft_says_what_it_kept(lr, is_dropped, tmp_path):
    _, position = trained(f"wise-ft:lr={lr},clip=0", TASK, tmp_path, backbone=NETWORK)
    (note,) = [note for note in position.warnings if note.startswith("interpolation kept alpha")]
    assert ("had no effect" in note) == note.startswith("interpolation kept alpha 0,")
    assert "had no effect" in note or not is_dropped


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("swa", [(4, (0 + 1 + 4 + 9) / 4), (1, 9.0)]),
        ("full-fine-tuning + swa:share=0.5", [(2, (4 + 9) / 2), (1, 9.0)]),
    ],
)
def test_swa_averages_the_weights_after_the_last_steps(spec, expected):
    objective, (*tunings, closing), head = objective_of(spec)
    for phase in tunings:
        objective.begin(phase)
        for step in range(4):
            with torch.no_grad():
                head.bias.fill_(float(step**2))
            objective.after_step((step + 0.5) / 4)
    objective.begin(closing)
    path = closing.candidates.path(objective, None)
    values = [(tried.chosen["averaged"], float(head.bias.detach().mean())) for tried in path]
    assert values == [(count, pytest.approx(mean)) for count, mean in expected]


def test_the_averaged_epochs_of_swa_have_half_the_rate_and_keep_it(tmp_path):
    _, (tuning, averaged, _), _ = objective_of("swa:share=0.25,epochs=4")
    assert (tuning.epochs, averaged.epochs) == (0.75, 0.25)
    assert averaged.lr == tuning.lr / 2
    trained("swa:share=0.5,warmup=0", TASK, tmp_path, epochs=4, backbone=NETWORK)
    rates = {name: [] for name in ("fine-tuning", "averaging")}
    for row in rows_of(tmp_path):
        if row["phase"] in rates and row["losses"]:
            rates[row["phase"]].append(row["lr"])
    assert rates["fine-tuning"] == sorted(rates["fine-tuning"], reverse=True)
    assert len(set(rates["averaging"])) == 1


def test_each_fine_tuning_of_a_soup_begins_with_the_same_weights_at_its_own_rate():
    objective, (*tunings, closing), head = objective_of("greedy-soup:runs=3,spread=4")
    start = head.bias.detach().clone()
    for number, phase in enumerate(tunings):
        objective.begin(phase)
        assert torch.equal(head.bias, start)
        with torch.no_grad():
            head.bias.fill_(float(number))
    assert [phase.lr / tunings[1].lr for phase in tunings] == pytest.approx([0.5, 1, 2])
    objective.begin(closing)
    path = closing.candidates.path(objective, None)
    seen = []
    tried = next(path)
    for rank in (3.0, 1.0, 2.0, 0.5, 0.7):
        seen.append((tried.chosen["added"], float(head.bias.detach().mean())))
        tried = None if len(seen) == 5 else path.send([rank])
    # Alone: 0, 1, 2. The second is best, then the third; with the first the soup is tried last.
    assert seen == [(1, 0.0), (2, 1.0), (3, 2.0), (3, 1.5), (1, 1.0)]


def test_a_head_that_is_solved_for_is_left_as_it_is(tmp_path):
    model, _ = trained("feature-extraction", TASK, tmp_path / "a", backbone=NETWORK)
    for added in ("wise-ft", "swa"):
        spec = f"feature-extraction + {added}"
        other, _ = trained(spec, TASK, tmp_path / added, backbone=NETWORK)
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


def test_statistics_are_renewed_only_where_the_phase_updates_them(tmp_path):
    task = task_of(TASK)[0]
    start = build_model("tiny:efficientnet", task, pretrained=True, seed=0).state_dict()
    moved = {}
    for kept in ("frozen", "updated"):
        model, _ = trained(
            f"wise-ft:alpha=0.5,batch_norm={kept}",
            TASK,
            tmp_path / kept,
            epochs=1,
            backbone="tiny:efficientnet",
        )
        name = next(name for name in start if name.endswith("running_mean"))
        moved[kept] = not torch.equal(model.state_dict()[name], start[name])
    assert moved == {"frozen": False, "updated": True}


def test_the_estimate_counts_the_candidates():
    data = task_of(TASK)[1]
    described = {"path": "tiny", "hash": data.fingerprint(), "format": "", "options": {}}
    asked = RunSpec(described, TASK, NETWORK, "wise-ft", epochs=2)
    phases = estimate_run(asked, data).phases
    assert [phase.candidates for phase in phases] == [13, None, 11]
    fixed = estimate_run(replace(asked, technique="full-fine-tuning + wise-ft:alpha=0.5"), data)
    assert [phase.candidates for phase in fixed.phases] == [None, 1]


def test_a_soup_needs_phases_of_its_own():
    with pytest.raises(BadValue, match="'greedy-soup' needs phases of its own"):
        parse("full-fine-tuning + greedy-soup")
