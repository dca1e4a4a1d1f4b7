"""Estimate a training before it starts: phases, what trains, what is recorded, how long it takes.

`estimate` tries each phase of a technique on one batch, which gives the seconds that an example
costs (`Pace`). How often each is recorded, trained on and evaluated follows from the phase and the
sizes of the splits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch

from graft.backbones.backbone import Model
from graft.base import env, trees
from graft.base.records import Batch
from graft.data.data import Data
from graft.tasks.task import Task
from graft.techniques.specs.candidates import Candidates, SolvedHead
from graft.techniques.specs.combine import first_of
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective, Phase, Technique
from graft.training import optim
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.feeds.feeds import Feeds
from graft.training.frozen import frozen_prefix, recording
from graft.training.frozen.frozen_prefix import Prefix
from graft.training.frozen.slots import CannotCut
from graft.training.frozen.teachers import Record, add_teachers
from graft.training.loop.candidates import find_candidates
from graft.training.loop.stage import Settings, feed_of_phase, open_streams
from graft.training.loop.statistics import updated_norms
from graft.training.loop.step import step
from graft.training.loop.timing import (
    TRIAL_SECONDS,
    forward_seconds,
    time_call,
    writing_seconds,
)
from graft.training.solvers.solver import ROWS

WARM_ROWS = 2
"""Examples of a first trial, not counted: it allocates and compiles. Batch norm needs two."""
LEAST_ROWS = 4


@dataclass(frozen=True)
class Pace:
    """The seconds that one example costs on this machine now, reading it included."""

    record: float
    train: float
    evaluate: float
    teach: float = 0.0
    """Of the recordings of teachers, a version of the example."""


@dataclass(frozen=True)
class PhaseEstimate:
    """One phase: what trains, what is recorded, how long it takes on this machine now."""

    phase: str
    epochs: float | None
    """The epochs; None if candidates are tried instead, as those of a head that is solved for."""
    batch_size: int
    trainable_parameters: int
    recorded_before: str | None
    """The layer group that reads the recorded tensors; None without a recording, see `because`."""
    because: str
    gain: float
    """The factor by which a recording reduces the computation."""
    bytes: int
    seconds: float
    """Training with its recordings, apart from evaluation."""
    recording_seconds: float
    """The part of `seconds` that recordings take."""
    evaluation_seconds: float
    """The validation split after each epoch, or for each candidate."""
    candidates: int | None = None
    """About how many weights are tried, each measured on validation; None if steps are taken."""
    has_own_epochs: bool = False
    """Whether the technique says how many, so that `--epochs` changes nothing."""


@dataclass(frozen=True)
class RunEstimate:
    """The estimate of a run: its phases, and what follows them."""

    phases: tuple[PhaseEstimate, ...]
    recordings: dict[str, float]
    """The key of a recording -> its seconds for all splits; runs of a study may share it."""
    last_seconds: float
    """Validation and test at the end, recordings of test, and the texts generated for metrics."""
    other_seconds: float
    """Opening and saving the network, metrics with their intervals, and the start of a process."""

    @property
    def training_seconds(self) -> float:
        return sum(phase.seconds for phase in self.phases)

    @property
    def evaluation_seconds(self) -> float:
        return self.last_seconds + sum(phase.evaluation_seconds for phase in self.phases)

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.training_seconds + self.evaluation_seconds + self.other_seconds


def estimate(
    model: Model,
    task: Task,
    technique: Technique,
    data: Data,
    settings: Settings,
    engine: Engine,
    other_seconds: float = 0.0,
) -> RunEstimate:
    """Try each phase of the technique on some training examples; this changes the weights."""
    streams = open_streams(model, task, technique, data, settings, engine)
    trials: list[_Trial] = []
    for part in technique.parts:
        objective = part.objective(model, task)
        engine.place(objective)
        feeds, val = streams.make_feeds(part, objective)
        for phase in part.phases(model, streams.budget(part, objective, feeds.main)):
            trials.append(_try_phase(objective, part, phase, feeds, val, engine))
        model = objective.finish()
    # The last part reads labels, so its validation feed shows how many pieces a sample has.
    tested = round(len(data.splits["test"]) * len(val.pieces) / len(val.windows.samples))
    written = writing_seconds(model, task, data, engine)
    if not trials:
        once = _evaluate_seconds(model, val, engine) * (len(val.pieces) + tested)
        recordings = {"head, 1": once} if model.fresh_head and recording.cap() > 0 else {}
        return RunEstimate((), recordings, once + written, other_seconds)
    recordings = {key: seconds for trial in trials for key, seconds in trial.recordings.items()}
    last = trials[-1]
    recorded_test = last.pace.record * tested
    if last.recordings:
        recordings[next(iter(last.recordings))] += recorded_test
    looks = last.pace.evaluate * (len(val.pieces) + tested)
    return RunEstimate(
        tuple(trial.phase for trial in trials),
        recordings,
        looks + recorded_test + written,
        other_seconds,
    )


@dataclass(frozen=True)
class _Trial:
    """A phase as it was tried, and what it would record."""

    phase: PhaseEstimate
    pace: Pace
    recordings: dict[str, float]


def _try_phase(
    objective: Objective, part: Technique, phase: Phase, feeds: Feeds, val: Feed, engine: Engine
) -> _Trial:
    model = objective.model
    objective.begin(phase)
    names = optim.trainable(model, phase)
    optim.freeze(model, names, part.batch_norm, phase.statistics)
    plain = feeds.map(lambda feed: feed_of_phase(feed, phase))
    recordable: set[int] = set()
    plain = add_teachers(plain, objective, phase.epochs, engine, _note_in(recordable))
    feed = plain.main
    prefix, because = None, ""
    try:
        prefix = frozen_prefix.choose(model, plain, phase.epochs, engine)
    except (frozen_prefix.NotWorth, CannotCut) as reason:
        because = str(reason)
    at_head = prefix is not None and prefix.cut is None
    candidates = find_candidates(phase, objective, plain, at_head)
    teachers = [name for name, beside in feed.beside.items() if id(beside) in recordable]
    pace = _measure(objective, part, phase, names, plain, prefix, engine, teachers)
    count, versions = len(feed.pieces), feed.views or 1
    training, looks = _training_seconds(objective, phase, feed, prefix, candidates, pace, engine)
    training += pace.teach * count * versions
    if candidates is None:
        training += pace.evaluate * _num_looked_at(objective, plain, phase.epochs)
    recorded = prefix is not None and prefix.find_recording(feed) is None
    num_recorded = sum(len(each.pieces) * (each.views or 1) for each in plain.all)
    once = pace.record * num_recorded if recorded else 0.0
    once_val = pace.record * len(val.pieces) if recorded else 0.0
    without, behind = prefix.work(phase.epochs, versions) if prefix else (1.0, 1.0)
    estimated = PhaseEstimate(
        phase=phase.name,
        epochs=phase.epochs if candidates is None else None,
        batch_size=feed.batch_size,
        trainable_parameters=sum(
            p.numel() for p in objective.model.network.parameters() if p.requires_grad
        ),
        recorded_before=prefix.before if prefix else None,
        because=because,
        gain=without / behind,
        bytes=prefix.bytes * num_recorded if prefix else 0,
        seconds=once + training,
        recording_seconds=once,
        evaluation_seconds=once_val + pace.evaluate * len(val.pieces) * looks,
        candidates=None if candidates is None else candidates.count,
        has_own_epochs=first_of(part).own_epochs(objective.model) is not None,
    )
    if not recorded:
        return _Trial(estimated, replace(pace, record=0.0), {})
    return _Trial(estimated, pace, {f"{prefix.before}, {versions}": once + once_val})


def _training_seconds(
    objective: Objective,
    phase: Phase,
    feed: Feed,
    prefix: Prefix | None,
    candidates: Candidates | None,
    pace: Pace,
    engine: Engine,
) -> tuple[float, float]:
    """The seconds of steps or candidates, without recordings, and the looks at validation."""
    count = len(feed.pieces)
    if candidates is None:
        return pace.train * count * phase.epochs, phase.epochs + 1
    is_solved = isinstance(phase.candidates, SolvedHead) and prefix is not None
    seconds = pace.evaluate * count
    if is_solved and prefix.cut is None:
        seconds = _pass_seconds(objective, feed, prefix, engine)
    is_renewed = candidates.are_averages and updated_norms(objective.model)
    renewals = candidates.count * pace.evaluate * count if is_renewed else 0.0
    return candidates.passes * seconds + renewals, candidates.count


def _num_looked_at(objective: Objective, plain: Feeds, epochs: float) -> float:
    """How many pieces the model reads before epochs, as for labels that it predicts."""
    passes = {"once": 1, "each epoch": epochs}
    looks = objective.looks.items()
    return sum(len(plain.by_stream[name].pieces) * passes[often] for name, often in looks)


def _measure(
    objective: Objective,
    part: Technique,
    phase: Phase,
    names: list[str],
    plain: Feeds,
    prefix: Prefix | None,
    engine: Engine,
    teachers: Sequence[str],
) -> Pace:
    """Try two examples, then as many of a typical batch as take about `TRIAL_SECONDS`."""
    rows = _typical_rows(plain.main)
    optimizer = optim.make_optimizer(objective.model, [], names, phase, part)

    def try_rows(rows: list[int]) -> Pace:
        batches, seconds = _read_all(plain, rows)
        reading, record = seconds / len(rows), 0.0
        main = next(iter(batches.values()))
        teach = _record_teachers(objective, main, teachers, engine) / len(rows)
        if prefix:
            with torch.no_grad(), prefix.trunk(), engine.autocast():
                record = seconds / sum(map(len, batches.values()))
                record += time_call(lambda: prefix.compute_recorded(main)) / len(rows)
                batches = {
                    name: prefix.insert_recorded(batch, prefix.compute_recorded(batch))
                    for name, batch in batches.items()
                }
            main, reading = next(iter(batches.values())), 0.0
        with prefix.attach_hooks() if prefix else nullcontext():
            train = time_call(
                lambda: step(objective, optimizer, engine, batches, 0.0, 1, part.clip)
            ) / len(rows)
            evaluate = forward_seconds(objective.model, main, engine)
        return Pace(record, reading + train, reading + evaluate, teach)

    warm = try_rows(rows[:WARM_ROWS])
    return try_rows(rows[: max(LEAST_ROWS, int(TRIAL_SECONDS / max(warm.train, warm.record)))])


def _note_in(recordable: set[int]) -> Record:
    """What notes the ids of the feeds that a training would record, and leaves them as they are."""

    def note(prefix: Prefix, feed: Feed) -> Feed:
        recordable.add(id(feed))
        return feed

    return note


def _record_teachers(
    objective: Objective, batch: Batch, names: Sequence[str], engine: Engine
) -> float:
    """Put the features of these teachers in place of their inputs; return the seconds that took."""
    started = time.perf_counter()
    for name in names:
        beside = batch.extras[name]
        with torch.no_grad(), engine.autocast():
            output = objective.teachers[name](Batch(beside["inputs"], mask=beside["mask"]))
        batch.extras[name] = {"inputs": {"features": output.features.float()}, "mask": None}
    env.synchronize()
    return time.perf_counter() - started


def _evaluate_seconds(model: Model, feed: Feed, engine: Engine) -> float:
    """An example through a network of which nothing trains."""
    optim.freeze(model, [])
    rows = _typical_rows(feed)
    forward_seconds(model, _read(feed, rows[:WARM_ROWS])[0], engine)
    batch, reading = _read(feed, rows)
    return reading + forward_seconds(model, batch, engine)


def _typical_rows(feed: Feed) -> list[int]:
    """The rows of the batch of an epoch that is nearest to the mean in padded length."""
    plan = feed.plan((0, 0))
    sizes = [len(rows) * max(feed.lengths[row] for row in rows) for rows in plan]
    mean = sum(sizes) / len(sizes)
    return min(zip(plan, sizes, strict=True), key=lambda pair: abs(pair[1] - mean))[0]


def _read_all(feeds: Feeds, rows: list[int]) -> tuple[dict[str, Batch], float]:
    """These rows of the first stream with their share of the others, and the seconds of reading."""
    batches, seconds = {}, 0.0
    for name, feed in feeds.by_stream.items():
        count = max(1, round(len(rows) * feed.batch_size / feeds.main.batch_size))
        chosen = rows if feed is feeds.main else _typical_rows(feed)[:count]
        batches[name], each = _read(feed, chosen)
        seconds += each * len(chosen)
    return batches, seconds


def _read(feed: Feed, rows: list[int]) -> tuple[Batch, float]:
    """The batch, and the seconds that reading an example takes when all reading threads work."""
    started = time.perf_counter()
    batch = next(feed.stream([rows], (0, 0)))
    # On the processor reading and computing share the threads; for an accelerator all cores read.
    threads = torch.get_num_threads() if feed.device.type == "cpu" else env.cores()
    return batch, (time.perf_counter() - started) / len(rows) / threads


def _pass_seconds(objective: Objective, feed: Feed, prefix: Prefix, engine: Engine) -> float:
    """The seconds of one pass of a solver over recorded features, forward and backward."""
    rows = _typical_rows(feed)[:LEAST_ROWS]
    batch, _ = _read(feed, rows)
    with torch.no_grad(), prefix.trunk(), engine.autocast():
        features = prefix.compute_recorded(batch)[0]
    count = min(len(feed.pieces), ROWS)
    places = torch.arange(count) % len(rows)
    large = Batch(
        {"features": features[places]},
        trees.take(batch.target, places),
        [rows[place] for place in places],
        trees.take(batch.extras, places),
    )
    seconds = time_call(lambda: sum(objective({LABELED: large}, 1.0).values()).backward())
    return seconds * len(feed.pieces) / count
