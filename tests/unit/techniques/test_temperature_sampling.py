"""Tasks of unequal numbers of labels, drawn by a temperature."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from graft.base.errors import BadValue
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.loaders import draw
from graft.studies.alone import alone_techniques
from graft.studies.run import build_model
from graft.tasks.multi_task import MultiTask
from graft.tasks.parts.sampling import LabelCounts
from graft.techniques.specs.combine import parse
from graft.training.engine import Engine
from graft.training.loop.stage import Settings, open_streams
from tests.contracts.tiny import NEVER, TINY, task_of, trained

NAME = "multi-task"


def data_of(num_common: int = 64, num_rare: int = 4) -> Data:
    """Each example has the label of one of two tasks; one of them has few labels."""

    def sample(number: int, split: str) -> Sample:
        label = ("fine", "awful")[number % 2]
        name = "rare" if number < num_rare else "common"
        return Sample(f"{split} {number}", {"text": label, "parts": {name: {"label": label}}})

    count = num_common + num_rare
    splits = {split: [sample(n, split) for n in range(count)] for split in ("train", "val", "test")}
    return Data(splits, "two data sets", kind="several")


def feed_of(technique: str, data: Data):
    """The main feed and the task as it is learned."""
    task = MultiTask.from_data(data)
    model = build_model(TINY[NAME], task, True, seed=0)
    chosen = parse(technique)
    objective = chosen.objective(model, task)
    streams = open_streams(model, task, chosen, data, Settings(0, epochs=1), Engine("fp32"))
    return streams.make_feeds(chosen, objective)[0].main, objective.task


@pytest.mark.parametrize(("temperature", "share"), [(1.0, 4 / 68), (2.0, 0.2), (1e9, 0.5)])
def test_the_share_of_a_task_is_a_power_of_its_number_of_labels(temperature, share):
    counts = LabelCounts.of(MultiTask.from_data(data_of()).parts, data_of().splits["train"])
    assert counts.shares(["rare", "common"], temperature)["rare"] == pytest.approx(share)


def test_an_epoch_has_as_many_examples_drawn_by_the_shares_of_their_tasks():
    data = data_of()
    feed, _ = feed_of("temperature-sampling:temperature=2", data)
    plan = feed.plan((0, 0))
    rows = [row for batch in plan for row in batch]
    assert len(rows) == len(data.splits["train"])
    # 68 drawn with a share of 0.2, of which each row is rounded up or down: 4 rows
    assert abs(sum(row < 4 for row in rows) - 0.2 * 68) <= 4
    assert feed.plan((0, 0)) == plan
    assert feed.plan((0, 1)) != plan
    evaluated = sorted(row for batch in feed.plan(None) for row in batch)
    assert evaluated == list(range(68))  # each once where nothing is learned


def test_what_a_task_counts_does_not_depend_on_how_often_it_is_drawn():
    data = data_of()
    losses = {}
    for technique in ("full-fine-tuning", "temperature-sampling:temperature=2"):
        feed, task = feed_of(technique, data)
        model = build_model(TINY[NAME], task, True, seed=0).eval()
        drawn = {"rare": [], "common": []}
        with torch.no_grad():
            for epoch in range(20):
                for batch in feed.stream(feed.plan((0, epoch)), (0, epoch)):
                    for name, loss in task.part_losses(model(batch), batch).items():
                        drawn[name].append(float(loss) * len(batch))
        losses[technique] = {name: sum(some) / 20 / 68 for name, some in drawn.items()}
    plain, sampled = losses.values()
    for name in plain:  # rows are rounded up or down, by less than one of 13 draws an epoch
        assert sampled[name] == pytest.approx(plain[name], rel=0.05)


def test_rows_are_drawn_as_often_as_their_shares_say():
    shares = (0.5, 0.25, 0.25, 0.0)
    drawn = Counter(row for seed in range(50) for row in draw(shares, (seed, 0)))
    assert drawn == {0: 100, 1: 50, 2: 50}


def test_examples_with_all_labels_are_drawn_alike():
    task = MultiTask.from_data(data_of())
    both = {"rare": {"label": "fine"}, "common": {"label": "awful"}}
    samples = [Sample(str(n), {"text": "fine", "parts": both}) for n in range(5)]
    counts = LabelCounts.of(task.parts, samples)
    shares = counts.shares(["rare", "common"], 5.0)
    assert counts.draw_shares(shares, samples) == pytest.approx([0.2] * 5)
    assert counts.drawn_amounts(shares) == pytest.approx({"rare": 1.0, "common": 1.0})


def test_it_goes_with_gradient_surgery_and_is_left_out_of_one_task_alone(tmp_path):
    spec = "pcgrad + temperature-sampling"
    trained(spec, NAME, tmp_path, epochs=1, backbone=TINY[NAME], checkpoint_seconds=NEVER)
    assert all("temperature" not in each for each in alone_techniques([spec], "topic + words"))


def test_a_head_is_stepped_since_a_solver_takes_each_example_once(tmp_path):
    spec = "feature-extraction + temperature-sampling"
    _, position = trained(spec, NAME, tmp_path, epochs=2, checkpoint_seconds=NEVER)
    assert not any("solved" in warning for warning in position.warnings)


def test_a_single_task_is_refused():
    task, _ = task_of("text-classification")
    model = build_model("tiny:bert", task, True, seed=0)
    with pytest.raises(BadValue, match=r"is for several tasks.*Give one more --task"):
        parse("temperature-sampling").check(model.backbone, task)
