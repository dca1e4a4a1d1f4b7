"""Order and prefetching of batches."""

from __future__ import annotations

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
    spread = [max(lengths[r] for r in batch) - min(lengths[r] for r in batch) for batch in plan(lengths, 16, (0, 0))]
    assert sum(spread) / len(spread) < 250, "chance alone gives about 880"


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
