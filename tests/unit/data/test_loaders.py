"""Order and prefetching of batches."""

from __future__ import annotations

import threading

import pytest

from graft.data.loaders import plan, stream


@pytest.mark.parametrize("count", [1, 5, 16, 17, 33, 200])
def test_each_row_is_seen_once_in_batches_of_even_size(count):
    batches = plan([1] * count, 16, (0, 0))
    assert sorted(row for batch in batches for row in batch) == list(range(count))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= 16
    assert max(sizes) - min(sizes) <= 1


def test_order_depends_on_seed_and_epoch_alone():
    lengths = list(range(100))
    assert plan(lengths, 8, (1, 2)) == plan(lengths, 8, (1, 2))
    assert plan(lengths, 8, (1, 2)) != plan(lengths, 8, (1, 3))
    assert plan(lengths, 8, (1, 2)) != plan(lengths, 8, (2, 2))


def test_a_batch_holds_texts_of_like_length():
    lengths = [(i * 7919) % 1000 for i in range(512)]
    spread = [
        max(lengths[r] for r in batch) - min(lengths[r] for r in batch)
        for batch in plan(lengths, 16, (0, 0))
    ]
    assert sum(spread) / len(spread) < 250, "chance alone gives about 880"


def test_without_a_seed_a_batch_has_room_for_so_many_of_the_longest():
    lengths = [(i * 7919) % 100 for i in range(512)]
    batches = plan(lengths, 4, None)
    assert sorted(row for batch in batches for row in batch) == list(range(512))
    assert all(len(batch) * max(lengths[r] for r in batch) <= 4 * 99 for batch in batches)
    assert len(batches) < 512 / 4 * 0.6
    assert [len(batch) for batch in plan([1] * 33, 16, None)] == [1, 16, 16]
    assert plan([], 16, None) == []
    assert plan([0, 0], 1, None) == [[0], [1]]


def test_the_stream_keeps_the_order_and_ends():
    assert list(stream([[1], [2, 3], [4]], sum)) == [1, 5, 4]


def test_an_error_while_encoding_reaches_the_caller():
    def fail(rows):
        if rows == [3]:
            raise ValueError("broken sample")
        return rows

    found = []
    with pytest.raises(ValueError, match="broken sample"):
        found.extend(stream([[1], [2], [3], [4]], fail))


def test_a_stream_that_is_left_early_stops_encoding():
    made = []
    batches = stream([[i] for i in range(100)], made.append)
    next(batches)
    batches.close()
    assert len(made) < 10


@pytest.mark.parametrize("threads", [2, 5])
def test_the_stream_does_not_depend_on_the_number_of_threads(threads):
    """Later batches are made while the first one still waits for them."""
    batches = [[i] for i in range(20)]
    later = threading.Event()

    def make(rows):
        if rows != [0]:
            later.set()
        assert later.wait(60), "no other batch is made beside the first"
        return rows

    assert list(stream(batches, make, threads)) == batches
