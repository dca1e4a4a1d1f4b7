"""The feeds of all streams of a part, from which each step gets a batch of every one.

Which rows a step gets depends on (seed, phase, step) alone, so a resumed run draws the same. The
first feed says what an epoch is. The others go on from pass to pass, whatever epoch it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, groupby

from graft.base.records import Batch
from graft.techniques.specs.stream import Stream
from graft.training.feeds.feed import Feed, Seed

SALT = 1_000_003
"""Between the seeds of two streams, so that they are not shuffled and augmented alike."""


@dataclass(frozen=True)
class Feeds:
    """A feed for each stream, by its name."""

    by_stream: dict[str, Feed]
    streams: Mapping[str, Stream]

    @property
    def main(self) -> Feed:
        """The feed whose passes are the epochs."""
        return next(iter(self.by_stream.values()))

    @property
    def all(self) -> list[Feed]:
        """The feeds of all streams, the main one first."""
        return list(self.by_stream.values())

    @property
    def holds_out(self) -> bool:
        """Whether a part of the samples is held out to validate on: see `Stream.passages`."""
        return any(stream.passages for stream in self.streams.values())

    def map(self, change: Callable[[Feed], Feed]) -> Feeds:
        """Return the same streams with each feed changed."""
        changed = {name: change(feed) for name, feed in self.by_stream.items()}
        return Feeds(changed, self.streams)

    def stream(self, seed: Seed, steps: range) -> Iterator[dict[str, Batch]]:
        """Yield the batches of some steps of an epoch; `seed` is as for the first feed."""
        streams = [
            self._draw(number, name, seed, steps) for number, name in enumerate(self.by_stream)
        ]
        for batches in zip(*streams, strict=False):  # the first one ends with the steps
            yield dict(zip(self.by_stream, batches, strict=True))

    def first_batches(self, rows: int, seed: Seed | None) -> dict[str, Batch]:
        """The batch of the first `rows` examples of each stream, as many as it has."""
        return {
            name: next(feed.stream([list(range(min(rows, len(feed.pieces))))], seed))
            for name, feed in self.by_stream.items()
        }

    def _draw(self, number: int, name: str, seed: Seed, steps: range) -> Iterator[Batch]:
        """The batches of one stream in these steps of the epoch."""
        feed = self.by_stream[name]
        if number == 0:
            return feed.stream(feed.plan(seed)[steps.start : steps.stop], seed)
        leader = self.streams[name].rows_of or name  # the stream whose order it follows
        planned, salt = self.by_stream[leader], self._salt(leader, seed)
        start = seed[1] * len(self.main.plan((0, 0)))
        per_pass = len(planned.plan((0, 0)))
        passes = groupby(
            (divmod(start + step, per_pass) for step in steps), key=lambda place: place[0]
        )

        # Of a fixed number of views, the same sample shows another one in each of two streams.
        view = 0 if leader == name else 1

        def draw(turn: int, places: list[int]) -> Iterator[Batch]:
            plan = planned.plan((salt, turn))
            drawn = (self._salt(name, seed), turn + view)
            return feed.stream([plan[place] for place in places], drawn)

        turns = [(turn, [place for _, place in places]) for turn, places in passes]
        return chain.from_iterable(draw(*turn) for turn in turns)

    def _salt(self, name: str, seed: Seed) -> int:
        """The seed of a stream, another one for each."""
        return seed[0] + SALT * list(self.by_stream).index(name)
