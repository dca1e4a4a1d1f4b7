"""What each step draws from several streams, and what is refused."""

from __future__ import annotations

import pytest
import torch

from graft.base import trees
from graft.base.errors import BadValue, DataError
from graft.base.records import Batch
from graft.data.data import Data
from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training.feeds.feeds import Feeds
from graft.training.feeds.streams import Streams
from graft.training.loop.step import split
from tests.contracts.tiny import task_of, trained

TASK, NETWORK = "image-classification", "tiny:cnn"


def data_with(unlabeled: int) -> Data:
    task, data = task_of(TASK)
    bare = [task.without_target(sample) for sample in data.splits["train"]]
    bare = [bare[number % len(bare)] for number in range(unlabeled)]
    return data.with_splits({**data.splits, "unlabeled": bare})


def feeds_of(spec: str, unlabeled: int, batch_size: int = 4) -> Feeds:
    technique, (task, _) = parse(spec), task_of(TASK)
    model = build_model(NETWORK, task, pretrained=True, seed=0)
    preprocess = model.backbone.preprocess
    data, device = data_with(unlabeled), torch.device("cpu")
    streams = Streams(data, task, technique, preprocess, device, 0, batch_size, None)
    return streams.make_feeds(technique, technique.objective(model, task))[0]


def same_inputs(one: Batch, other: Batch) -> bool:
    pairs = zip(trees.leaves(one.inputs), trees.leaves(other.inputs), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def rows(feeds: Feeds, name: str, epochs: range, seed: int = 5) -> list[list[int]]:
    """The rows of each batch of a stream in these epochs."""
    steps = range(len(feeds.main.plan((0, 0))))
    return [
        batches[name].rows for epoch in epochs for batches in feeds.stream((seed, epoch), steps)
    ]


def test_each_step_has_a_batch_of_every_stream_of_its_share():
    feeds = feeds_of("fixmatch:ratio=1.5", unlabeled=30)
    for batches in feeds.stream((0, 0), range(3)):
        assert {name: len(batch) for name, batch in batches.items()} == {
            "labeled": 4,
            "weak": 6,
            "strong": 6,
        }


def test_the_other_stream_goes_on_from_epoch_to_epoch_until_all_samples_were_drawn():
    feeds = feeds_of("deep-coral", unlabeled=40)
    per_epoch = len(feeds.main.plan((0, 0)))
    drawn = rows(feeds, "unlabeled", range(-(-10 // per_epoch)))[:10]
    # Ten batches of four are one pass over 40 samples: each is drawn once.
    assert sorted(row for batch in drawn for row in batch) == list(range(40))


def test_two_views_of_a_sample_are_of_the_same_rows_and_differ():
    feeds = feeds_of("fixmatch", unlabeled=30)
    batches = next(feeds.stream((0, 0), range(1)))
    weak, strong = batches["weak"], batches["strong"]
    assert weak.rows == strong.rows
    assert not same_inputs(weak, strong)


def test_a_resumed_epoch_draws_what_the_whole_one_draws():
    feeds = feeds_of("fixmatch", unlabeled=30)
    steps = len(feeds.main.plan((0, 0)))
    whole = list(feeds.stream((7, 3), range(steps)))[2:]
    rest = list(feeds.stream((7, 3), range(2, steps)))
    for one, other in zip(whole, rest, strict=True):
        for name, batch in one.items():
            assert batch.rows == other[name].rows
            assert same_inputs(batch, other[name])


def test_a_stream_without_labels_has_no_targets():
    batches = next(feeds_of("deep-coral", unlabeled=8).stream((0, 0), range(1)))
    assert batches["labeled"].target is not None
    assert batches["unlabeled"].target is None


def test_a_stream_without_samples_is_refused():
    with pytest.raises(DataError, match=r"'dann' learns from samples without labels.*--unlabeled"):
        feeds_of("dann", unlabeled=0)


def test_a_stream_shorter_than_its_batch_is_refused():
    with pytest.raises(
        DataError,
        match=r"takes 4 samples of unlabeled.*there are 3\..*--batch-size 3",
    ):
        feeds_of("deep-coral", unlabeled=3)


def test_a_sum_draws_from_the_streams_of_both():
    feeds = feeds_of("feature-extraction + deep-coral + dann", unlabeled=8)
    assert list(feeds.by_stream) == ["labeled", "unlabeled"]


def test_a_sum_of_techniques_that_draw_differently_is_refused():
    with pytest.raises(BadValue, match="'fixmatch' and 'fixmatch' draw different batches"):
        parse("fixmatch:ratio=2 + fixmatch:ratio=3")


def test_batches_of_all_streams_are_cut_into_the_same_number_of_pieces():
    def batch(size: int) -> Batch:
        return Batch({"x": torch.arange(size)}, rows=list(range(size)))

    batches = {"labeled": batch(10), "unlabeled": batch(3)}
    pieces = split(batches, 8)
    assert len(pieces) == 3
    for name, whole in batches.items():
        assert [row for piece in pieces for row in piece[name].rows] == whole.rows
        assert all(len(piece[name]) for piece in pieces)


def test_a_solved_head_is_stepped_beside_another_stream(tmp_path):
    _, position = trained("feature-extraction + deep-coral", TASK, tmp_path, epochs=2)
    history = (tmp_path / "history.jsonl").read_text()
    assert '"coral"' in history and "strength" not in history
    assert position.recorded


def test_recorded_streams_train_as_unrecorded_ones(tmp_path, monkeypatch):
    spec = "feature-extraction:epochs=3 + deep-coral"
    recorded, position = trained(spec, TASK, tmp_path / "recorded")
    monkeypatch.setenv("GRAFT_CACHE_GB", "0")
    whole, other = trained(spec, TASK, tmp_path / "whole")
    assert position.recorded and not other.recorded
    for name, tensor in recorded.state_dict().items():
        # Sums of a few hundred float32 products in another order, over three epochs of AdamW.
        torch.testing.assert_close(tensor, whole.state_dict()[name], rtol=1e-3, atol=1e-4)
