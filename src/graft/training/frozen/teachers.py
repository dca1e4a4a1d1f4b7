"""What teachers read of the batches of a training: recorded features, or inputs of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from graft.backbones.backbone import Model
from graft.base.errors import BadValue
from graft.techniques.technique import Objective
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.feeds.feeds import Feeds
from graft.training.frozen import frozen_prefix, recording
from graft.training.frozen.frozen_prefix import Prefix
from graft.training.frozen.slots import CannotCut

Record = Callable[[Prefix, Feed], Feed]
"""A prefix and a feed -> the feed that reads the recording, which is made if it is missing."""


def add_teachers(
    feeds: Feeds, objective: Objective, epochs: float, engine: Engine, record: Record
) -> Feeds:
    """Return the feeds; batches of the first stream come with what the teachers read of them.

    Where versions of an example come back, the features of a teacher are recorded once. Else its
    inputs come with each batch, unless they are those of the network.
    Raises BadValue if a teacher reads texts in other pieces than the network.
    """
    if not objective.teachers:
        return feeds
    beside = {}
    for name, teacher in objective.teachers.items():
        feed = feed_of_teacher(teacher, feeds.main)
        behind = _try_recording(teacher, feed, epochs, engine, record)
        reads_the_same = teacher.backbone.preprocess == objective.model.backbone.preprocess
        if behind is not None or not (reads_the_same and feed.views is None):
            beside[name] = behind or feed
    main = feeds.main
    return feeds.map(lambda feed: replace(feed, beside=beside) if feed is main else feed)


def feed_of_teacher(teacher: Model, feed: Feed) -> Feed:
    """The same pieces in the same versions, as the teacher reads them."""
    preprocess, augment = teacher.backbone.preprocess, getattr(feed.preprocess, "augment", None)
    if augment is not None:
        preprocess = preprocess.with_augment(augment)
    windows = feed.task.windows(feed.windows.samples, preprocess)
    if windows.owners != feed.windows.owners:
        raise BadValue(
            f"The teacher {teacher.backbone.name} reads long texts in other windows than the "
            "network. Leave out the windows of the task, or give a teacher with the same tokens."
        )
    return replace(feed, windows=windows, preprocess=preprocess)


def _try_recording(
    teacher: Model, feed: Feed, epochs: float, engine: Engine, record: Record
) -> Feed | None:
    """The feed behind a recording of the teacher's features; None if it would not pay or fit.

    It pays if the feed has no more versions of an example than are seen in so many epochs.
    """
    few = feed.views is not None and feed.views <= max(epochs, 1)
    if not few or teacher.backbone.form != "vector" or recording.cap() == 0:
        return None
    try:
        prefix = frozen_prefix.find(teacher, feed, engine)
        # Features alone are read without hooks on the teacher.
        return record(prefix, feed) if prefix and prefix.cut is None else None
    except CannotCut:
        return None
